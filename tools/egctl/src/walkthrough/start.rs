//! Section 1 and 2: three shards, one endpoint list.

use anyhow::Result;
use epistemic_router::Endpoint;

use super::cluster::Cluster;
use super::narrator::Narrator;

/// Starts the shards.
pub(super) async fn start(narrator: &mut Narrator, cluster: &mut Cluster) -> Result<()> {
    narrator.section("1. Start three shards")?;
    narrator
        .say("Three independent servers, each with its own port, persist directory and metrics listener.")?;
    narrator.say("Each knows the list and its place in it: it creates no graph that belongs to another.")?;
    narrator.say("They share one secret, which travels in the environment, never in arguments.")?;
    if !cluster.published_ports {
        narrator
            .say("NOTE: a port of 9101-9103 is taken, so other ports are used. Placement depends on the")?;
        narrator.say("endpoint texts: tenants may land on other shards than in the published table.")?;
    }
    for shard in &mut cluster.shards {
        narrator.show(format!("$ epistemic-graph-server {}", shard.arguments().join(" ")))?;
        let (pid, took) = shard.start().await?;
        narrator
            .check(format!("{} answers after {} ms (pid {pid})", shard.endpoint, took.as_millis()), true)?;
    }
    Ok(())
}

/// Shows the list that every client is configured with.
pub(super) fn endpoint_list(narrator: &mut Narrator, cluster: &Cluster) -> Result<()> {
    narrator.section("2. Point every client at the full list")?;
    narrator.say(
        "The texts are hashed as they are, so every client needs identical ones; their order is free.",
    )?;
    narrator.show(format!("export GRAPH_SERVICE_ENDPOINTS=\"{}\"", cluster.endpoints))?;
    let texts: Vec<_> = cluster.endpoints.as_slice().iter().map(Endpoint::to_string).collect();
    let json = serde_json::to_string(&texts)?;
    narrator.show(format!("export GRAPH_SERVICE_ENDPOINTS='{json}'"))?;
    let same = epistemic_router::EndpointList::parse(&json)? == cluster.endpoints;
    narrator.check("both forms mean the same list", same)?;
    narrator.record.endpoints = texts;
    narrator.record.published_ports = cluster.published_ports;
    Ok(())
}
