//! What one writer was answered, and whether a graph holds exactly that.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, map, pack, params, unpack};
use epistemic_tests::{Client, Value};

/// Whether something must be there. Unknown: its last write was in flight when a connection broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    There,
    Gone,
    Unknown,
}

/// The nodes and edges of one writer.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Node that all its edges leave.
    pub(super) hub: String,
    pub(super) nodes: BTreeMap<String, Expected>,
    /// By the number in their properties. Parallel edges, so a write that is done twice shows.
    pub(super) edges: BTreeMap<u64, Expected>,
}

/// Checks that a graph holds what all writers were told, each edge once.
pub(super) fn check(writers: &[Written], client: &mut Client, graph: &str) -> Result<()> {
    let nodes = client.call(graph, "NodeIds", None)?;
    let nodes: BTreeSet<&str> =
        nodes.as_array().context("NodeIds")?.iter().filter_map(Value::as_str).collect();
    let counts = count_edges(client, graph)?;
    let mut known = 0;
    for writer in writers {
        for (node, expected) in &writer.nodes {
            let found = nodes.contains(node.as_str());
            let wrong = match expected {
                Expected::There => !found,
                Expected::Gone => found,
                Expected::Unknown => false,
            };
            ensure!(!wrong, "node {node} is {}there, expected {expected:?}", if found { "" } else { "not " });
        }
        for (number, expected) in &writer.edges {
            let found = counts.get(&(writer.hub.clone(), *number)).copied().unwrap_or(0);
            let right = found == 1 || found == 0 && *expected == Expected::Unknown;
            ensure!(right, "edge {number} of {}: {found} times, {expected:?}", writer.hub);
            known += found;
        }
    }
    let found: usize = counts.values().sum();
    ensure!(found == known, "{found} edges of writers, {known} of them sent");
    Ok(())
}

/// How often each edge is there, by its source and number; edges without a number are left out.
fn count_edges(client: &mut Client, graph: &str) -> Result<BTreeMap<(String, u64), usize>> {
    let edges = client.call(graph, "GetEdges", None)?;
    let mut counts = BTreeMap::new();
    for edge in edges.as_array().context("GetEdges")? {
        let [source, _, properties] = edge.as_array().map_or(&[][..], Vec::as_slice) else {
            anyhow::bail!("GetEdges: {edge}");
        };
        let bytes = properties.as_array().context("no properties")?.iter();
        let bytes: Vec<u8> = bytes.filter_map(Value::as_u64).map(|byte| byte as u8).collect();
        if let Some(number) = field(&unpack(&bytes)?, "n").and_then(Value::as_u64) {
            *counts.entry((source.as_str().context("no source")?.to_owned(), number)).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Negative control: a write that is missing, and one that was done twice, are found.
#[test]
fn the_check_finds_lost_and_doubled_writes() -> Result<()> {
    let pair = crate::Pair::start()?;
    pair.prepare("g", 1)?;
    let load = crate::load::Load::start("g", pair.places(), false)?;
    load.await_writes(40)?;
    let writers = load.stop()?;
    let mut client = pair.source.client()?;
    check(&writers, &mut client, "g")?;
    let (number, _) = writers[0].edges.first_key_value().context("no edge")?;
    let properties = pack(&map([("n", (*number).into())]));
    client.add_edge("g", &writers[0].hub, "target", &properties)?;
    let text = check(&writers, &mut client, "g").err().context("a doubled edge")?.to_string();
    ensure!(text.contains("2 times"), "{text}");
    client.call("g", "RemoveNode", params([("node_id", writers[0].hub.as_str().into())]))?;
    let text = check(&writers, &mut client, "g").err().context("lost edges")?.to_string();
    ensure!(text.contains("0 times"), "{text}");
    Ok(())
}
