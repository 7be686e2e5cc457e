//! Requests that take much memory. Each may be refused; none may end the server, or take more than its part.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, field, map, pack, params};
use epistemic_tests::{Client, ServerProcess, Value, WireError, transfer};

type Attack = fn(&ServerProcess) -> Result<()>;

pub(crate) const ALL: &[(&str, Attack)] = &[
    ("a document of small JSON maps", json_documents),
    ("a document of many nodes", tiny_nodes),
    ("lists of empty names", empty_names),
    ("a batch of many operations", many_operations),
    ("large batches at once", batches_at_once),
    ("frames that are never finished", unfinished_frames),
    ("answers that nobody reads", unread_answers),
    ("answers of much of a graph, at once", answers_at_once),
    ("batches of large nodes", large_nodes),
    ("parallel edges with large properties", parallel_edges),
    ("touches of large nodes", touches),
    ("exports that nobody reads", unread_exports),
    ("uploads of one record", endless_records),
    ("uploads at once", uploads_at_once),
    ("strangers", strangers),
    ("identities and channels", names),
];

const MIB: usize = 1 << 20;

/// Graphs with large records, written in small requests.
pub(crate) fn prepare(server: &ServerProcess) -> Result<()> {
    let mut client = connect(server)?;
    for graph in ["own", "large", "ten", "edges"] {
        client.create_graph(graph)?;
    }
    let properties = large_properties();
    for n in 0..100 {
        client.add_node("large", &format!("n{n}"), &properties)?;
    }
    for n in 0..10 {
        client.add_node("ten", &format!("n{n}"), &properties)?;
    }
    for node in ["a", "b"] {
        client.add_node("edges", node, &[0x80])?;
    }
    for _ in 0..150 {
        client.add_edge("edges", "a", "b", &properties)?;
    }
    Ok(())
}

/// A client that waits for long: a container may have little of a processor.
fn connect(server: &ServerProcess) -> Result<Client> {
    let client = server.tcp_client()?;
    client.set_limit(Duration::from_secs(600))?;
    Ok(client)
}

fn large_properties() -> Vec<u8> {
    pack(&map([("text", bin(vec![0x55; MIB]))]))
}

/// A refusal is an answer, a connection that ends is none.
fn answered<T>(outcome: Result<T, WireError>) -> Result<Option<String>> {
    match outcome {
        Ok(_) => Ok(None),
        Err(WireError::Server(text)) => Ok(Some(text)),
        Err(error) => Err(error.into()),
    }
}

/// It was refused, with one of these codes.
fn refused(outcome: Result<Value, WireError>, codes: &[&str]) -> Result<()> {
    let text = answered(outcome)?.context("it was done")?;
    ensure!(codes.iter().any(|code| text.starts_with(code)), "{text}");
    Ok(())
}

fn json_documents(server: &ServerProcess) -> Result<()> {
    let mut client = connect(server)?;
    for mib in [60, 18, 12, 4] {
        let text = format!("{{\"x\":[{}{{}}]}}", "{\"\":0},".repeat(mib * MIB / 7));
        let fields = params([("graph_name", "own".into()), ("json_str", text.into())]);
        answered(client.call("own", "Reconcile", fields))?;
    }
    Ok(())
}

fn tiny_nodes(server: &ServerProcess) -> Result<()> {
    let mut client = connect(server)?;
    for count in [2_000_000_u32, 500_000] {
        let mut document = vec![0x81, 0xa5];
        document.extend_from_slice(b"nodes\xdd");
        document.extend_from_slice(&count.to_be_bytes());
        for n in 0..count {
            // An id of four bytes, and no properties.
            document.extend_from_slice(&[0x92, 0xa4]);
            document.extend((0..4).map(|digit| b'0' + (n >> (6 * digit)) as u8 % 64));
            document.extend_from_slice(&[0xc4, 0x01, 0x80]);
        }
        answered(client.call("own", "FromMsgpack", params([("msgpack", bin(document))])))?;
    }
    answered(client.call("own", "ClearGraph", None)).map(drop)
}

fn empty_names(server: &ServerProcess) -> Result<()> {
    let mut client = connect(server)?;
    for count in [60 * MIB, 15 * MIB, 4 * MIB, MIB] {
        let mut list = vec![0xdd];
        list.extend_from_slice(&(count as u32).to_be_bytes());
        list.resize(5 + count, 0xa0);
        for (method, name) in
            [("HasNodesBatch", "node_ids"), ("GetSubgraph", "node_ids"), ("TouchNodes", "node_ids")]
        {
            let body = client.request("own", method, params([(name, Value::Nil)])).body();
            let body = [&body[..body.len() - 1], &list].concat();
            client.send_body(&body)?;
            let _ = client.receive()?;
        }
    }
    Ok(())
}

