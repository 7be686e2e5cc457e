//! Nodes, graphs and bytes: the limit is met exactly, whoever writes at once.

use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, field, map, params};
use epistemic_tests::{Client, Value};

use crate::{EMPTY, create, nodes, refused, server, set};

const LIMIT: u64 = 500;
const WRITERS: u64 = 8;
const EACH: u64 = 200;
/// Sent at once: a graph has a quarter of the places of a shard.
const WINDOW: u64 = 25;

/// Pipelines new nodes on one of the tenant's graphs; how many were taken. All others must be refused for the quota.
fn write(mut client: Client, writer: u64) -> Result<u64> {
    let graph = if writer.is_multiple_of(2) { "even" } else { "odd" };
    let mut taken = 0;
    for first in (0..EACH).step_by(WINDOW as usize) {
        for number in first..first + WINDOW {
            let id = format!("{writer}-{number}");
            let fields = [("node_id", id.into()), ("properties_msgpack", bin(EMPTY))];
            client.send(graph, "AddNode", params(fields))?;
        }
        for _ in 0..WINDOW {
            match client.receive()?.outcome {
                Ok(_) => taken += 1,
                Err(text) => ensure!(
                    text.starts_with("QUOTA: tenant 'acme' has 500 nodes of the 500 that it may have"),
                    "{text}"
                ),
            }
        }
    }
    Ok(taken)
}

#[test]
fn pipelined_clients_meet_the_limit_exactly() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = format!("[[rule]]\ntenant = \"acme\"\nnodes = {LIMIT}\n");
    let server = Arc::new(server(folder.path(), &rules)?.start()?);
    let mut client = server.client()?;
    create(&mut client, "even", "acme")?;
    create(&mut client, "odd", "acme")?;
    create(&mut client, "other", "bob")?;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let client = server.client()?;
            let builder = thread::Builder::new().name(format!("writer {writer}"));
            Ok(builder.spawn(move || write(client, writer))?)
        })
        .collect::<Result<_>>()?;
    let mut taken = 0;
    for writer in writers {
        taken += writer.join().expect("a writer panicked")?;
    }
    let there = nodes(&mut client, "even")? + nodes(&mut client, "odd")?;
    assert_eq!((taken, there), (LIMIT, LIMIT));

    // At the limit: what is there may change and go, another tenant notices nothing.
    client.add_node("other", "n", EMPTY)?;
    let ids = client.call("even", "NodeIds", None)?;
    let id = ids.as_array().and_then(|ids| ids.first()?.as_str()).context("a node")?.to_owned();
    client.add_node("even", &id, b"\x81\xa1a\x01")?;
    client.call("even", "RemoveNode", params([("node_id", id.into())]))?;
    client.add_node("odd", "last", EMPTY)?;
    let text = refused(client.add_node("odd", "one more", EMPTY))?;
    assert!(text.contains("would have 501") && text.ends_with("(docs/errors/quota.md)"), "{text}");
    Ok(())
}

fn add(id: &str) -> Value {
    map([("op", "add_node".into()), ("id", id.into()), ("properties", map([]))])
}

#[test]
fn items_of_a_batch_over_the_limit_fail_and_the_others_are_done() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), "[[rule]]\ntenant = \"*\"\nnodes = 2\ngraphs = 1\n")?.start()?;
    let mut client = server.client()?;
    create(&mut client, "g", "acme")?;
    let report = client.batch_update("g", ["1", "2", "3", "1"].map(add).into())?;
    assert_eq!(field(&report, "added_nodes"), Some(&3.into()), "{report}");
    let errors = field(&report, "errors").and_then(Value::as_array).context("errors")?;
    assert_eq!(errors.len(), 1, "{report}");
    let error = errors[0].as_str().context("a text")?;
    assert!(error.starts_with("op[2]: QUOTA: tenant 'acme' has 2 nodes of the 2"), "{error}");
    assert_eq!(nodes(&mut client, "g")?, 2);
    let text = refused(create(&mut client, "h", "acme"))?;
    assert!(text.starts_with("QUOTA: tenant 'acme' has 1 graphs of the 1"), "{text}");
    create(&mut client, "h", "bob")?;
    Ok(())
}

