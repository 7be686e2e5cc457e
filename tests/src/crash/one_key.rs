//! Writers without any lock on the same keys: the order in which they are applied is the server's choice,
//! but the recovered values must be those that could be read before the kill.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::server::ServerProcess;
use crate::wire::{Value, bin, params, unpack};

/// Keys that all writers write at one go.
const KEYS_AT_ONCE: usize = 8;

/// Lets `writers` connections write every one of `keys` nodes, each another value and all at the same time,
/// and returns the values read back when all is acknowledged.
pub fn write_same_keys(
    server: &ServerProcess,
    graph: &str,
    writers: usize,
    keys: usize,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut clients = (0..writers).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    for first in (0..keys).step_by(KEYS_AT_ONCE) {
        let block = first..keys.min(first + KEYS_AT_ONCE);
        for (writer, client) in clients.iter_mut().enumerate() {
            for number in block.clone() {
                let value = format!("writer {writer} key {number}").into_bytes();
                let fields = [("node_id", key(number).into()), ("properties_msgpack", bin(value))];
                client.send(graph, "AddNode", params(fields))?;
            }
        }
        for client in &mut clients {
            for _ in block.clone() {
                let response = client.receive()?;
                ensure!(response.outcome.is_ok(), "AddNode: {response:?}");
            }
        }
    }
    let values = read_same_keys(server, graph, keys)?;
    ensure!(values.len() == keys, "{} of {keys} acknowledged keys can be read", values.len());
    Ok(values)
}

/// The values of the nodes of [`write_same_keys`].
pub fn read_same_keys(server: &ServerProcess, graph: &str, keys: usize) -> Result<BTreeMap<String, Vec<u8>>> {
    let ids = Value::Array((0..keys).map(|k| key(k).into()).collect());
    let answer = server.client()?.call(graph, "GetNodePropertiesBatch", params([("node_ids", ids)]))?;
    let answer = unpack(answer.as_slice().context("GetNodePropertiesBatch is no bin")?)?;
    let mut values = BTreeMap::new();
    for pair in answer.as_array().context("GetNodePropertiesBatch is no array")? {
        if let (Some(id), Value::Binary(bytes)) = (pair[0].as_str(), &pair[1]) {
            values.insert(id.to_owned(), bytes.clone());
        }
    }
    Ok(values)
}

fn key(number: usize) -> String {
    format!("key{number}")
}
