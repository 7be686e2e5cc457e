//! Section 6: a shard joins the list while a client writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use epistemic_router::{ConnectOptions, EndpointList, Secret, ShardRouter, hrw};
use serde_json::json;

use super::cluster::Cluster;
use super::failure::content;
use super::narrator::Narrator;
use super::routing::routes;
use super::tenants;
use super::tools::{Python, egctl};

pub(super) async fn join(
    narrator: &mut Narrator,
    cluster: &mut Cluster,
    python: Option<&Python>,
) -> Result<()> {
    narrator.section("6. Resharding: a shard joins, under its writers")?;
    let before = cluster.endpoints.clone();
    let joined = cluster.add_shard(&tenants::graph_of(None)?)?;
    let after = cluster.endpoints.clone();
    narrator.say("A fourth shard starts, empty, with the new list. The others keep theirs for now.")?;
    let (pid, took) = cluster.shard(&joined)?.start().await?;
    narrator.check(format!("{joined} answers after {} ms (pid {pid})", took.as_millis()), true)?;

    let graph = (1..)
        .map(|number| format!("tenant__globex__visits-{number}"))
        .find(|graph| hrw::owner(&after, graph) == &joined)
        .unwrap_or_default();
    let owner = hrw::owner(&before, &graph).clone();
    narrator.say(format!("{graph} is on {owner} and belongs to the new shard by the new list. A client"))?;
    narrator.say("writes to it all the time, one node after the other, and follows it when it has moved.")?;
    tenants::create(&cluster.router_over(before.clone()), &graph).await?;
    let writer = Writer::start(cluster, &before, &graph);
    let (from, to) = (before.to_string(), after.to_string());
    egctl(
        narrator,
        cluster,
        &before,
        &["reshard", "plan", "--from", &from, "--to", &to, "--out", "plan.json"],
    )
    .await?;
    egctl(narrator, cluster, &before, &["reshard", "apply", "--plan", "plan.json", "--state", "reshard"])
        .await?;
    let acknowledged = writer.stop().await?;
    let held = content(cluster, &joined, &graph).await?.nodes;
    narrator.check("the client wrote during the move", acknowledged > 0)?;
    narrator.check_equal("acknowledged nodes that are on the new shard", held, acknowledged)?;
    narrator.record.written_meanwhile = acknowledged;

    narrator.say("\nNow shards and clients get the list that it printed:")?;
    narrator.show(format!("export GRAPH_SERVICE_ENDPOINTS=\"{after}\""))?;
    for endpoint in before.as_slice() {
        let shard = cluster.shard(endpoint)?;
        shard.stop().await?;
        shard.endpoints = Some(after.clone());
        let (pid, _) = shard.start().await?;
        narrator.check(format!("{endpoint} answers with the new list (pid {pid})"), true)?;
    }
    let router = cluster.router();
    for route in routes(&after)? {
        let held = tenants::reads_back(&router, route.tenant.as_deref()).await?;
        narrator.check(format!("{} on {} is complete", route.graph, route.shard), held)?;
    }
    if let Some(python) = python {
        python.run(narrator, cluster, &after, &["--verify"], "finds everything with the new list").await?;
    }
    Ok(())
}

/// Writes to a graph until it is stopped.
struct Writer {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Result<u64>>,
}

impl Writer {
    fn start(cluster: &Cluster, list: &EndpointList, graph: &str) -> Self {
        // The new shard is not in its list.
        let options = ConnectOptions {
            follow_moves: true,
            follow_to: cluster.endpoints.as_slice().to_vec(),
            ..ConnectOptions::default()
        };
        let router = ShardRouter::new(list.clone(), Secret::new(&cluster.secret), options);
        let (stop, graph) = (Arc::new(AtomicBool::new(false)), graph.to_owned());
        let told = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut written = 0;
            while !told.load(Ordering::Relaxed) {
                let properties = json!({"type": "Visit", "number": written});
                tenants::add_node(&router, &graph, &format!("visit-{written}"), &properties)
                    .await
                    .with_context(|| format!("write {written} to {graph}"))?;
                written += 1;
            }
            Ok(written)
        });
        Self { stop, task }
    }

    /// Nodes that were acknowledged.
    ///
    /// # Errors
    /// The first write that failed.
    async fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}
