//! Requests that have been changed at random: no answer is missing, none is `INTERNAL`, nothing panics, and what is stored
//! is sound at the end.
//!
//! What is changed are the requests of the recordings and our own, most of them behind the right token: one that is not let
//! in reaches little of the server.

use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::mutate::scramble;
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wire::{bin, ints, map, pack};
use epistemic_tests::{Client, Egctl, ServerProcess, Value, shared};
use rand::RngExt;
use rand::rngs::StdRng;

const CONNECTIONS: usize = 4;
/// Sent before their answers are read.
const WINDOW: usize = 32;
/// A request to be changed: graph, method and parameters.
type Original = (String, String, Option<Value>);

/// A value of the recordings (`shared/replay.py` says how they are written).
fn value(json: &serde_json::Value) -> Result<Value> {
    use serde_json::Value as Json;
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(bool) => (*bool).into(),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => number.as_f64().context("a number")?.into(),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::Array(items.iter().map(value).collect::<Result<_>>()?),
        Json::Object(fields) => match fields.iter().next() {
            Some((tag, content)) if fields.len() == 1 && tag.starts_with('$') => tagged(tag, content)?,
            _ => {
                let field = |(name, json): (&String, _)| Ok((name.as_str().into(), value(json)?));
                Value::Map(fields.iter().map(field).collect::<Result<_>>()?)
            }
        },
    })
}

fn tagged(tag: &str, content: &serde_json::Value) -> Result<Value> {
    Ok(match tag {
        "$bin" => bin(hex::decode(content.as_str().context("hex")?)?),
        "$mp" => bin(pack(&value(content)?)),
        "$ints" => ints(&pack(&value(content)?)),
        "$repeat" => {
            let (text, count) =
                (content[0].as_str().context("a text")?, content[1].as_u64().context("a count")?);
            text.repeat(count.min(1000) as usize).into()
        }
        other => bail!("a value {other} is not known here"),
    })
}

