//! `DecaySweep` and `TouchNodes`: the formula, what counts as a time, what is pruned.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, map, params, unpack};
use epistemic_tests::{Client, ServerProcess, Value};

use super::{counts, lines, node, now, number, pair_param, props, sweep, touch};

const HALF_LIFE: f64 = 1000.0;

/// Fields of an item, and from which confidence and clock it decays, if it does.
struct Item {
    name: &'static str,
    fields: Vec<(&'static str, Value)>,
    decays: Option<(f64, u64)>,
}

fn items(now: u64) -> Vec<Item> {
    let item = |name, fields, decays| Item { name, fields, decays };
    let (old, older) = (now - 500, now - 100_000);
    vec![
        item("plain", vec![], None),
        item("default", vec![("last_access", old.into())], Some((1.0, old))),
        item("some", vec![("confidence", 0.8.into()), ("last_access", old.into())], Some((0.8, old))),
        item("integer", vec![("confidence", 1.into()), ("created_at", older.into())], Some((1.0, older))),
        item("above", vec![("confidence", 7.5.into()), ("updated_at", old.into())], Some((7.5, old))),
        item("a bit above", vec![("confidence", 1.2.into()), ("updated_at", old.into())], Some((1.2, old))),
        item("below", vec![("confidence", (-0.5).into()), ("updated_at", old.into())], Some((-0.5, old))),
        item("text", vec![("confidence", "high".into()), ("updated_at", old.into())], Some((1.0, old))),
        item(
            "first",
            vec![("created_at", 0.into()), ("last_access", old.into()), ("updated_at", older.into())],
            Some((1.0, old)),
        ),
        item("second", vec![("created_at", 0.into()), ("updated_at", older.into())], Some((1.0, older))),
        item(
            "unusable",
            vec![("created_at", old.into()), ("last_access", 5.0.into()), ("updated_at", (-5).into())],
            Some((1.0, old)),
        ),
        item("float", vec![("confidence", 0.5.into()), ("last_access", 5.0.into())], None),
        item("future", vec![("confidence", 0.5.into()), ("last_access", (now + 10_000).into())], None),
        item("no time", vec![("confidence", 0.5.into())], None),
        item("null", vec![("last_access", Value::Nil), ("updated_at", old.into())], Some((1.0, old))),
        item(
            "bin",
            vec![("data", Value::Binary(vec![0, 255])), ("last_access", old.into())],
            Some((1.0, old)),
        ),
        item(
            "others",
            vec![
                ("zeta", 1.into()),
                ("type", "T".into()),
                ("last_access", old.into()),
                ("list", Value::Array(vec![map([("a", 2.into()), ("b", Value::Nil)])])),
            ],
            Some((1.0, old)),
        ),
    ]
}

fn check(item: &Item, found: &Value, swept_at: u64) -> Result<()> {
    let Some((confidence, clock)) = item.decays else {
        let before = unpack(&props(item.fields.clone()))?;
        ensure!(*found == before, "{} became {found}", item.name);
        return Ok(());
    };
    let seen = field(found, "last_access").and_then(Value::as_u64).context("last_access")?;
    ensure!(seen == swept_at, "{}: last_access {seen}, swept at {swept_at}", item.name);
    let expected = (confidence * 0.5_f64.powf((seen - clock) as f64 / HALF_LIFE)).clamp(0.0, 1.0);
    let decayed = number(found, "confidence")?;
    ensure!((decayed - expected).abs() < 1e-9, "{}: {decayed} instead of {expected}", item.name);
    let keys: Vec<_> = found.as_map().context("a map")?.iter().filter_map(|(key, _)| key.as_str()).collect();
    ensure!(keys.is_sorted(), "{}: {keys:?}", item.name);
    for (name, value) in item.fields.iter().filter(|(name, _)| !["confidence", "last_access"].contains(name))
    {
        ensure!(field(found, name) == Some(value), "{}: {name} in {found}", item.name);
    }
    Ok(())
}

#[test]
fn the_formula_on_nodes_and_edges() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let before = now();
    let items = items(before);
    client.add_node("g", "raw", b"\xc1")?;
    client.add_node("g", "scalar", b"\x05")?;
    for item in &items {
        client.add_node("g", item.name, &props(item.fields.clone()))?;
    }
    // All parallel: each edge is an item of its own.
    for item in &items {
        client.add_edge("g", "raw", "scalar", &props(item.fields.clone()))?;
    }
    let shown = lines(&mut client, "g")?;
    let decaying = items.iter().filter(|item| item.decays.is_some()).count() as u64;
    assert_eq!(sweep(&mut client, "g", HALF_LIFE, 0.0, false)?, [decaying, decaying, 0, 0]);
    let after = now();

