//! Shards of a moved graph that are set back to before the move: seen by the shard, by `egctl` and by the gateway, and ended
//! by one command, with the content as it has to be (drills; docs/operations.md, "After a restore").

mod concurrent;
mod destination;
mod placed;
mod resolve;
mod source;
mod tier;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, Value};

/// The graph that moves.
const GRAPH: &str = "tenant__acme____bus__";
/// For what the shards and the gateway look at again by themselves.
const LIMIT: Duration = Duration::from_secs(40);

/// Adds the nodes `first..last`.
fn add(client: &mut Client, graph: &str, first: usize, last: usize) -> Result<()> {
    (first..last).try_for_each(|number| {
        let properties = [0x81, 0xa1, b'n', number as u8];
        Ok(client.add_node(graph, &format!("n{number}"), &properties)?)
    })
}

/// Fails unless the graph has exactly the nodes `0..count`, with their properties.
fn has(client: &mut Client, graph: &str, count: usize) -> Result<()> {
    let ids = client.call(graph, "NodeIds", None)?;
    let ids: Option<BTreeSet<&str>> = ids.as_array().into_iter().flatten().map(Value::as_str).collect();
    let expected: BTreeSet<String> = (0..count).map(|number| format!("n{number}")).collect();
    let ids = ids.context("an id is no text")?;
    ensure!(
        ids.iter().copied().eq(expected.iter().map(String::as_str)),
        "{graph}: {ids:?}, not {count} nodes"
    );
    for number in 0..count {
        let stored = client.node_properties(graph, &format!("n{number}"))?;
        ensure!(stored.as_deref() == Some(&[0x81, 0xa1, b'n', number as u8][..]), "n{number}: {stored:?}");
    }
    Ok(())
}

/// The text by which a call is refused.
fn refused(client: &mut Client, graph: &str, method: &str, fields: &[(&str, Value)]) -> Result<String> {
    let fields = fields.iter().map(|(name, value)| (*name, value.clone()));
    let error = client.call(graph, method, params(fields)).err();
    let error = error.with_context(|| format!("{method} of {graph:?} was carried out"))?;
    Ok(error.server_text().with_context(|| format!("{method}: {error}"))?.to_owned())
}

/// A number in `ownership` of `ShardStatus`.
fn told(client: &mut Client, key: &str) -> Result<u64> {
    let status = client.call("", "ShardStatus", None)?;
    let ownership = field(&status, "ownership").context("no ownership")?;
    field(ownership, key).and_then(Value::as_u64).with_context(|| format!("{key}: {ownership}"))
}
