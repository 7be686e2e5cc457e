//! Hand-made files of the reference server, whole and damaged in every way.

mod directories;
mod documents;
mod logs;
mod pulling;
mod staging;

use epistemic_storage::properties::encode;

/// A document with two nodes, two parallel edges, one more, a ledger and an embedding.
fn document() -> Vec<u8> {
    let mut out = Vec::new();
    encode::map(&mut out, 4);
    encode::str(&mut out, "nodes");
    nodes(&mut out, &[("b", b"\x81\xa1k\xcc\xff"), ("a", b"")]);
    encode::str(&mut out, "edges");
    edges(&mut out, &[("b", "b", b"\x80"), ("a", "b", b"\x01"), ("a", "b", b"\x02")]);
    encode::str(&mut out, "ledger");
    let lines =
        ["ADD_NODE|a|", "ADD_NODE|b|81a16bccff", "ADD_EDGE|a|b|01", "ADD_EDGE|b|b|80", "ADD_EDGE|a|b|02"];
    encode::array(&mut out, lines.len());
    lines.iter().for_each(|line| encode::str(&mut out, line));
    encode::str(&mut out, "semantic_store");
    embeddings(&mut out, &[("a", &[1.5, -2.0])]);
    out
}

fn nodes(out: &mut Vec<u8>, nodes: &[(&str, &[u8])]) {
    encode::array(out, nodes.len());
    for (id, properties) in nodes {
        encode::array(out, 2);
        encode::str(out, id);
        integers(out, properties);
    }
}

fn edges(out: &mut Vec<u8>, edges: &[(&str, &str, &[u8])]) {
    encode::array(out, edges.len());
    for (source, target, properties) in edges {
        encode::array(out, 3);
        encode::str(out, source);
        encode::str(out, target);
        integers(out, properties);
    }
}

fn embeddings(out: &mut Vec<u8>, embeddings: &[(&str, &[f32])]) {
    encode::map(out, 1);
    encode::str(out, "embeddings");
    encode::map(out, embeddings.len());
    for (id, vector) in embeddings {
        encode::str(out, id);
        encode::array(out, vector.len());
        vector.iter().for_each(|component| encode::float32(out, *component));
    }
}

fn integers(out: &mut Vec<u8>, bytes: &[u8]) {
    encode::array(out, bytes.len());
    bytes.iter().for_each(|byte| encode::uint(out, (*byte).into()));
}

/// A document of these parts.
fn document_of(
    of_nodes: &[(&str, &[u8])],
    of_edges: &[(&str, &str, &[u8])],
    ledger: &[&str],
    vectors: &[(&str, &[f32])],
) -> Vec<u8> {
    let mut out = Vec::new();
    encode::map(&mut out, 4);
    encode::str(&mut out, "nodes");
    nodes(&mut out, of_nodes);
    encode::str(&mut out, "edges");
    edges(&mut out, of_edges);
    encode::str(&mut out, "ledger");
    encode::array(&mut out, ledger.len());
    ledger.iter().for_each(|line| encode::str(&mut out, line));
    encode::str(&mut out, "semantic_store");
    embeddings(&mut out, vectors);
    out
}

/// A record of a log: a change with its text fields, then its bytes.
fn record(method: &str, texts: &[(&str, &str)], bytes: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    let fields = texts.len() + usize::from(bytes.is_some());
    encode::map(&mut body, 1 + usize::from(fields > 0));
    encode::str(&mut body, "method");
    encode::str(&mut body, method);
    if fields > 0 {
        encode::str(&mut body, "params");
        encode::map(&mut body, fields);
    }
    for (name, text) in texts {
        encode::str(&mut body, name);
        encode::str(&mut body, text);
    }
    if let Some((name, bytes)) = bytes {
        encode::str(&mut body, name);
        encode::bin(&mut body, bytes);
    }
    let length = u32::try_from(body.len()).unwrap();
    [&length.to_le_bytes(), body.as_slice()].concat()
}

fn add_node(id: &str, properties: &[u8]) -> Vec<u8> {
    record("AddNode", &[("node_id", id)], Some(("properties_msgpack", properties)))
}

fn add_edge(source: &str, target: &str, properties: &[u8]) -> Vec<u8> {
    let ends = [("source_id", source), ("target_id", target)];
    record("AddEdge", &ends, Some(("properties_msgpack", properties)))
}

/// `[{op: add_node, id, properties: {b: 1, a: 2}}]`, stored with its keys sorted.
fn add_by_batch(id: &str) -> Vec<u8> {
    let mut operations = Vec::new();
    encode::array(&mut operations, 1);
    encode::map(&mut operations, 3);
    for (name, value) in [("op", "add_node"), ("id", id)] {
        encode::str(&mut operations, name);
        encode::str(&mut operations, value);
    }
    encode::str(&mut operations, "properties");
    operations.extend_from_slice(b"\x82\xa1b\x01\xa1a\x02");
    record("BatchUpdate", &[], Some(("operations_msgpack", &operations)))
}

/// All kinds of changes; without damage they leave `x` and `y` with two edges.
fn records() -> Vec<Vec<u8>> {
    let ends = [("source_id", "x"), ("target_id", "x")];
    vec![
        add_node("gone", b"\x80"),
        record("ClearGraph", &[], None),
        add_node("x", b"\x81\xa1k\x01"),
        add_by_batch("y"),
        add_edge("x", "x", b""),
        record("RemoveEdge", &ends, None),
        add_edge("x", "y", b"\x01"),
        add_edge("x", "y", b"\xc1"),
        record("RemoveNode", &[("node_id", "never")], None),
    ]
}