    let swept_at = field(&node(&mut client, "g", "default")?, "last_access").and_then(Value::as_u64);
    let swept_at = swept_at.context("last_access")?;
    ensure!((before..=after).contains(&swept_at), "swept at {swept_at}, between {before} and {after}");
    let edges = client.call("g", "GetEdgeProperties", pair_param("raw", "scalar"))?;
    let edges = edges.as_array().context("GetEdgeProperties")?;
    assert_eq!(edges.len(), items.len());
    for (item, edge) in items.iter().zip(edges) {
        check(item, &node(&mut client, "g", item.name)?, swept_at)?;
        if item.decays.is_some() {
            check(item, edge, swept_at).with_context(|| format!("edge {}", item.name))?;
        }
    }
    assert_eq!(client.node_properties("g", "raw")?.as_deref(), Some(&b"\xc1"[..]));
    assert_eq!(client.node_properties("g", "scalar")?.as_deref(), Some(&b"\x05"[..]));
    assert_eq!(lines(&mut client, "g")?, shown, "decayed values are not in the ledger");
    let labelled =
        client.call("g", "GetNodesByLabel", params([("label", "T".into()), ("limit", 0.into())]))?;
    assert_eq!(labelled.as_array().map(Vec::len), Some(1));

    for half_life in [0.0, -1.0, f64::NAN] {
        assert_eq!(sweep(&mut client, "g", half_life, 0.0, false)?, [0; 4], "half life {half_life}");
    }
    Ok(())
}

#[test]
fn a_week_is_the_default_and_nothing_is_pruned() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let clock = now() - 604_800;
    client.add_node("g", "a", &props([("created_at", clock.into()), ("confidence", 0.5.into())]))?;
    client.add_node("g", "worthless", &props([("confidence", 0.0.into())]))?;
    client.call("g", "DecaySweep", params([]))?;
    let found = node(&mut client, "g", "a")?;
    let expected = 0.5 * 0.5_f64.powf((number(&found, "last_access")? - clock as f64) / 604_800.0);
    ensure!((number(&found, "confidence")? - expected).abs() < 1e-9, "{found}");
    assert_eq!(counts(&mut client, "g")?.0, 2);
    super::refused(&mut client, "g", "DecaySweep", None, "Invalid request MsgPack: missing field `params`")
}

fn with_confidence(confidence: f64) -> Vec<u8> {
    props([("confidence", confidence.into())])
}

fn parallel(client: &mut Client) -> Result<Vec<f64>> {
    let edges = client.call("g", "GetEdgeProperties", pair_param("a", "b"))?;
    edges.as_array().context("GetEdgeProperties")?.iter().map(|edge| number(edge, "confidence")).collect()
}

