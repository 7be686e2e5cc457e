//! `GET /api/dashboard/route`: where tenants and graphs go.

use std::collections::BTreeMap;

use epistemic_router::{ConfigError, hrw, resolve_routing_graph};
use serde::Serialize;

use super::Gateway;

/// Names answered in one request.
const MAX_NAMES: usize = 32;

/// The way of every name asked for.
#[derive(Debug, Serialize)]
pub(super) struct Routes {
    routes: Vec<Route>,
    /// Different tenants that would share a graph.
    collisions: Vec<Collision>,
}

#[derive(Debug, Serialize)]
struct Route {
    tenant: Option<String>,
    #[serde(flatten)]
    way: Way,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Way {
    Found {
        graph: String,
        shard: String,
        /// The name that places the graph, when a group of graphs lives together.
        anchor: Option<String>,
        /// The graph's name does not hold the tenant's id as written: other ids lead to it too.
        rewritten: bool,
        /// Every shard's claim, in list order: 32 hexadecimal digits, the highest wins.
        scores: Vec<Score>,
    },
    Refused {
        error: String,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Score {
    endpoint: String,
    score: String,
}

#[derive(Debug, Serialize)]
struct Collision {
    graph: String,
    tenants: Vec<String>,
}

impl Gateway {
    /// The ways of every `tenant` and `graph` in `query`; asks no shard.
    pub(super) fn routes(&self, query: &[(String, String)]) -> Routes {
        let named = query.iter().filter(|(key, _)| key == "tenant" || key == "graph").take(MAX_NAMES);
        let routes: Vec<_> = named
            .map(|(key, name)| {
                let tenant = (key == "tenant").then(|| name.clone());
                let explicit = tenant.is_none().then_some(name.as_str());
                let way = self.way(explicit, tenant.as_deref());
                Route { tenant, way: way.unwrap_or_else(|error| Way::Refused { error: error.to_string() }) }
            })
            .collect();
        Routes { collisions: collisions(&routes), routes }
    }

    pub(super) fn way(&self, explicit: Option<&str>, tenant: Option<&str>) -> Result<Way, ConfigError> {
        let graph = resolve_routing_graph(explicit, tenant, &self.default_graph)?;
        let written = |tenant: &str| graph == format!("tenant__{tenant}__{}", self.default_graph);
        let anchor = self.placement.anchor(&graph);
        let score = |(endpoint, score): (&epistemic_router::Endpoint, u128)| Score {
            endpoint: endpoint.to_string(),
            score: format!("{score:032x}"),
        };
        Ok(Way::Found {
            shard: self.placement.owner(&graph).to_string(),
            anchor: (anchor != graph).then(|| anchor.to_owned()),
            rewritten: tenant.is_some_and(|tenant| !tenant.is_empty() && !written(tenant)),
            scores: hrw::scores(self.placement.endpoints(), anchor).into_iter().map(score).collect(),
            graph,
        })
    }
}

fn collisions(routes: &[Route]) -> Vec<Collision> {
    let mut tenants: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for route in routes {
        if let (Some(tenant), Way::Found { graph, .. }) = (&route.tenant, &route.way) {
            let sharing = tenants.entry(graph).or_default();
            if !sharing.contains(tenant) {
                sharing.push(tenant.clone());
            }
        }
    }
    let shared = tenants.into_iter().filter(|(_, tenants)| tenants.len() > 1);
    shared.map(|(graph, tenants)| Collision { graph: graph.to_owned(), tenants }).collect()
}
