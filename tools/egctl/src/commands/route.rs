//! `egctl route`: tenant or graph, then shard.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use epistemic_router::status::base_name_told;
use epistemic_router::{
    Affinity, ConfigError, EndpointList, default_graph, hrw, must_have_schemes, resolve_routing_graph,
};
use serde::Serialize;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::shards::affinity;
use crate::table::{shortened, write_table};

/// Show the graph and the shard of a tenant or graph. Asks no server.
///
/// Both options may be given several times. Without either, the default graph is shown.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct RouteArgs {
    /// Name of a graph.
    #[arg(long, value_name = "G", conflicts_with = "tenants")]
    graph: Vec<String>,
    /// Id of a tenant.
    #[arg(long = "tenant", value_name = "T")]
    tenants: Vec<String>,
    /// Shards, comma-separated or as a JSON list. Default: GRAPH_SERVICE_ENDPOINTS and the other variables.
    #[arg(long, value_name = "LIST", value_parser = EndpointList::parse)]
    endpoints: Option<EndpointList>,
    /// The graph that tenants share a base name with. Default: KG_DEFAULT_GRAPH, else __bus__.
    #[arg(long, value_name = "NAME")]
    default_graph: Option<String>,
    /// Also show every shard's score; the highest one owns the graph.
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Routes {
    default_graph: String,
    routes: Vec<Route>,
}

/// Where one name leads.
#[derive(Serialize)]
struct Route {
    tenant: Option<String>,
    graph: String,
    /// The name that places the graph, when a group of graphs lives together.
    anchor: Option<String>,
    shard: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scores: Vec<Score>,
}

#[derive(Serialize)]
struct Score {
    endpoint: String,
    /// 128 bits, as 32 hexadecimal digits: the MD5 of "{endpoint}-{graph}", with the anchor for the graph if it has one.
    score: String,
}

/// Prints the routes. Tenants whose ids lead to one graph are an error, reported after the table.
pub(super) fn run(args: &RouteArgs) -> Result<()> {
    let endpoints = match &args.endpoints {
        Some(list) => list.clone(),
        None => EndpointList::from_env()?,
    };
    must_have_schemes(&endpoints)?;
    let default =
        args.default_graph.clone().unwrap_or_else(|| default_graph(|name| std::env::var(name).ok()));
    let routes = routes(args, &endpoints, &affinity()?, &default)?;
    let shared = shared_graph(&routes);
    args.output.print(&Routes { default_graph: default, routes })?;
    shared.map_or(Ok(()), |message| Err(Failure::new(Exit::Failed, message).into()))
}

fn routes(
    args: &RouteArgs,
    endpoints: &EndpointList,
    affinity: &Affinity,
    default: &str,
) -> Result<Vec<Route>, ConfigError> {
    let mut asked: Vec<(Option<&str>, Option<&str>)> = Vec::new();
    asked.extend(args.graph.iter().map(|graph| (None, Some(graph.as_str()))));
    asked.extend(args.tenants.iter().map(|tenant| (Some(tenant.as_str()), None)));
    if asked.is_empty() {
        asked.push((None, None));
    }
    let route = |(tenant, graph): (Option<&str>, Option<&str>)| {
        let graph = resolve_routing_graph(graph, tenant, default)?;
        let anchor = affinity.anchor(&graph);
        let mut scores = Vec::new();
        if args.explain {
            scores.extend(hrw::scores(endpoints, anchor).into_iter().map(|(endpoint, score)| Score {
                endpoint: endpoint.to_string(),
                score: format!("{score:032x}"),
            }));
        }
        Ok(Route {
            tenant: tenant.map(str::to_owned),
            shard: hrw::owner(endpoints, anchor).to_string(),
            anchor: (anchor != graph).then(|| anchor.to_owned()),
            graph,
            scores,
        })
    };
    asked.into_iter().map(route).collect()
}

/// Different tenants must not share a graph by accident.
fn shared_graph(routes: &[Route]) -> Option<String> {
    routes.iter().enumerate().find_map(|(index, route)| {
        let tenant = route.tenant.as_deref()?;
        let earlier = routes[..index].iter().find(|earlier| earlier.graph == route.graph)?;
        let other = earlier.tenant.as_deref().filter(|other| *other != tenant)?;
        let graph = &route.graph;
        Some(format!(
            "tenants {other:?} and {tenant:?} would share the graph {graph:?}: give one of them another id"
        ))
    })
}

impl Report for Routes {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let row = |route: &Route| {
            let tenant = route.tenant.as_deref().map_or_else(|| "-".to_owned(), shortened);
            [tenant, shortened(&route.graph), route.shard.clone()]
        };
        let rows: Vec<_> = self.routes.iter().map(row).collect();
        write_table(out, ["tenant", "graph", "shard"], &rows)?;
        writeln!(out, "\n{}", base_name_told(&self.default_graph))?;
        for route in &self.routes {
            if let Some(anchor) = &route.anchor {
                writeln!(out, "\n{} is placed with its group, as {}", shown(&route.graph), shown(anchor))?;
            }
        }
        for route in self.routes.iter().filter(|route| !route.scores.is_empty()) {
            let placed_as = route.anchor.as_ref().unwrap_or(&route.graph);
            writeln!(out, "\nscores for {}", shown(placed_as))?;
            for Score { endpoint, score } in &route.scores {
                let mark = if *endpoint == route.shard { "  owner" } else { "" };
                writeln!(out, "  {score}  {endpoint}{mark}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_that_share_a_slug_are_reported() {
        let route = |tenant: &str, graph: &str| Route {
            tenant: Some(tenant.to_owned()),
            graph: graph.to_owned(),
            anchor: None,
            shard: String::new(),
            scores: Vec::new(),
        };
        assert_eq!(shared_graph(&[route("a", "g"), route("b", "h"), route("a", "g")]), None);
        let message = shared_graph(&[route("a b", "g"), route("a_b", "g")]).unwrap();
        assert!(message.contains("\"a b\"") && message.contains("\"a_b\""), "{message}");
    }
}
