//! Large responses to slow clients, which wait on disk.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::http::{get, series};
use epistemic_tests::wire::{bin, map, pack, params};
use epistemic_tests::{ServerProcess, Value, wait};

use crate::{LIMIT, Shard, Tunnel, authority_and_server};

/// Rows are on disk from the time that they are made, a batch of nodes once its client turns out to be slow.
#[test]
fn what_waited_on_disk_arrives_whole_by_tls() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let builder = ServerProcess::ours().metrics().arg("--answer-memory").arg((48 << 20).to_string());
    let shard = Shard::start_with(builder, &pair, &[])?;
    let mut local = shard.server.client()?;
    local.create_graph("g")?;
    let properties = pack(&map([("text", bin(vec![0x55; 1 << 20]))]));
    let ids: Vec<String> = (0..10).map(|n| format!("n{n}")).collect();
    for id in &ids {
        local.add_node("g", id, &properties)?;
    }
    let ids = Value::Array(ids.into_iter().map(Value::from).collect());
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &authority.ca_text()?])?;
    for (method, fields) in [("GetNodes", None), ("GetNodePropertiesBatch", params([("node_ids", ids)]))] {
        let expected = local.call("g", method, fields.clone())?;
        let mut slow = tunnel.client()?;
        let id = slow.send("g", method, fields)?;
        let waits = wait::poll(LIMIT, Duration::from_millis(50), || {
            let page = get(shard.server.metrics_addr(), "/metrics")?.body;
            let bytes = series(&page, "epistemic_graph_answers_disk_bytes").context("no series")?;
            anyhow::Ok((bytes > 0.0).then_some(()))
        })?;
        waits.with_context(|| format!("{method}: nothing is on disk"))?;
        let answer = slow.receive()?;
        ensure!(answer.id == id && answer.outcome == Ok(expected), "{method}: the response was changed");
        slow.call("g", "NodeCount", None)?;
    }
    Ok(())
}
