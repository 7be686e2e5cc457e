//! Makes the seeds in `tests/fuzz/corpus` anew: `cargo run -p epistemic-fuzzing --example make_corpora`. Those of certificates and
//! times come out otherwise each time; the rest stays as it is unless a format changes.

use std::path::Path;

use anyhow::Result;
use epistemic_fuzzing::signed;
use epistemic_storage::graph::{GraphType, LedgerRecord, Op};
use epistemic_storage::increment::{self, IncrementWriter};
use epistemic_storage::snapshot::export;
use epistemic_storage::{GraphStore, MemoryStore, Mutation};
use epistemic_tests::Request;
use epistemic_tests::Value;
use epistemic_tests::certs::Authority;
use epistemic_tests::wire::{bin, map, pack};
use epistemic_tls::{ClientTls, FIRST_BYTE};
use tokio::io::AsyncReadExt;

type Seeds = Vec<(&'static str, Vec<u8>)>;

fn text(text: &str) -> Value {
    Value::from(text)
}

/// Methods with parameters that use every part of the decoder.
fn calls() -> Vec<(&'static str, Option<Value>)> {
    let properties = || bin(pack(&map([("type", text("task")), ("weight", Value::from(0.5))])));
    let add = map([("op", text("add_node")), ("id", text("a")), ("properties", map([("k", text("v"))]))]);
    let edge = map([("op", text("add_edge")), ("source", text("a")), ("target", text("b"))]);
    let remove = map([("op", text("remove_node")), ("id", text("a"))]);
    let node = Value::Array(vec![text("a"), properties()]);
    let document = map([
        ("nodes", Value::Array(vec![node])),
        ("edges", Value::Array(vec![Value::Array(vec![text("a"), text("a"), properties()])])),
        ("ledger", Value::Array(vec![text("ADD_NODE:a:{}")])),
        ("semantic_store", map([("embeddings", map([("a", Value::Array(vec![Value::from(0.5)]))]))])),
    ]);
    let params = |fields: Vec<(&'static str, Value)>| Some(map(fields));
    let ids = || Value::Array(vec![text("a"), bin(*b"b")]);
    vec![
        ("Ping", None),
        ("AddNode", params(vec![("node_id", text("a")), ("properties_msgpack", properties())])),
        ("HasNodesBatch", params(vec![("node_ids", ids())])),
        ("GetNodesByLabel", params(vec![("label", text("task")), ("limit", Value::from(100))])),
        (
            "AddEdge",
            params(vec![
                ("source_id", text("a")),
                ("target_id", text("b")),
                ("properties_msgpack", properties()),
            ]),
        ),
        ("GetEdgePropertiesBatch", params(vec![("edges", Value::Array(vec![ids(), ids()]))])),
        (
            "BatchUpdate",
            params(vec![("operations_msgpack", bin(pack(&Value::Array(vec![add, edge, remove]))))]),
        ),
        ("FromMsgpack", params(vec![("msgpack", bin(pack(&document)))])),
        (
            "CreateGraph",
            params(vec![("graph_name", text("g")), ("graph_type", map([("Agent", Value::Nil)]))]),
        ),
        (
            "AddEmbedding",
            params(vec![("node_id", text("a")), ("embedding", Value::Array(vec![Value::from(0.5); 4]))]),
        ),
        ("RestoreWrite", params(vec![("upload", Value::from(1)), ("data", bin(*b"EGSNAP01"))])),
    ]
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let signed = Request::new(2, "secret", "g", "Ping", None).without("auth_token");
    let signed = signed.with("auth_token", signed_text().as_str()).with("agent_id", "agent-1");
    let calls = calls().into_iter();
    let bodies =
        calls.map(|(method, params)| (method, Request::new(1, "secret", "g", method, params).body()));
    bodies.chain([("signed", signed.body())]).collect()
}

fn signed_text() -> String {
    signed().encode()
}

fn frames() -> Seeds {
    let framed = |body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], body].concat();
    let all: Vec<u8> = requests().iter().flat_map(|(_, body)| framed(body)).collect();
    vec![
        ("one", [&[1], &framed(b"\x80")[..]].concat()),
        ("empty", [&[3], &framed(b"")[..], &framed(b"")[..]].concat()),
        ("many", [&[100], &all[..]].concat()),
        ("cut", [&[255], &all[..all.len() - 3]].concat()),
        ("too-large", [&[7], &framed(b"\x80")[..], b"\x00\x10\x00\x01"].concat()),
    ]
}

fn params() -> Seeds {
    let number = |method: &str| {
        let names = epistemic_engine::wire::Method::NAMES;
        names.iter().position(|name| *name == method).and_then(|place| u8::try_from(place).ok())
    };
    let with = |(method, params): (&'static str, Option<Value>)| {
        let raw = params.as_ref().map(pack)?;
        Some((method, [&[number(method)?], &raw[..]].concat()))
    };
    let mut seeds: Seeds = calls().into_iter().filter_map(with).collect();
    // What parameters carry, by itself.
    for (name, field, method) in
        [("batch", "operations_msgpack", "BatchUpdate"), ("document", "msgpack", "FromMsgpack")]
    {
        let call = calls().into_iter().find(|(called, _)| *called == method).and_then(|(_, params)| params);
        if let Some(Value::Binary(bytes)) =
            call.as_ref().and_then(|call| epistemic_tests::wire::field(call, field))
        {
            seeds.push((name, [&[0], &bytes[..]].concat()));
        }
    }
    seeds
}