fn many_operations(server: &ServerProcess) -> Result<()> {
    let mut client = connect(server)?;
    for count in [1_000_000, 100_000] {
        let node = |n: usize| map([("op", "add_node".into()), ("id", format!("{n}").into())]);
        let payload = pack(&Value::Array((0..count).map(node).collect()));
        answered(client.call("own", "BatchUpdate", params([("operations_msgpack", bin(payload))])))?;
    }
    answered(client.call("own", "ClearGraph", None)).map(drop)
}

fn batches_at_once(server: &ServerProcess) -> Result<()> {
    let operation = |n: usize| {
        let properties = map([("text", bin(vec![0x55; MIB]))]);
        map([("op", "add_node".into()), ("id", format!("n{n}").into()), ("properties", properties)])
    };
    for nodes in [14, 5] {
        let payload = pack(&Value::Array((0..nodes).map(operation).collect()));
        let fields = params([("operations_msgpack", bin(payload))]);
        let mut clients = at_once(server, 20, "own", "BatchUpdate", &fields)?;
        clients.iter_mut().try_for_each(|client| client.receive().map(drop))?;
    }
    Ok(())
}

/// Connections that have sent a request each.
fn at_once(
    server: &ServerProcess,
    count: usize,
    graph: &str,
    method: &str,
    fields: &Option<Value>,
) -> Result<Vec<Client>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = connect(server)?;
        client.send(graph, method, fields.clone())?;
        clients.push(client);
    }
    Ok(clients)
}

fn unfinished_frames(server: &ServerProcess) -> Result<()> {
    for mib in [60, 15] {
        let begun = [&((mib * MIB) as u32).to_be_bytes()[..], &vec![0x80; (mib - 1) * MIB]].concat();
        let mut clients = Vec::new();
        for _ in 0..30 {
            let mut client = connect(server)?;
            client.call("", "Ping", None)?;
            client.send_raw(&begun)?;
            clients.push(client);
        }
    }
    Ok(())
}

fn unread_answers(server: &ServerProcess) -> Result<()> {
    for graph in ["large", "ten"] {
        let mut clients = at_once(server, 20, graph, "GetNodes", &None)?;
        // They are made by the time that another one is.
        answered(connect(server)?.call(graph, "GetNodes", None))?;
        for client in &mut clients {
            client.receive_body()?;
        }
    }
    Ok(())
}

fn answers_at_once(server: &ServerProcess) -> Result<()> {
    let mut client = connect(server)?;
    for method in ["GetNodes", "GetLedger"] {
        let body = client.request("large", method, None).body();
        client.send_body(&body)?;
        ensure!(
            client.receive_body()?.len() > 100 * MIB,
            "{method}: rows that are too many for memory are on disk"
        );
    }
    refused(client.call("large", "GetNodePropertiesBatch", all_nodes(100)), &["RESULT_TOO_LARGE", "BUSY"])?;
    for method in ["GetNodes", "GetLedger", "GetTriples", "ToMsgpack"] {
        let mut clients = at_once(server, 20, "ten", method, &None)?;
        for client in &mut clients {
            client.receive_body()?;
        }
    }
    Ok(())
}

fn all_nodes(count: usize) -> Option<Value> {
    params([("node_ids", Value::Array((0..count).map(|n| format!("n{}", n % 100).into()).collect()))])
}

fn large_nodes(server: &ServerProcess) -> Result<()> {
    for (method, count) in [
        ("GetNodePropertiesBatch", 3000),
        ("GetNodePropertiesBatch", 8),
        ("GetSubgraph", 100),
        ("GetSubgraph", 8),
    ] {
        let mut clients = at_once(server, 20, "large", method, &all_nodes(count))?;
        for client in &mut clients {
            client.receive_body()?;
        }
    }
    Ok(())
}

fn parallel_edges(server: &ServerProcess) -> Result<()> {
    let ends = params([("source_id", "a".into()), ("target_id", "b".into())]);
    refused(
        connect(server)?.call("edges", "GetEdgeProperties", ends.clone()),
        &["RESULT_TOO_LARGE", "BUSY"],
    )?;
    for client in &mut at_once(server, 20, "edges", "GetEdgeProperties", &ends)? {
        client.receive_body()?;
    }
    Ok(())
}

fn touches(server: &ServerProcess) -> Result<()> {
    let ids = Value::Array((0..300).map(|n| format!("n{}", n % 100).into()).collect());
    for client in &mut at_once(server, 4, "large", "TouchNodes", &params([("node_ids", ids)]))? {
        client.receive()?;
    }
    Ok(())
}

fn unread_exports(server: &ServerProcess) -> Result<()> {
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut client = connect(server)?;
        for _ in 0..4 {
            if answered(client.call("large", "SnapshotOpen", None))?.is_some() {
                break;
            }
        }
        clients.push(client);
    }
    Ok(())
}