/// Fault 24, and accident `decay_prune_drops_parallel`: one of several parallel edges goes, the others stay.
#[test]
fn one_parallel_edge_is_pruned() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    for id in ["a", "b", "low"] {
        client.add_node("g", id, &with_confidence(if id == "low" { 0.1 } else { 0.95 }))?;
    }
    for confidence in [0.9, 0.1, 0.8, 0.2, 0.7] {
        client.add_edge("g", "a", "b", &with_confidence(confidence))?;
    }
    client.add_edge("g", "low", "a", &with_confidence(0.95))?;
    client.call("g", "ClearLedger", None)?;
    assert_eq!(sweep(&mut client, "g", HALF_LIFE, 0.5, false)?, [0; 4], "a floor alone prunes nothing");
    assert_eq!(sweep(&mut client, "g", HALF_LIFE, 0.15, true)?, [0, 0, 1, 1]);
    assert_eq!(parallel(&mut client)?, [0.9, 0.8, 0.2, 0.7], "insertion order stays");
    assert_eq!(counts(&mut client, "g")?, (2, 4), "the edge of the pruned node goes with it");
    assert_eq!(lines(&mut client, "g")?, ["REMOVE_NODE|low"], "of the pair some are left");

    assert_eq!(sweep(&mut client, "g", HALF_LIFE, 0.75, true)?, [0, 0, 0, 2]);
    assert_eq!(parallel(&mut client)?, [0.9, 0.8]);
    assert_eq!(client.call("g", "HasEdge", pair_param("a", "b"))?, true.into());
    assert_eq!(client.call("g", "OutDegree", super::node_param("a"))?, 2.into());
    assert_eq!(client.call("g", "InDegree", super::node_param("b"))?, 2.into());

    client.call("g", "ClearLedger", None)?;
    assert_eq!(sweep(&mut client, "g", HALF_LIFE, 0.99, true)?, [0, 0, 2, 2]);
    assert_eq!(counts(&mut client, "g")?, (0, 0));
    assert_eq!(
        lines(&mut client, "g")?,
        ["REMOVE_EDGE|a|b", "REMOVE_NODE|a", "REMOVE_NODE|b"],
        "edges first"
    );
    Ok(())
}

/// What decays below the floor goes in the same sweep, and counts as both.
#[test]
fn decayed_and_pruned_at_once() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let aged = |age: u64| props([("last_access", (now() - age).into())]);
    client.add_node("g", "old", &aged(10_000))?;
    client.add_node("g", "young", &aged(100))?;
    client.add_edge("g", "young", "young", &aged(10_000))?;
    client.add_edge("g", "young", "young", &aged(100))?;
    assert_eq!(sweep(&mut client, "g", HALF_LIFE, 0.5, true)?, [2, 2, 1, 1]);
    assert_eq!(counts(&mut client, "g")?, (1, 1));
    Ok(())
}

#[test]
fn touched_nodes_are_fresh() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let fields = [("zeta", 1.into()), ("type", "T".into()), ("confidence", 0.2.into())];
    client.add_node("g", "a", &props(fields))?;
    client.add_node("g", "b", b"\x80")?;
    client.add_node("g", "scalar", b"\x05")?;
    client.add_node("g", "raw", b"\xc1")?;
    let (shown, before) = (lines(&mut client, "g")?, now());
    assert_eq!(touch(&mut client, "g", &["a", "missing", "b", "a", "scalar", "raw"])?, 3);
    let after = now();
    for id in ["a", "b"] {
        let found = node(&mut client, "g", id)?;
        assert_eq!(field(&found, "confidence"), Some(&1.0.into()), "{found}");
        let seen = field(&found, "last_access").and_then(Value::as_u64).context("last_access")?;
        ensure!((before..=after).contains(&seen), "{seen}, between {before} and {after}");
    }
    let zeta = node(&mut client, "g", "a")?;
    let keys: Vec<_> = zeta.as_map().context("a map")?.iter().filter_map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["confidence", "last_access", "type", "zeta"]);
    assert_eq!(client.node_properties("g", "scalar")?.as_deref(), Some(&b"\x05"[..]));
    assert_eq!(lines(&mut client, "g")?, shown, "not in the ledger");
    assert_eq!(touch(&mut client, "g", &[])?, 0);
    Ok(())
}