/// All requests of the recordings, and of ours those that clients may send.
fn originals() -> Result<Vec<Original>> {
    let mut all = Vec::new();
    for entry in fs_err::read_dir(shared::folder()?.join("vectors"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let steps: Vec<serde_json::Value> = serde_json::from_slice(&fs_err::read(&path)?)?;
        for step in &steps {
            let (Some(graph), Some(method)) = (step["graph"].as_str(), step["method"].as_str()) else {
                continue;
            };
            let params = match step.get("params") {
                None => None,
                // What only this harness cannot write is in the recordings to be refused.
                Some(params) => value(params).ok(),
            };
            // A server that ends answers nothing more.
            if method != "Shutdown" {
                all.push((graph.to_owned(), method.to_owned(), params));
            }
        }
    }
    let text = |text: &str| Value::from(text);
    let number = |number: u64| Value::from(number);
    let properties = || bin([0x81, 0xa1, b'a', 0x01]);
    let ours: [(&str, Vec<(&str, Value)>); 28] = [
        ("CreateNodeIfAbsent", vec![("node_id", text("n")), ("properties_msgpack", properties())]),
        (
            "CompareAndSetNodeFields",
            vec![
                ("node_id", text("n")),
                ("conditions_msgpack", bin([0x80])),
                ("updates_msgpack", properties()),
            ],
        ),
        (
            "ClaimNext",
            vec![
                ("label", text("task")),
                ("conditions_msgpack", bin([0x80])),
                ("updates_msgpack", properties()),
            ],
        ),
        ("BeginTxn", vec![("isolation", text("snapshot"))]),
        (
            "TxnAddNode",
            vec![("txn_id", text("txn-0")), ("node_id", text("n")), ("properties_msgpack", properties())],
        ),
        ("Commit", vec![("txn_id", text("txn-0"))]),
        ("Rollback", vec![("txn_id", text("txn-0"))]),
        ("SnapshotOpen", vec![("without_ledger", false.into())]),
        ("SnapshotRead", vec![("cursor", number(1)), ("max_bytes", number(1000))]),
        ("SnapshotClose", vec![("cursor", number(1))]),
        ("RestoreOpen", vec![("graph_name", text("restored")), ("replace", true.into())]),
        ("RestoreWrite", vec![("upload", number(1)), ("data", bin(vec![7; 100]))]),
        ("RestoreCommit", vec![("upload", number(1))]),
        ("RestoreAbort", vec![("upload", number(1))]),
        ("GraphDigest", vec![]),
        ("LedgerRead", vec![("from", number(0)), ("max_records", number(100))]),
        ("LedgerKeep", vec![("keep", text("records:10"))]),
        ("LedgerTrim", vec![("keep", text("records:10"))]),
        ("GraphOwnerSet", vec![("owner", text("somebody"))]),
        ("GraphHeads", vec![("after", text("")), ("limit", number(10))]),
        ("MoveStatus", vec![("graph_name", text("fuzz"))]),
        ("MoveFence", vec![("move_id", text("m")), ("lease_ms", number(1000))]),
        ("MoveRelease", vec![("move_id", text("m"))]),
        ("QuotaShow", vec![("tenant", text("nobody"))]),
        ("ShardStatus", vec![]),
        ("GraphStats", vec![("graphs", Value::Array(vec![text("fuzz")]))]),
        ("UnionGetNeighbors", vec![("graphs", Value::Array(vec![text("fuzz")])), ("node_id", text("n"))]),
        ("AddEmbedding", vec![("node_id", text("n")), ("embedding", Value::Array(vec![0.5.into(); 8]))]),
    ];
    for (method, fields) in ours {
        let params = (!fields.is_empty()).then(|| map(fields));
        all.push(("fuzz".into(), method.into(), params));
    }
    ensure!(all.len() > 500, "only {} requests to begin with", all.len());
    Ok(all)
}

/// Something that does not belong where it is put.
fn odd(random: &mut StdRng) -> Value {
    match random.random_range(0..14) {
        0 => Value::Nil,
        1 => true.into(),
        2 => u64::MAX.into(),
        3 => i64::MIN.into(),
        4 => f64::NAN.into(),
        5 => f32::INFINITY.into(),
        6 => "".into(),
        7 => "\u{0}\n\u{1b}[2J€".repeat(random.random_range(1..50)).into(),
        8 => bin(vec![0xc1; random.random_range(0..300)]),
        9 => Value::Array(vec![Value::Nil; random.random_range(0..300)]),
        10 => Value::Map(vec![("x".into(), Value::Nil); random.random_range(0..30)]),
        11 => Value::Ext(random.random(), vec![0; random.random_range(0..20)]),
        12 => (0..random.random_range(1..400)).fold(Value::Nil, |inner, _| Value::Array(vec![inner])),
        _ => u64::from(random.random::<u32>() >> random.random_range(0..32)).into(),
    }
}

/// Puts something else at one place of a value.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others have nothing inside that could be changed")]
fn disturb(value: &mut Value, random: &mut StdRng) {
    match value {
        Value::Array(items) if !items.is_empty() && random.random_bool(0.8) => {
            let index = random.random_range(0..items.len());
            disturb(&mut items[index], random);
        }
        Value::Map(fields) if !fields.is_empty() && random.random_bool(0.9) => {
            let index = random.random_range(0..fields.len());
            match random.random_range(0..12) {
                0 => drop(fields.remove(index)),
                1 => fields.push(fields[index].clone()),
                2 => fields[index].0 = odd(random),
                _ => disturb(&mut fields[index].1, random),
            }
        }
        Value::Binary(bytes) if !bytes.is_empty() && random.random_bool(0.8) => scramble(bytes, 0, random),
        _ => *value = odd(random),
    }
}

/// The body of a changed request.
fn changed(client: &mut Client, originals: &[Original], random: &mut StdRng) -> Vec<u8> {
    let (graph, method, params) = &originals[random.random_range(0..originals.len())];
    // Half of them come to one graph, so that they meet.
    let graph = if random.random_bool(0.5) { "fuzz" } else { graph };
    let mut params = params.clone();
    if random.random_bool(0.2) {
        // As it is, so that there is something to read and to change.
        return client.request(graph, method, params).body();
    }
    let by_value = random.random_bool(0.5);
    if by_value {
        match &mut params {
            Some(params) => disturb(params, random),
            None => params = Some(odd(random)),
        }
    }
    let head = client.request(graph, method, None).body().len();
    let mut body = client.request(graph, method, params).body();
    if !by_value {
        // Parameters come last; now and then the rest is not spared either.
        let from = if random.random_bool(0.9) { head.min(body.len() - 1) } else { 0 };
        scramble(&mut body, from, random);
    }
    body
}

/// Sends changed requests; how many were answered without an error.
fn attack(
    server: &ServerProcess,
    originals: &[Original],
    requests: usize,
    mut random: StdRng,
) -> Result<usize> {
    let mut client = server.client()?;
    // Who has shown a right token is not sent away for wrong ones.
    client.call("", "Ping", None)?;
    let mut done = 0;
    for _ in 0..requests.div_ceil(WINDOW) {
        let bodies: Vec<_> = (0..WINDOW).map(|_| changed(&mut client, originals, &mut random)).collect();
        bodies.iter().try_for_each(|body| client.send_body(body)).context("it takes no requests")?;
        for body in &bodies {
            let answer =
                client.receive_body().with_context(|| format!("no answer to {}", hex::encode(body)))?;
            let at = |words: &[u8]| answer.windows(words.len()).any(|window| window == words);
            ensure!(
                !at(b"INTERNAL"),
                "{}\nwas answered {}",
                hex::encode(body),
                String::from_utf8_lossy(&answer)
            );
            done += usize::from(!at(b"error"));
        }
    }
    Ok(done)
}

#[test]
fn changed_requests_are_answered_and_do_no_harm() -> Result<()> {
    let (seed, requests) = (seed("fuzz"), number_from_env("EG_FUZZ_REQUESTS", 60_000));
    let originals = Arc::new(originals()?);
    let server = ServerProcess::ours().arg("--access-control").arg("off").arg("--compute-deadline").arg("5");
    let mut server = server.start()?;
    server.client()?.create_graph("fuzz")?;
    let found = thread::scope(|scope| {
        let attackers: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let (server, originals) = (&server, Arc::clone(&originals));
                let random = generator(seed, number as u64);
                scope.spawn(move || attack(server, &originals, requests / CONNECTIONS, random))
            })
            .collect();
        attackers
            .into_iter()
            .map(|attacker| attacker.join().expect("an attacker panicked"))
            .collect::<Result<Vec<_>>>()
    })
    .with_context(|| server.output())?;
    let done: usize = found.iter().sum();
    ensure!(server.has_exited()?.is_none(), "it has ended:\n{}", server.output());
    ensure!(!server.output().contains("panicked"), "{}", server.output());
    // A harness whose requests are all refused shows nothing.
    ensure!(done * 10 > requests, "{done} of {requests} were done");
    ensure!(server.terminate()?.success(), "{}", server.output());
    Egctl::new().verify(server.persist_dir())?;
    eprintln!("figures: requests={requests} done={done}");
    Ok(())
}
