//! Requests, computations, connections and cursors.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, ServerProcess, python};

use crate::{EMPTY, create, nodes, refused, server, set};

/// A server on which `acme` has a graph with a node, and these limits from then on.
fn limited(limits: &[&str]) -> Result<(ServerProcess, Client)> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    create(&mut client, "g", "acme")?;
    client.add_node("g", "n", EMPTY)?;
    create(&mut client, "other", "bob")?;
    set(&mut client, "acme", limits)?;
    Ok((server, client))
}

/// Milliseconds in `Try again in N ms`.
fn wait_in(text: &str) -> Result<u64> {
    let (_, rest) = text.split_once("Try again in ").with_context(|| text.to_owned())?;
    let (number, rest) = rest.split_once(" ms, at 20").with_context(|| text.to_owned())?;
    ensure!(rest.contains('T') && rest.ends_with("Z (docs/errors/quota.md)"), "{text}");
    Ok(number.parse()?)
}

/// With one request a second at most the third of three in a row comes before two have passed, unless the machine
/// stands still: so many are pipelined that more than a second's would have to be answered at once.
#[test]
fn requests_over_the_rate_are_told_until_when() -> Result<()> {
    let (server, mut client) = limited(&["requests_per_second=1"])?;
    const SENT: usize = 200;
    for _ in 0..SENT {
        client.send("g", "NodeCount", None)?;
    }
    let mut refusals = Vec::new();
    for _ in 0..SENT {
        refusals.extend(client.receive()?.outcome.err());
    }
    assert!(!refusals.is_empty(), "200 requests at once, one a second is allowed");
    for text in &refusals {
        let begin = "QUOTA: tenant 'acme' may use 1 requests per second (quota rule 'set acme') and has used them; nothing was done.";
        assert!(text.starts_with(begin), "{text}");
        assert!((1..=1000).contains(&wait_in(text)?), "{text}");
    }
    // Another tenant, and what only asks how the shard is, are not disturbed.
    for _ in 0..50 {
        assert_eq!(nodes(&mut client, "other")?, 0);
        client.call("", "Ping", None)?;
    }
    let status = client.call("", "ShardStatus", None)?;
    let counted = field(&status, "quotas").and_then(|quotas| field(quotas, "refused")).context("quotas")?;
    assert_eq!(field(counted, "requests_per_second"), Some(&(refusals.len() as u64).into()), "{status}");
    // A rate of nothing never comes back.
    set(&mut client, "acme", &["requests_per_second=0"])?;
    let text = refused(client.call("g", "NodeCount", None))?;
    assert!(text.contains("The operator has to raise it (docs"), "{text}");
    drop(server);
    Ok(())
}

#[test]
fn bytes_writes_and_computations_have_rates_of_their_own() -> Result<()> {
    let (_server, mut client) = limited(&["write_cost_per_second=0", "compute_seconds_per_minute=0"])?;
    let text = refused(client.add_node("g", "m", EMPTY))?;
    assert!(text.contains("may use 0 bytes of writes per second"), "{text}");
    let text = refused(client.call("g", "PageRank", None))?;
    assert!(text.contains("may use 0 seconds of computation per minute"), "{text}");
    assert_eq!(nodes(&mut client, "g")?, 1, "reads go on");
    set(&mut client, "acme", &["write_cost_per_second=none", "compute_seconds_per_minute=60"])?;
    client.add_node("g", "m", EMPTY)?;
    client.call("g", "FindCycle", None)?;
    // An answer is paid for when it is out: it is larger than the rate, so the next request waits.
    let properties = [b"\x81\xa1a\xc6\x00\x10\x00\x00".as_slice(), &[7; 0x10_0000]].concat();
    client.add_node("g", "large", &properties)?;
    set(&mut client, "acme", &["bytes_per_second=1000"])?;
    client.call("g", "GetNodes", None)?;
    let text = refused(client.call("g", "NodeCount", None))?;
    assert!(text.contains("may use 1000 bytes of requests and answers per second"), "{text}");
    assert!(wait_in(&text)? > 60_000, "a MiB at 1000 bytes a second: {text}");
    Ok(())
}

#[test]
fn connections_and_cursors_come_back() -> Result<()> {
    let (server, mut client) = limited(&["connections=2", "cursors=1"])?;
    nodes(&mut client, "g")?;
    let mut second = server.client()?;
    nodes(&mut second, "g")?;
    let mut third = server.client()?;
    let text = refused(nodes_of(&mut third))?;
    assert!(
        text.contains("may use 2 connections (quota rule 'set acme') and has 2; nothing was done"),
        "{text}"
    );
    third.call("other", "NodeCount", None)?;

    let cursor = client.call("g", "SnapshotOpen", None)?;
    let text = refused(second.call("g", "SnapshotOpen", None))?;
    assert!(text.contains("may use 1 snapshots at a time"), "{text}");
    second.call("other", "SnapshotOpen", None)?;
    let cursor = field(&cursor, "cursor").cloned().context("a cursor")?;
    client.call("g", "SnapshotClose", params([("cursor", cursor)]))?;
    second.call("g", "SnapshotOpen", None)?;

    drop(client);
    let mut fourth = server.client()?;
    let limit = std::time::Duration::from_secs(60);
    let look = std::time::Duration::from_millis(20);
    let taken =
        epistemic_tests::wait::poll(limit, look, || Ok::<_, anyhow::Error>(nodes_of(&mut fourth).ok()))?;
    assert!(taken.is_some(), "the place of a closed connection is free");
    Ok(())
}

fn nodes_of(client: &mut Client) -> Result<epistemic_tests::Value, epistemic_tests::WireError> {
    client.call("g", "NodeCount", None)
}

/// The published clients show the text.
#[test]
fn an_old_python_client_raises_the_text() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), "[[rule]]\ntenant = \"acme\"\nnodes = 1\n")?.tcp().start()?;
    let script = "
import asyncio, sys
from epistemic_graph import EpistemicGraphClient

GRAPH = 'tenant__acme____bus__'

async def main():
    client = await EpistemicGraphClient.connect(tcp_addr=sys.argv[1], auth_secret=sys.argv[2], graph_name=GRAPH)
    async with client:
        await client.tenants.create(GRAPH, 'Agent')
        await client.nodes.add('a', {})
        try:
            await client.nodes.add('b', {})
        except RuntimeError as error:
            print(type(error).__name__, error)

asyncio.run(main())
";
    let address = server.tcp_addr().to_string();
    let said = python::check("0.31.0", script, &[&address, server.secret()])?;
    assert!(said.starts_with("RuntimeError"), "{said}");
    assert!(said.contains("QUOTA: tenant 'acme' has 1 nodes of the 1 that it may have"), "{said}");
    Ok(())
}
