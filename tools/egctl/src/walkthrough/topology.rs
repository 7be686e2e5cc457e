//! Section 4: what is there.

use anyhow::Result;
use epistemic_router::DEFAULT_GRAPH;

use super::cluster::Cluster;
use super::http;
use super::narrator::Narrator;
use super::tools::egctl;

pub(super) async fn inspect(narrator: &mut Narrator, cluster: &Cluster) -> Result<()> {
    narrator.section("4. Inspect the topology")?;
    narrator.say("As the gateway reports it: a connection attempt to each shard, no request.")?;
    let topology = cluster.router().topology(DEFAULT_GRAPH).await;
    narrator.show(serde_json::to_string_pretty(&topology)?)?;
    let all = topology.endpoints.iter().all(|endpoint| endpoint.reachable);
    narrator.check("all shards are reachable", all)?;
    narrator.record.topology = Some(topology);
    narrator.say("\nAs the shards see themselves:")?;
    egctl(narrator, cluster, &cluster.endpoints, &["status"]).await?;
    egctl(narrator, cluster, &cluster.endpoints, &["graphs"]).await?;
    narrator.say("\nEach shard has its own Prometheus series:")?;
    for shard in &cluster.shards {
        let port = shard.metrics_port;
        narrator.say(format!("$ curl http://127.0.0.1:{port}/metrics | grep graph_nodes"))?;
        let metrics = http::get(port, "/metrics").await?;
        let series = |line: &&str| line.starts_with("epistemic_graph_graph_nodes{");
        let lines: Vec<_> = metrics.lines().filter(series).collect();
        let none = "(no tenant's graph is on this shard)".to_owned();
        narrator.show(if lines.is_empty() { none } else { lines.join("\n") })?;
        let requests = metrics.contains("epistemic_graph_requests_total{");
        narrator.check(format!("{} counts its requests", shard.endpoint), requests)?;
    }
    Ok(())
}
