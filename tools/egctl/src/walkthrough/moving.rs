//! Section 7: a shard leaves the list, and its graphs move by snapshot: the published way, by hand.

use anyhow::Result;
use epistemic_operations::remote;
use epistemic_router::status::GraphStats;
use epistemic_router::{EndpointList, hrw};
use epistemic_storage::graph::COMMONS;
use serde::Serialize;

use super::cluster::Cluster;
use super::failure::content;
use super::narrator::{Move, Narrator};
use super::routing::routes;
use super::tenants;
use super::tools::{Python, egctl};

#[derive(Serialize)]
struct DeleteGraph<'a> {
    graph_name: &'a str,
}

pub(super) async fn move_graphs(
    narrator: &mut Narrator,
    cluster: &mut Cluster,
    python: Option<&Python>,
) -> Result<()> {
    narrator.section("7. The manual way: graphs move by snapshot, with a pause")?;
    // Not the shard that joined: where its graphs were, signposts lead to it.
    let leaving = hrw::owner(&cluster.endpoints, &tenants::graph_of(None)?).clone();
    let staying = cluster.endpoints.as_slice().iter().filter(|endpoint| **endpoint != leaving);
    let staying = EndpointList::new(staying.cloned().collect())?;
    narrator.say(format!(
        "{leaving} leaves the list, so only its graphs get new owners. Reshard would do this as well; by hand"
    ))?;
    narrator
        .say("each graph is exported from the old shard and imported on the one that the new list names, while nobody writes.")?;
    narrator.show(format!("export GRAPH_SERVICE_ENDPOINTS=\"{}\"", staying))?;

    narrator.say("\nThe shards that stay are restarted with it. They refuse what belongs to another, and clients compare.")?;
    for endpoint in staying.as_slice() {
        let shard = cluster.shard(endpoint)?;
        shard.stop().await?;
        shard.endpoints = Some(staying.clone());
        let (pid, _) = shard.start().await?;
        narrator.check(format!("{endpoint} answers with the new list (pid {pid})"), true)?;
    }

    let old = cluster.shard(&leaving)?.client().await?;
    let stats: Vec<GraphStats> = remote::call(&old, COMMONS, "GraphStats", &()).await?;
    for GraphStats { name: graph, .. } in stats.iter().filter(|stats| stats.name != COMMONS) {
        let to = hrw::owner(&staying, graph).clone();
        let file = format!("{graph}.snap");
        narrator.say("")?;
        let export = ["snapshot", "export", graph, "-o", &file, "--endpoint", leaving.as_str()];
        egctl(narrator, cluster, &staying, &export).await?;
        egctl(narrator, cluster, &staying, &["snapshot", "import", &file]).await?;
        let before = content(cluster, &leaving, graph).await?;
        let after = content(cluster, &to, graph).await?;
        let same = after == before;
        narrator.check_equal(&format!("{graph} is on {to} as it was"), after.clone(), before)?;
        if !same {
            continue;
        }
        narrator.record.moves.push(Move {
            graph: graph.clone(),
            from: leaving.to_string(),
            to: to.to_string(),
            digest: after.digest,
        });
        old.call(graph, "DeleteGraph", &DeleteGraph { graph_name: graph }).await?;
    }
    narrator.say("\nThe stale copies are deleted and the shard is stopped. With the new list:")?;
    cluster.shard(&leaving)?.stop().await?;
    egctl(narrator, cluster, &staying, &["graphs"]).await?;
    let router = cluster.router_over(staying.clone());
    for route in routes(&staying)? {
        let held = tenants::reads_back(&router, route.tenant.as_deref()).await?;
        narrator.check(format!("{} on {} is complete", route.graph, route.shard), held)?;
    }
    if let Some(python) = python {
        python.run(narrator, cluster, &staying, &["--verify"], "finds everything with the new list").await?;
    }
    Ok(())
}
