//! Snapshots over the wire, and graphs large enough to be worth one.

use std::io::{Read, Write};

use anyhow::{Context, Result};

use crate::wire::{Client, Value, bin, field, map, params};

const PIECE_BYTES: usize = 1 << 20;
const BATCH: u64 = 2_000;

/// Adds the nodes `n0`, `n1`, ... and as many edges, each from one node to the next, all with properties of about
/// `property_bytes` bytes that do not compress.
pub fn fill(client: &mut Client, graph: &str, nodes: u64, property_bytes: usize) -> Result<()> {
    for first in (0..nodes).step_by(BATCH as usize) {
        let numbers = first..nodes.min(first + BATCH);
        let node = |number: u64| {
            map([
                ("op", "add_node".into()),
                ("id", format!("n{number}").into()),
                ("properties", properties(number, property_bytes)),
            ])
        };
        let edge = |number: u64| {
            map([
                ("op", "add_edge".into()),
                ("source", format!("n{}", number.saturating_sub(1)).into()),
                ("target", format!("n{number}").into()),
                ("properties", map([("type", "NEXT".into())])),
            ])
        };
        let operations = numbers.clone().map(node).chain(numbers.map(edge)).collect();
        let report = client.batch_update(graph, operations)?;
        let errors = field(&report, "errors").and_then(Value::as_array);
        anyhow::ensure!(errors.is_none_or(Vec::is_empty), "BatchUpdate: {report}");
    }
    Ok(())
}

/// The properties of node `number` of [`fill`].
pub fn properties(number: u64, bytes: usize) -> Value {
    let mut state = number.wrapping_mul(31).wrapping_add(bytes as u64);
    let digits = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 33) as u8 % 64)
    });
    let text: String = digits.take(bytes).collect();
    map([("text", text.into()), ("type", "Sample".into())])
}

/// Exports a graph as a snapshot into `sink`; returns its bytes.
pub fn export(client: &mut Client, graph: &str, mut sink: impl Write) -> Result<u64> {
    let opened = client.call(graph, "SnapshotOpen", None)?;
    let cursor = field(&opened, "cursor").context("SnapshotOpen without a cursor")?.clone();
    let mut total = 0;
    loop {
        let fields = [("cursor", cursor.clone()), ("max_bytes", PIECE_BYTES.into())];
        let piece = client.call(graph, "SnapshotRead", params(fields))?;
        let piece = piece.as_slice().context("SnapshotRead is no bin")?;
        if piece.is_empty() {
            return Ok(total);
        }
        sink.write_all(piece)?;
        total += piece.len() as u64;
    }
}

/// Imports a snapshot as the new graph `name`.
pub fn import(client: &mut Client, name: &str, source: impl Read) -> Result<()> {
    upload(client, name, false, source)
}

/// Imports a snapshot as the graph `name`, in place of the one that has the name.
pub fn replace(client: &mut Client, name: &str, source: impl Read) -> Result<()> {
    upload(client, name, true, source)
}

fn upload(client: &mut Client, name: &str, replace: bool, mut source: impl Read) -> Result<()> {
    let fields = [("graph_name", name.into()), ("replace", replace.into())];
    let opened = client.call(name, "RestoreOpen", params(fields))?;
    let upload = field(&opened, "upload").context("RestoreOpen without an upload")?.clone();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = source.read(&mut piece)?;
        if read == 0 {
            break;
        }
        let fields = [("upload", upload.clone()), ("data", bin(&piece[..read]))];
        client.call(name, "RestoreWrite", params(fields))?;
    }
    client.call(name, "RestoreCommit", params([("upload", upload)]))?;
    Ok(())
}
