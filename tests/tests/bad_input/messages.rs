//! Requests that are no MessagePack, or MessagePack that is no request.

use anyhow::{Result, ensure};
use epistemic_tests::seed::{generator, seed};
use epistemic_tests::wire::{bin, map, pack, params};
use epistemic_tests::{Client, Request, ServerProcess, Value};
use rand::RngExt;

use crate::bystander::Bystander;
use crate::{MIB, endpoints, memory, node};

const PREFIX: &str = "Invalid request MsgPack: ";
const LONGEST_ERROR: usize = 16 << 10;

/// The body is answered once with a decode error of a bounded size that carries `id`, and the connection stays good.
fn is_undecodable(client: &mut Client, id: u64, body: &[u8]) -> Result<String> {
    client.send_body(body)?;
    let answer = client.receive()?;
    let shown = hex(&body[..body.len().min(80)]);
    ensure!(answer.id == id, "{shown}: {answer:?}");
    let Err(text) = answer.outcome else { anyhow::bail!("{shown} was taken") };
    ensure!(text.starts_with(PREFIX) && text.len() < LONGEST_ERROR, "{shown}: {text:.200}");
    Ok(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn random_bytes_are_answered_one_by_one() -> Result<()> {
    let seed = seed("random_bytes_are_answered_one_by_one");
    let server = ServerProcess::ours().tcp().start()?;
    let bystander = Bystander::start(&server)?;
    let mut random = generator(seed, 0);
    for endpoint in endpoints(&server) {
        let mut client = Client::connect(&endpoint, server.secret())?;
        for _ in 0..2_000 {
            let body: Vec<u8> = (0..random.random_range(0..200)).map(|_| random.random()).collect();
            is_undecodable(&mut client, 0, &body)?;
        }
        ensure!(client.call("", "Ping", None)? == "pong".into());
    }
    bystander.finish()
}

/// Flipped, cut, doubled and overwritten bytes of good requests: one answer each, whatever it says.
#[test]
fn damaged_requests_are_answered_one_by_one() -> Result<()> {
    let seed = seed("damaged_requests_are_answered_one_by_one");
    // With a secret, many of them would be wrong tokens, which end a connection.
    let server = ServerProcess::ours().tcp().no_secret().arg("--allow-insecure").start()?;
    let bystander = Bystander::start(&server)?;
    let mut random = generator(seed, 1);
    let mut client = server.client()?;
    client.create_graph("g")?;
    let operations = pack(&Value::Array(vec![map([("op", "add_node".into()), ("id", "b".into())])]));
    let ends = [("source_id", "a".into()), ("target_id", "a".into()), ("properties_msgpack", bin([0x80]))];
    let examples = [
        client.request(
            "g",
            "AddNode",
            params([("node_id", "a".into()), ("properties_msgpack", bin([0x80]))]),
        ),
        client.request("g", "AddEdge", params(ends)),
        client.request("g", "BatchUpdate", params([("operations_msgpack", bin(operations))])),
        client.request("g", "HasNodesBatch", params([("node_ids", Value::Array(vec!["a".into(); 20]))])),
        client.request(
            "g",
            "FromMsgpack",
            params([("msgpack", bin(pack(&map([("nodes", Value::Array(vec![]))]))))]),
        ),
        client.request("g", "NodeCount", None).with("agent_id", "someone"),
    ];
    let mut decoded = 0;
    for round in 0..6_000 {
        let mut body = examples[round % examples.len()].body();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..body.len());
            match random.random_range(0..4) {
                0 => body[at] ^= 1 << random.random_range(0..8),
                1 => body[at] = random.random(),
                2 => body.truncate(at.max(1)),
                _ => body.insert(at, body[at]),
            }
        }
        client.send_body(&body)?;
        let answer = client.receive()?;
        decoded += usize::from(answer.id != 0);
        let fine = match &answer.outcome {
            Ok(_) => true,
            // The damage may make the id 0.
            Err(text) => answer.id != 0 || text.starts_with(PREFIX),
        };
        ensure!(fine, "{}: {answer:?}", hex(&body));
    }
    ensure!(decoded > 300, "only {decoded} of the damaged requests still had an id");
    ensure!(client.call("", "Ping", None)? == "pong".into());
    bystander.finish()
}