/// Whole graphs that a client brings are no way around it.
#[test]
fn documents_and_forks_are_checked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), "[[rule]]\ntenant = \"acme\"\nnodes = 3\n")?.start()?;
    let mut client = server.client()?.acting_as("acme");
    client.create_graph("large")?;
    client.create_graph("small")?;
    for id in ["1", "2", "3"] {
        client.add_node("large", id, EMPTY)?;
    }
    let text = refused(client.call("large", "Fork", params([("graph_name", "copy".into())])))?;
    assert!(text.starts_with("QUOTA: tenant 'acme'") && text.contains("nodes"), "{text}");
    let document = client.call("large", "ToMsgpack", None)?;
    let fields = || params([("msgpack", document.clone())]);
    let text = refused(client.call("small", "FromMsgpack", fields()))?;
    assert!(text.starts_with("QUOTA: tenant 'acme'") && text.contains("would have 6"), "{text}");
    client.call("large", "FromMsgpack", fields())?;
    assert_eq!((nodes(&mut client, "large")?, nodes(&mut client, "small")?), (3, 0));
    Ok(())
}

#[test]
fn bytes_stored_are_refused_until_the_limit_is_raised_and_removing_is_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), "[[rule]]\ntenant = \"acme\"\nstored_bytes = \"64KiB\"\n")?.start()?;
    let mut client = server.client()?;
    create(&mut client, "g", "acme")?;
    let properties = [b"\x81\xa1a\xc5\x20\x00".as_slice(), &[7; 0x2000]].concat();
    let mut written = 0_u64;
    let text = loop {
        match client.add_node("g", &written.to_string(), &properties) {
            Ok(()) => written += 1,
            Err(error) => break error.server_text().context("a refusal")?.to_owned(),
        }
        ensure!(written < 100, "it is never refused");
    };
    assert!(
        text.starts_with("QUOTA: tenant 'acme' may use 65536 stored bytes (quota rule 'acme')"),
        "{text}"
    );
    assert!((3..=8).contains(&written), "{written} nodes of 8 KiB");
    client.call("g", "RemoveNode", params([("node_id", "0".into())]))?;
    set(&mut client, "acme", &["stored_bytes=1MiB"])?;
    client.add_node("g", "again", &properties)?;
    Ok(())
}

/// Begins a transaction on graph `g`, with these nodes.
fn transaction(client: &mut Client, nodes: &[(&str, &[u8])]) -> Result<Value> {
    let id = client.call("g", "BeginTxn", None)?;
    for &(node, properties) in nodes {
        let fields =
            [("txn_id", id.clone()), ("node_id", node.into()), ("properties_msgpack", bin(properties))];
        client.call("g", "TxnAddNode", params(fields))?;
    }
    Ok(id)
}

/// All of it is refused, and it is not lost to who may commit it later.
#[test]
fn a_transaction_over_the_limit_does_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rule = "[[rule]]\ntenant = \"acme\"\nnodes = 3\nstored_bytes = 100000\n";
    let server = server(folder.path(), rule)?.start()?;
    let mut client = server.client()?;
    create(&mut client, "g", "acme")?;
    client.add_node("g", "there", EMPTY)?;
    let commit = |client: &mut Client, id: Value| client.call("g", "Commit", params([("txn_id", id)]));

    let id = transaction(&mut client, &[("1", EMPTY), ("2", EMPTY), ("3", EMPTY)])?;
    let text = refused(commit(&mut client, id))?;
    assert!(text.starts_with("QUOTA: tenant 'acme' has 3 nodes of the 3"), "{text}");
    assert_eq!(nodes(&mut client, "g")?, 1);
    let id = transaction(&mut client, &[("there", b"\x81\xa1a\x01"), ("1", EMPTY), ("2", EMPTY)])?;
    assert_eq!(commit(&mut client, id)?, true.into());
    assert_eq!(nodes(&mut client, "g")?, 3);

    let mut large = vec![0x81, 0xa1, b'a', 0xc6, 0, 1, 0, 0];
    large.resize(large.len() + (1 << 16), 0);
    let id = transaction(&mut client, &[("1", &large)])?;
    let text = refused(commit(&mut client, id.clone()))?;
    assert!(text.starts_with("QUOTA: tenant 'acme' may use 100000 stored bytes"), "{text}");
    set(&mut client, "acme", &["stored_bytes=10000000"])?;
    assert_eq!(commit(&mut client, id)?, true.into());
    Ok(())
}