/// A chunk that claims a gigabyte, for a node that does too.
fn endless_records(server: &ServerProcess) -> Result<()> {
    let mut client = connect(server)?;
    let mut snapshot = Vec::new();
    transfer::export(&mut client, "own", &mut snapshot)?;
    let header = 8 + 9 + u32::from_le_bytes(snapshot[13..17].try_into()?) as usize + 4;
    let mut begun = snapshot[..header].to_vec();
    // Kind, index, length; then an id, a sequence number and the length of properties.
    begun.push(2);
    begun.extend_from_slice(&1_u32.to_le_bytes());
    begun.extend_from_slice(&(1_u32 << 30).to_le_bytes());
    begun.extend_from_slice(&1_u32.to_le_bytes());
    begun.push(b'n');
    begun.extend_from_slice(&1_u64.to_le_bytes());
    begun.extend_from_slice(&((1_u32 << 30) - 17).to_le_bytes());
    let mut clients = Vec::new();
    for n in 0..8 {
        let mut client = connect(server)?;
        let name = format!("upload {n}");
        let Ok(opened) = client.call(&name, "RestoreOpen", params([("graph_name", name.as_str().into())]))
        else {
            continue;
        };
        let upload = field(&opened, "upload").context("RestoreOpen without an upload")?.clone();
        let write = |data: &[u8]| params([("upload", upload.clone()), ("data", bin(data))]);
        let mut outcome = answered(client.call(&name, "RestoreWrite", write(&begun)))?;
        for _ in 0..200 {
            if outcome.is_some() {
                break;
            }
            outcome = answered(client.call(&name, "RestoreWrite", write(&vec![0x55; MIB])))?;
        }
        let text = outcome.with_context(|| format!("{name}: 200 MiB of one record were taken"))?;
        ensure!(text.starts_with("LIMIT_EXCEEDED") || text.starts_with("BUSY"), "{name}: {text}");
        clients.push(client);
    }
    Ok(())
}

fn uploads_at_once(server: &ServerProcess) -> Result<()> {
    let mut clients = Vec::new();
    for n in 0..50 {
        let mut client = connect(server)?;
        let name = format!("large upload {n}");
        let opened = client.call(&name, "RestoreOpen", params([("graph_name", name.as_str().into())]));
        if let Ok(opened) = opened {
            let upload = field(&opened, "upload").context("RestoreOpen without an upload")?.clone();
            let fields = [("upload", upload), ("data", bin(vec![0; 12 * MIB]))];
            answered(client.call(&name, "RestoreWrite", params(fields)))?;
        }
        clients.push(client);
    }
    Ok(())
}

fn strangers(server: &ServerProcess) -> Result<()> {
    let bytes = [&[0, 16, 0, 0][..], &[0x80; 64 << 10]].concat();
    let mut all = Vec::new();
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(server.tcp_addr())?;
        // Those beyond their part are told so and closed.
        let _ = stream.write_all(&bytes);
        all.push(stream);
    }
    connect(server)?.call("", "Ping", None)?;
    Ok(())
}

/// Security finding 7: they filled memory for good.
fn names(server: &ServerProcess) -> Result<()> {
    let mut client = connect(server)?;
    let long = |n: usize| Value::from(format!("{n} {}", "x".repeat(4000)));
    let mut texts = Vec::new();
    for n in 0..30 {
        let agent = format!("agent {n}");
        let fields = [
            ("agent_id", agent.as_str().into()),
            ("role", "Agent".into()),
            ("teams", Value::Array((0..200).map(long).collect())),
            ("signature", "".into()),
        ];
        texts.extend(answered(client.call("", "RegisterIdentity", params(fields)))?);
        let fields = [
            ("channel_id", agent.as_str().into()),
            ("channel_type", "Group".into()),
            ("creator", "a".into()),
            ("initial_members", Value::Array((0..200).map(long).collect())),
        ];
        texts.extend(answered(client.call("", "CreateChannel", params(fields)))?);
    }
    let limited = texts.iter().filter(|text| text.contains("LIMIT_EXCEEDED")).count();
    ensure!((41..60).contains(&limited), "{limited} of 60 were over the limit: {:?}", texts.first());
    Ok(())
}

/// What fits is done, as before all of it.
pub(crate) fn work_as_ever(server: &ServerProcess) -> Result<()> {
    let mut client = connect(server)?;
    let nodes = client.call("ten", "GetNodes", None)?;
    ensure!(nodes.as_array().is_some_and(|nodes| nodes.len() == 10), "ten nodes");
    client.add_node("ten", "n", &large_properties())?;
    let mut snapshot = Vec::new();
    transfer::export(&mut client, "ten", &mut snapshot)?;
    transfer::import(&mut client, "copy of ten", snapshot.as_slice())?;
    ensure!(client.call("copy of ten", "NodeCount", None)? == 11.into());
    Ok(())
}
