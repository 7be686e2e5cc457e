//! Section 3: tenant, graph, shard; then writes and reads by both clients.

use anyhow::Result;
use epistemic_router::{EndpointList, hrw};

use super::cluster::Cluster;
use super::narrator::{Narrator, Route};
use super::tenants::{self, TENANTS};
use super::tools::{Python, egctl};

/// The published table: tenant, graph, shard.
const PUBLISHED: [(Option<&str>, &str, &str); 4] = [
    (Some("acme"), "tenant__acme____bus__", "tcp://localhost:9103"),
    (Some("globex"), "tenant__globex____bus__", "tcp://localhost:9101"),
    (Some("initech"), "tenant__initech____bus__", "tcp://localhost:9102"),
    (None, "__bus__", "tcp://localhost:9103"),
];
const PUBLISHED_ENDPOINTS: &str = "tcp://localhost:9101,tcp://localhost:9102,tcp://localhost:9103";

pub(super) async fn route_and_write(
    narrator: &mut Narrator,
    cluster: &Cluster,
    python: Option<&Python>,
) -> Result<()> {
    narrator.section("3. Tenant, graph, shard")?;
    narrator.say("A tenant has a graph; the shard with the highest MD5(\"{endpoint}-{graph}\") owns it.")?;
    egctl(
        narrator,
        cluster,
        &cluster.endpoints,
        &["route", "--tenant", "acme", "--tenant", "globex", "--tenant", "initech"],
    )
    .await?;
    egctl(narrator, cluster, &cluster.endpoints, &["route", "--explain"]).await?;
    narrator.record.routes = routes(&cluster.endpoints)?;
    let published = table(&routes(&EndpointList::parse(PUBLISHED_ENDPOINTS)?)?);
    let expected = PUBLISHED.map(|(tenant, graph, shard)| row(tenant, graph, shard)).join("\n");
    narrator.check("ports 9101-9103 give the published table", published == expected)?;
    if cluster.published_ports {
        let ours = table(&narrator.record.routes);
        narrator.check("these shards are placed as published", ours == expected)?;
    }

    narrator.say(
        "\nOur client writes three nodes and three edges for each tenant. It makes one connection per",
    )?;
    narrator.say("shard, and each write is on disk when it is answered.")?;
    let router = cluster.router();
    for tenant in TENANTS {
        tenants::write(&router, tenant).await?;
        let graph = tenants::graph_of(tenant)?;
        let held = tenants::reads_back(&router, tenant).await?;
        narrator.check(format!("{graph} on {}: written and read back", router.owner(&graph)), held)?;
    }
    let Some(python) = python else {
        return narrator.say("\nThe Python client is left out: give --python PATH to run it too.");
    };
    narrator.say(
        "\nThe published Python client finds the same shards, reads what ours wrote, and writes it again.",
    )?;
    let endpoints = &cluster.endpoints;
    python.run(narrator, cluster, endpoints, &["--verify"], "reads what our client wrote").await?;
    python.run(narrator, cluster, endpoints, &[], "writes and reads back").await?;
    for tenant in TENANTS {
        let held = tenants::reads_back(&router, tenant).await?;
        narrator
            .check(format!("our client reads what Python wrote to {}", tenants::graph_of(tenant)?), held)?;
    }
    Ok(())
}

/// Where the tenants' graphs belong.
pub(super) fn routes(endpoints: &EndpointList) -> Result<Vec<Route>> {
    let route = |tenant: &Option<&str>| {
        let graph = tenants::graph_of(*tenant)?;
        Ok(Route {
            tenant: tenant.map(str::to_owned),
            shard: hrw::owner(endpoints, &graph).to_string(),
            graph,
        })
    };
    TENANTS.iter().map(route).collect()
}

fn table(routes: &[Route]) -> String {
    let rows = routes.iter().map(|route| row(route.tenant.as_deref(), &route.graph, &route.shard));
    rows.collect::<Vec<_>>().join("\n")
}

fn row(tenant: Option<&str>, graph: &str, shard: &str) -> String {
    format!("{} {graph} {shard}", tenant.unwrap_or("None"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_table_holds() {
        let routes = routes(&EndpointList::parse(PUBLISHED_ENDPOINTS).unwrap()).unwrap();
        assert_eq!(table(&routes), PUBLISHED.map(|(t, g, s)| row(t, g, s)).join("\n"));
    }
}
