//! Operations that let graphs age, copy, compare and complete them: values and counts by the contract, the same after a
//! restart and after `kill -9`, and what others see meanwhile. Faults 20, 24 and 28.

mod acknowledged;
mod at_once;
mod compare;
mod context_view;
mod decay;
mod documents;
mod ledger;
mod meanwhile;
mod periodic;
mod reasoning;
mod removal;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, map, pack, params, unpack};
use epistemic_tests::{Client, Value};

/// Property bytes of a map.
fn props<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Vec<u8> {
    pack(&map(fields))
}

/// Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock behind 1970").as_secs()
}

fn node_param(id: &str) -> Option<Value> {
    params([("node_id", id.into())])
}

fn pair_param(source: &str, target: &str) -> Option<Value> {
    params([("source_id", source.into()), ("target_id", target.into())])
}

/// The properties of a node that must be there.
fn node(client: &mut Client, graph: &str, id: &str) -> Result<Value> {
    let bytes = client.node_properties(graph, id)?.with_context(|| format!("{id} is gone"))?;
    Ok(unpack(&bytes)?)
}

fn number(properties: &Value, name: &str) -> Result<f64> {
    field(properties, name).and_then(Value::as_f64).with_context(|| format!("{name} of {properties}"))
}

fn strings(answer: &Value) -> Result<Vec<String>> {
    let items = answer.as_array().with_context(|| format!("{answer} is no array"))?;
    items
        .iter()
        .map(|item| Ok(item.as_str().with_context(|| format!("{item} is no string"))?.to_owned()))
        .collect()
}

/// `NodeIds`, sorted.
fn ids(client: &mut Client, graph: &str) -> Result<Vec<String>> {
    let mut ids = strings(&client.call(graph, "NodeIds", None)?)?;
    ids.sort();
    Ok(ids)
}

fn lines(client: &mut Client, graph: &str) -> Result<Vec<String>> {
    strings(&client.call(graph, "GetLedger", None)?)
}

/// `NodeCount` and `EdgeCount`.
fn counts(client: &mut Client, graph: &str) -> Result<(u64, u64)> {
    let mut count = |method| client.call(graph, method, None)?.as_u64().context(method);
    Ok((count("NodeCount")?, count("EdgeCount")?))
}

/// An answer of named counts.
fn named_counts(answer: &Value) -> Result<BTreeMap<String, u64>> {
    let fields = answer.as_map().with_context(|| format!("{answer} is no map"))?;
    let count = |(name, count): &(Value, Value)| Some((name.as_str()?.to_owned(), count.as_u64()?));
    fields.iter().map(|entry| count(entry).with_context(|| format!("{answer}"))).collect()
}

/// The counts of `DecaySweep` or `PruneByLifecycle`.
fn expected<const N: usize>(fields: [(&str, u64); N]) -> BTreeMap<String, u64> {
    fields.map(|(name, count)| (name.to_owned(), count)).into()
}

/// `DecaySweep`: decayed nodes and edges, pruned nodes and edges.
fn sweep(client: &mut Client, graph: &str, half_life: f64, floor: f64, prune: bool) -> Result<[u64; 4]> {
    let fields = [("half_life_secs", half_life.into()), ("floor", floor.into()), ("prune", prune.into())];
    let counts = named_counts(&client.call(graph, "DecaySweep", params(fields))?)?;
    let count = |name| counts.get(name).copied().with_context(|| format!("{counts:?}"));
    Ok([count("nodes_decayed")?, count("edges_decayed")?, count("nodes_pruned")?, count("edges_pruned")?])
}

fn evict(client: &mut Client, graph: &str, max_nodes: u64) -> Result<u64> {
    client.call(graph, "EvictLRU", params([("max_nodes", max_nodes.into())]))?.as_u64().context("EvictLRU")
}

fn touch(client: &mut Client, graph: &str, ids: &[&str]) -> Result<u64> {
    let ids = Value::Array(ids.iter().map(|&id| id.into()).collect());
    client.call(graph, "TouchNodes", params([("node_ids", ids)]))?.as_u64().context("TouchNodes")
}

/// The document of `ToMsgpack`: nodes by id, edges by pair and insertion, ledger.
fn document(client: &mut Client, graph: &str) -> Result<Vec<u8>> {
    let answer = client.call(graph, "ToMsgpack", None)?;
    let bytes = answer.as_array().context("ToMsgpack is no array")?.iter();
    bytes.map(|byte| byte.as_u64().and_then(|byte| byte.try_into().ok()).context("no byte")).collect()
}

/// Nodes and edges of the document, without the ledger.
fn content(client: &mut Client, graph: &str) -> Result<(Value, Value)> {
    let document = unpack(&document(client, graph)?)?;
    let part = |name| field(&document, name).cloned().with_context(|| format!("no {name}"));
    Ok((part("nodes")?, part("edges")?))
}

/// Ledger sequence of a graph, by `GraphStats`.
fn sequence(client: &mut Client, graph: &str) -> Result<u64> {
    let stats = client.call("__commons__", "GraphStats", None)?;
    let rows = stats.as_array().context("GraphStats is no array")?;
    let row = rows.iter().find(|row| field(row, "name").and_then(Value::as_str) == Some(graph));
    row.and_then(|row| field(row, "sequence")?.as_u64()).with_context(|| format!("{graph} in {stats}"))
}

/// The server refuses with an error of exactly this text, whatever the id that it answers to.
fn refused(client: &mut Client, graph: &str, method: &str, fields: Option<Value>, text: &str) -> Result<()> {
    client.send(graph, method, fields)?;
    let outcome = client.receive()?.outcome;
    ensure!(outcome.as_ref().is_err_and(|error| error == text), "{method}: {outcome:?} instead of {text:?}");
    Ok(())
}
