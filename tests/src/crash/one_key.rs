//! Writers without any lock on the same keys: the order in which they are applied is the server's choice,
//! but the recovered values must be those that could be read before the kill.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::server::ServerProcess;
use crate::wire::{Value, bin, params, unpack};

/// Requests each writer keeps in flight.
const WINDOW: usize = 16;

/// Lets `writers` write every one of `keys` nodes at the same time, each another value, and returns the
/// values read back when all is acknowledged.
pub fn write_same_keys(
    server: &ServerProcess,
    graph: &str,
    writers: usize,
    keys: usize,
) -> Result<BTreeMap<String, Vec<u8>>> {
    thread::scope(|scope| {
        let all: Vec<_> = (0..writers)
            .map(|w| scope.spawn(move || write_all(server, graph, w, keys)))
            .collect();
        all.into_iter()
            .try_for_each(|writer| writer.join().expect("a writer panicked"))
    })?;
    let values = read_same_keys(server, graph, keys)?;
    ensure!(
        values.len() == keys,
        "{} of {keys} acknowledged keys can be read",
        values.len()
    );
    Ok(values)
}

/// The values of the nodes of [`write_same_keys`].
pub fn read_same_keys(server: &ServerProcess, graph: &str, keys: usize) -> Result<BTreeMap<String, Vec<u8>>> {
    let ids = Value::Array((0..keys).map(|k| key(k).into()).collect());
    let answer = server
        .client()?
        .call(graph, "GetNodePropertiesBatch", params([("node_ids", ids)]))?;
    let answer = unpack(answer.as_slice().context("GetNodePropertiesBatch is no bin")?)?;
    let mut values = BTreeMap::new();
    for pair in answer.as_array().context("GetNodePropertiesBatch is no array")? {
        if let (Some(id), Value::Binary(bytes)) = (pair[0].as_str(), &pair[1]) {
            values.insert(id.to_owned(), bytes.clone());
        }
    }
    Ok(values)
}

fn write_all(server: &ServerProcess, graph: &str, writer: usize, keys: usize) -> Result<()> {
    let mut client = server.client()?;
    for sent in 0..keys + WINDOW {
        if sent < keys {
            let value = format!("writer {writer} key {sent}").into_bytes();
            let fields = [("node_id", key(sent).into()), ("properties_msgpack", bin(value))];
            client.send(graph, "AddNode", params(fields))?;
        }
        if sent >= WINDOW {
            let response = client.receive()?;
            ensure!(response.outcome.is_ok(), "AddNode: {response:?}");
        }
    }
    Ok(())
}

fn key(number: usize) -> String {
    format!("key{number}")
}
