//! Section 5: a shard stops, loudly, and comes back with its data.

use std::fmt;

use anyhow::Result;
use epistemic_operations::remote;
use epistemic_router::{Endpoint, RouterError, hrw};
use serde_json::json;
use tokio::task::JoinSet;

use super::cluster::Cluster;
use super::narrator::Narrator;
use super::tenants::{self, EDGES, NODES, TENANTS};
use super::tools::Python;

/// Nodes written right before the kill.
const LAST_WRITES: u64 = 200;

pub(super) async fn stop_and_return(
    narrator: &mut Narrator,
    cluster: &mut Cluster,
    python: Option<&Python>,
) -> Result<()> {
    let acme = tenants::graph_of(Some("acme"))?;
    let down = hrw::owner(&cluster.endpoints, &acme).clone();
    narrator.section("5. Failure: what breaks, and how loudly")?;
    let before = content(cluster, &down, &acme).await?;
    narrator.say(format!("{acme} before: {before}"))?;

    narrator.say(format!("\nThe shard that owns it, {down}, is stopped with SIGTERM."))?;
    let status = cluster.shard(&down)?.stop().await?;
    let status = status.map_or_else(|| "not running".to_owned(), |status| status.to_string());
    narrator.check_equal("the server ends by itself", status, "exit status: 0".to_owned())?;
    fail_loud(narrator, cluster, &down, &acme).await?;
    if let Some(python) = python {
        let endpoints = &cluster.endpoints;
        let arguments = ["--expect-down", down.as_str()];
        python.run(narrator, cluster, endpoints, &arguments, "sees the same failure").await?;
    }

    narrator.say("\nThe shard is started again.")?;
    restart(narrator, cluster, &down).await?;
    let after = content(cluster, &down, &acme).await?;
    narrator.check_equal(&format!("{acme} is as before"), after, before.clone())?;

    kill_after_writes(narrator, cluster, &down).await?;
    let after = content(cluster, &down, &acme).await?;
    narrator.check_equal(&format!("{acme} is as before"), after, before)?;
    if let Some(python) = python {
        let endpoints = &cluster.endpoints;
        python.run(narrator, cluster, endpoints, &["--verify"], "finds everything as written").await?;
    }
    Ok(())
}

/// The error of the stopped shard, and the others at work.
async fn fail_loud(narrator: &mut Narrator, cluster: &Cluster, down: &Endpoint, acme: &str) -> Result<()> {
    let router = cluster.router();
    match tenants::counts(&router, acme).await {
        Err(error @ RouterError::ShardUnreachable { .. }) => {
            let text = error.to_string();
            narrator.show(format!("{}: {text}", error.code()))?;
            narrator.check("the error names the shard", text.contains(&format!("'{down}'")))?;
            narrator.check("the error names the graph", text.contains(&format!("'{acme}'")))?;
            let remedy = "Start that shard's epistemic-graph-server";
            narrator.check("the error says what to do", text.contains(remedy))?;
            narrator.record.fail_loud = Some(text);
        }
        Err(error) => narrator.check(format!("the shard is reported unreachable, not: {error}"), false)?,
        Ok(_) => narrator.check("a stopped shard does not answer", false)?,
    }
    for tenant in TENANTS {
        let graph = tenants::graph_of(tenant)?;
        let owner = router.owner(&graph);
        if owner != down {
            let counts = tenants::counts(&router, &graph).await?;
            narrator.check(format!("{graph} on {owner} still answers"), counts == (NODES, EDGES))?;
        }
    }
    Ok(())
}

/// Writes to a second graph of the shard and kills it with the last answer.
async fn kill_after_writes(narrator: &mut Narrator, cluster: &mut Cluster, shard: &Endpoint) -> Result<()> {
    let graph = (1..)
        .map(|number| format!("tenant__acme__orders-{number}"))
        .find(|graph| hrw::owner(&cluster.endpoints, graph) == shard)
        .unwrap_or_default();
    narrator.say(format!(
        "\nNow without warning: {LAST_WRITES} nodes are written to {graph}, on the same shard, all in flight"
    ))?;
    narrator.say("at once, and the server gets kill -9 as soon as the last one is acknowledged.")?;
    let router = std::sync::Arc::new(cluster.router());
    tenants::create(&router, &graph).await?;
    let mut writes = JoinSet::new();
    for number in 0..LAST_WRITES {
        let (router, graph) = (router.clone(), graph.clone());
        writes.spawn(async move {
            let properties = json!({"type": "Order", "number": number});
            tenants::add_node(&router, &graph, &format!("order-{number}"), &properties).await
        });
    }
    for written in writes.join_all().await {
        written?;
    }
    cluster.shard(shard)?.kill()?;
    restart(narrator, cluster, shard).await?;
    let nodes = content(cluster, shard, &graph).await?.nodes;
    narrator.check_equal("acknowledged nodes that are there after kill -9", nodes, LAST_WRITES)
}

async fn restart(narrator: &mut Narrator, cluster: &mut Cluster, endpoint: &Endpoint) -> Result<()> {
    let (pid, took) = cluster.shard(endpoint)?.start().await?;
    narrator.check(format!("{endpoint} answers after {} ms (pid {pid})", took.as_millis()), true)
}

/// What a graph holds, counted and digested from its records.
#[derive(Clone, PartialEq)]
pub(super) struct Content {
    pub(super) nodes: u64,
    edges: u64,
    pub(super) digest: String,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, edges, digest } = self;
        write!(f, "{nodes} nodes, {edges} edges, digest {digest}")
    }
}

/// Reads the whole of a graph from a shard.
pub(super) async fn content(cluster: &mut Cluster, shard: &Endpoint, graph: &str) -> Result<Content> {
    let client = cluster.shard(shard)?.client().await?;
    let (_, totals) = remote::content(client, graph, |_| {}).await?;
    Ok(Content { nodes: totals.nodes, edges: totals.edges, digest: totals.digest })
}