/// `request` with a field `name` whose value is these bytes of MessagePack.
fn with_bytes(request: &Request, name: &str, bytes: &[u8]) -> Vec<u8> {
    const MARK: &str = "the place for the bytes";
    let body = request.clone().with(name, MARK).body();
    let mark = pack(&MARK.into());
    let at = body.windows(mark.len()).position(|window| window == mark).expect("the mark was packed");
    [&body[..at], bytes, &body[at + mark.len()..]].concat()
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() -> Result<()> {
    const DEPTH: usize = 1_000_000;
    /// Properties may have so many lists and maps.
    const ALLOWED: usize = 200_000;
    let server = ServerProcess::ours().start()?;
    let bystander = Bystander::start(&server)?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let lists = |depth| [vec![0x91; depth], vec![0xc0]].concat();
    let maps = |depth| [b"\x81\xa1k".repeat(depth), vec![0xc0]].concat();
    let unfinished = |depth| vec![0x91; depth];
    let all = |depth| [lists(depth), maps(depth), unfinished(depth)];
    for (deep, allowed) in all(DEPTH).iter().zip(&all(ALLOWED)) {
        let request = client.request("g", "NodeIds", None);
        for field in ["id", "graph", "method", "agent_id", "params", "unknown"] {
            let id = if field == "id" { 0 } else { request.id() };
            is_undecodable(&mut client, id, &with_bytes(&request, field, deep))?;
        }
        is_undecodable(&mut client, 0, deep)?;
        let request = client.request("g", "HasNodesBatch", None);
        for name in ["node_ids", "unknown"] {
            let nested = [&[0x81][..], &pack(&name.into()), deep].concat();
            is_undecodable(&mut client, request.id(), &with_bytes(&request, "params", &nested))?;
        }
        // As properties they are bytes like any others.
        client.add_node("g", "deep", allowed)?;
        ensure!(client.node_properties("g", "deep")?.as_ref() == Some(allowed));
        let outcome = client.add_node("g", "deeper", deep);
        let text = outcome.as_ref().err().and_then(|error| error.server_text()).unwrap_or_default();
        ensure!(text.starts_with("LIMIT_EXCEEDED: "), "{outcome:?}");
        for method in ["GetNodes", "GetTriples", "ToMsgpack"] {
            client.call("g", method, None)?;
        }
        let payload = [b"\x91\x82\xa2op\xa8add_node\xa2id".as_slice(), deep].concat();
        let outcome = client.call("g", "BatchUpdate", params([("operations_msgpack", bin(payload))]));
        ensure!(outcome.as_ref().is_err_and(|error| error.server_text().is_some()), "{outcome:?}");
        let outcome = client.call("g", "FromMsgpack", params([("msgpack", bin(deep.as_slice()))]));
        ensure!(outcome.as_ref().is_err_and(|error| error.server_text().is_some()), "{outcome:?}");
    }
    bystander.finish()
}

#[test]
fn huge_declared_lengths_take_no_memory() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let bystander = Bystander::start(&server)?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let before = memory(&server, "VmHWM")?;
    // array32, map32, str32, bin32, ext32, array16 and map16 of the largest length, with nothing behind.
    let heads = [0xdd, 0xdf, 0xdb, 0xc6, 0xc9].map(|kind| vec![kind, 0xff, 0xff, 0xff, 0xff]);
    for head in heads.into_iter().chain([vec![0xdc, 0xff, 0xff], vec![0xde, 0xff, 0xff]]) {
        let request = client.request("g", "HasNodesBatch", None);
        for field in ["graph", "method", "agent_id", "params", "unknown"] {
            is_undecodable(&mut client, request.id(), &with_bytes(&request, field, &head))?;
        }
        is_undecodable(&mut client, 0, &head)?;
        let lists = [
            ("HasNodesBatch", "node_ids"),
            ("GetNodePropertiesBatch", "node_ids"),
            ("GetEdgePropertiesBatch", "edges"),
            ("GetSubgraph", "node_ids"),
            ("AddNode", "node_id"),
            ("BatchUpdate", "operations_msgpack"),
            ("FromMsgpack", "msgpack"),
        ];
        for (method, name) in lists {
            let request = client.request("g", method, None);
            let nested = [&[0x81][..], &pack(&name.into()), &head].concat();
            is_undecodable(&mut client, request.id(), &with_bytes(&request, "params", &nested))?;
        }
        for (method, name) in [("BatchUpdate", "operations_msgpack"), ("FromMsgpack", "msgpack")] {
            let outcome = client.call("g", method, params([(name, bin(head.as_slice()))]));
            ensure!(
                outcome.as_ref().is_err_and(|error| error.server_text().is_some()),
                "{method}: {outcome:?}"
            );
        }
    }
    bystander.finish()?;
    let grown = memory(&server, "VmHWM")? - before;
    ensure!(grown < 32 * MIB, "resident memory grew by {grown} bytes");
    Ok(())
}

#[test]
fn unknown_methods_are_named() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let bystander = Bystander::start(&server)?;
    let mut client = server.client()?;
    let long = "M".repeat(1 << 20);
    for method in ["", "nodecount", "NodeCount ", "NoSuchMethod", "Add\0Node", "😀", "AddNode`, `", &long] {
        for parameters in [None, node("n"), Some(Value::from(5))] {
            let request = client.request("__commons__", method, parameters);
            let text = is_undecodable(&mut client, request.id(), &request.body())?;
            if method.len() < 100 {
                let expected =
                    format!("{PREFIX}unknown variant `{method}`, expected one of `AddNode`, `RemoveNode`,");
                ensure!(text.starts_with(&expected), "{text:.200}");
            }
        }
    }
    bystander.finish()
}