/// A graph with some of everything.
fn graph() -> Result<GraphStore> {
    let graphs = GraphStore::open(MemoryStore::new())?;
    graphs.write("g", Op::Create { kind: GraphType::Team, owner: Some("o".to_owned()), tenant: None })?;
    let properties = || b"\x81\xa4type\xa4task".to_vec();
    let node = |id: &str| Mutation::AddNode { id: id.to_owned(), properties: properties() };
    let edge = |source: &str, target: &str| Mutation::AddEdge {
        source: source.to_owned(),
        target: target.to_owned(),
        properties: b"\x80".to_vec(),
    };
    let embedding = Mutation::AddEmbedding { node: "a".to_owned(), components: vec![0, 0, 128, 63] };
    let removed = Mutation::RemoveEdge { source: "b".to_owned(), target: "a".to_owned() };
    for mutation in
        [node("a"), node("b"), node(""), edge("a", "b"), edge("a", "b"), edge("b", "a"), embedding, removed]
    {
        graphs.write("g", Op::One(mutation))?;
    }
    Ok(graphs)
}

fn snapshots() -> Result<Seeds> {
    let graphs = graph()?;
    let mut small = Vec::new();
    export(&graphs, &*graphs.graph("g")?, &mut small, &mut |_| {})?;
    let empty = GraphStore::open(MemoryStore::new())?;
    empty.write("e", Op::Create { kind: GraphType::Agent, owner: None, tenant: None })?;
    let mut nothing = Vec::new();
    export(&empty, &*empty.graph("e")?, &mut nothing, &mut |_| {})?;
    Ok(vec![("small", small), ("nothing", nothing)])
}

fn records() -> Result<Vec<(u64, Vec<u8>)>> {
    let graphs = graph()?;
    Ok(graphs.changes(&*graphs.graph("g")?, 0, usize::MAX)?.records)
}

fn increments() -> Result<Seeds> {
    let mut seeds = Vec::new();
    for (name, after) in [("all", 0), ("last", 7)] {
        let records: Vec<_> = records()?.into_iter().filter(|(sequence, _)| *sequence > after).collect();
        let header = increment::Header {
            version: increment::VERSION,
            graph: "g".to_owned(),
            store_id: None,
            previous: "0".repeat(64),
            after,
            sequence: records.last().map_or(after, |(sequence, _)| *sequence),
            created_ms: 1,
        };
        let mut bytes = Vec::new();
        let mut writer = IncrementWriter::new(&mut bytes, &header)?;
        records.iter().try_for_each(|(sequence, record)| writer.record(*sequence, record))?;
        writer.finish()?;
        seeds.push((name, bytes));
    }
    Ok(seeds)
}

fn ledgers() -> Result<Seeds> {
    let joined = |records: &[Vec<u8>]| {
        let record = |record: &Vec<u8>| [&(record.len() as u16).to_le_bytes()[..], record].concat();
        records.iter().flat_map(record).collect::<Vec<u8>>()
    };
    let own: Vec<Vec<u8>> = records()?.into_iter().map(|(_, record)| record).collect();
    let others = [
        LedgerRecord::Created,
        LedgerRecord::AddNode { id: "a", properties: b"\x80" },
        LedgerRecord::SetNode { id: "a", properties: b"\x81\xa1k\x01" },
        LedgerRecord::AddEdge { source: "a", target: "a", properties: b"" },
        LedgerRecord::SetEdge { source: "a", target: "a", edge: 4, properties: b"\x80" },
        LedgerRecord::RemoveParallel { source: "a", target: "a", edge: 4 },
        LedgerRecord::Text("ADD_NODE:x"),
        LedgerRecord::RemoveNode { id: "a" },
    ];
    let others: Vec<Vec<u8>> = others.iter().map(|record| record.encode(7)).collect();
    Ok(vec![("graph", joined(&own)), ("others", joined(&others))])
}

/// What a client sends first.
fn hello() -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let authority = Authority::new()?;
        let client = ClientTls::new(authority.ca(), None);
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let mut hello = vec![0; 1 << 16];
        let read = tokio::select! {
            _ = client.connect("localhost", ours) => 0,
            read = theirs.read(&mut hello) => read?,
        };
        hello.truncate(read);
        anyhow::ensure!(hello.first() == Some(&FIRST_BYTE), "no handshake");
        Ok(hello)
    })
}

fn connections() -> Result<Seeds> {
    let hello = hello()?;
    let cut = hello[..hello.len() / 2].to_vec();
    let alert = b"\x15\x03\x03\x00\x02\x02\x28".to_vec();
    Ok(vec![
        ("hello", hello),
        ("cut", cut),
        ("other-record", [&b"\x16\x03\x01\x00\x04"[..], b"\x02\x00\x00\x00", &alert].concat()),
        ("request", [&[0, 0, 0, 1], &b"\x80"[..]].concat()),
    ])
}

fn main() -> Result<()> {
    let corpora = [
        ("frame", frames()),
        ("envelope", requests()),
        ("params", params()),
        ("snapshot", snapshots()?),
        ("increment", increments()?),
        ("ledger_replay", ledgers()?),
        ("token", vec![("signed", signed_text().into_bytes())]),
        ("tls_peek", connections()?),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz").join("corpus");
    for (target, seeds) in corpora {
        fs_err::create_dir_all(folder.join(target))?;
        for (name, bytes) in seeds {
            fs_err::write(folder.join(target).join(name), bytes)?;
        }
    }
    Ok(())
}
