//! `EvictLRU`, `CompactNodesByType`, `PruneByLifecycle`: the right ones go.

use anyhow::{Context, Result};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, ServerProcess, Value};

use super::{counts, evict, expected, ids, lines, named_counts, now, props, strings, touch};

#[test]
fn the_least_recently_used_are_evicted() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let accessed = |second: u64| props([("last_access", second.into())]);
    // In insertion order; those without a usable time were never accessed.
    client.add_node("g", "z never", b"\x80")?;
    client.add_node("g", "y 300", &accessed(300))?;
    client.add_node("g", "x 100", &accessed(100))?;
    client.add_node(
        "g",
        "w text",
        &props([("last_access", "yesterday".into()), ("created_at", 900.into())]),
    )?;
    client.add_node("g", "v 0", &accessed(0))?;
    client.add_node("g", "u raw", b"\xc1")?;
    client.add_node("g", "t 100", &accessed(100))?;
    client.add_node("g", "s 200", &accessed(200))?;
    client.add_node("g", "z never", b"\x81\xa1k\x01")?;
    client.add_edge("g", "s 200", "x 100", b"\x80")?;
    client.call("g", "ClearLedger", None)?;
    assert_eq!((evict(&mut client, "g", 100)?, evict(&mut client, "g", 8)?), (0, 0));

    let order = ["z never", "w text", "u raw", "v 0", "x 100", "t 100", "s 200", "y 300"];
    assert_eq!(evict(&mut client, "g", 6)?, 2);
    assert_eq!(lines(&mut client, "g")?, ["REMOVE_NODE|z never", "REMOVE_NODE|w text"]);
    assert_eq!(evict(&mut client, "g", 3)?, 3);
    let gone: Vec<_> = order[..5].iter().map(|id| format!("REMOVE_NODE|{id}")).collect();
    assert_eq!(lines(&mut client, "g")?, gone, "in this order");
    assert_eq!(counts(&mut client, "g")?, (3, 0));

    assert_eq!(touch(&mut client, "g", &["t 100"])?, 1);
    assert_eq!(evict(&mut client, "g", 1)?, 2);
    assert_eq!(ids(&mut client, "g")?, ["t 100"], "a touch is an access");
    assert_eq!((evict(&mut client, "g", 0)?, evict(&mut client, "g", 0)?), (1, 0));
    Ok(())
}

fn compact(client: &mut Client, node_type: &str, threshold: u64) -> Result<Vec<String>> {
    let fields = [("node_type", node_type.into()), ("threshold", threshold.into())];
    let answer = client.call("g", "CompactNodesByType", params(fields))?;
    assert_eq!(answer.as_map().map(Vec::len), Some(1), "{answer}");
    strings(field(&answer, "removed_nodes").context("removed_nodes")?)
}

/// Fault 28: the reference answers and removes nothing.
#[test]
fn the_oldest_of_a_type_are_folded_away_and_listed() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let list = Value::Array(vec!["U".into(), "T".into()]);
    client.add_node("g", "e", &props([("type", "T".into())]))?;
    client.add_node("g", "d", &props([("label", "T".into())]))?;
    client.add_node("g", "other", &props([("type", "t".into())]))?;
    client.add_node("g", "c", &props([("node_type", "T".into())]))?;
    client.add_node("g", "b", &props([("labels", list)]))?;
    client.add_node("g", "a", &props([("type", "T".into()), ("label", "T".into())]))?;
    client.add_edge("g", "other", "e", b"\x80")?;
    client.add_edge("g", "a", "other", b"\x80")?;
    client.add_node("g", "e", &props([("type", "T".into()), ("replaced", true.into())]))?;
    client.call("g", "ClearLedger", None)?;
    for threshold in [5, 6, u64::from(u32::MAX)] {
        assert!(compact(&mut client, "T", threshold)?.is_empty());
    }
    assert!(compact(&mut client, "missing", 0)?.is_empty());
    assert_eq!(compact(&mut client, "T", 3)?, ["e", "d"]);
    assert_eq!(lines(&mut client, "g")?, ["REMOVE_NODE|e", "REMOVE_NODE|d"]);
    assert_eq!(
        (ids(&mut client, "g")?, counts(&mut client, "g")?.1),
        (["a", "b", "c", "other"].map(String::from).into(), 1)
    );
    assert_eq!(compact(&mut client, "U", 0)?, ["b"]);
    assert_eq!(compact(&mut client, "T", 0)?, ["c", "a"]);
    assert_eq!((ids(&mut client, "g")?, counts(&mut client, "g")?), (vec!["other".to_owned()], (1, 0)));
    Ok(())
}

const AGES: [u64; 4] = [0, 50, 1000, 100_000];
const SCORES: [f64; 4] = [0.0, 0.3, 0.7, 1.0];

/// Id, age and confidence of a node.
type Aged = (String, Option<u64>, Option<f64>);

/// Every age with every confidence, and what has one of the two or none.
fn grid(client: &mut Client, graph: &str, at: u64) -> Result<Vec<Aged>> {
    let mut grid = Vec::new();
    for age in AGES.map(Some).into_iter().chain([None]) {
        for score in SCORES.map(Some).into_iter().chain([None]) {
            grid.push((format!("{age:?} {score:?}"), age, score));
        }
    }
    client.create_graph(graph)?;
    client.add_node(graph, "raw", b"\xc1")?;
    for (number, (id, age, score)) in grid.iter().enumerate() {
        let clock = ["last_access", "updated_at", "created_at"][number % 3];
        let time = age.map(|age| (clock, (at - age).into()));
        let bytes = props(time.into_iter().chain(score.map(|score| ("confidence", score.into()))));
        client.add_node(graph, id, &bytes)?;
        client.add_edge(graph, "raw", "raw", &bytes)?;
        client.add_edge(graph, id, "raw", b"\x80")?;
    }
    Ok(grid)
}

/// Fault 28 again. Bounds lie between the ages, so that the clock may tick meanwhile.
#[test]
fn what_is_old_and_worth_little_is_pruned() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    for (max_age, min_score) in
        [(500, 0.5), (0, 2.0), (500, 0.0), (20, 1.0), (5000, 1.5), (1_000_000, 9.0), (20, f64::NAN)]
    {
        let graph = format!("{max_age} {min_score}");
        let grid = grid(&mut client, &graph, now() - 10)?;
        client.call(&graph, "ClearLedger", None)?;
        let goes = |age: Option<u64>, score: Option<f64>| {
            age.is_some_and(|age| age + 10 > max_age) && score.unwrap_or(1.0) < min_score
        };
        let mut stay: Vec<_> =
            grid.iter().filter(|(_, age, score)| !goes(*age, *score)).map(|(id, ..)| id.clone()).collect();
        let removed = (grid.len() - stay.len()) as u64;
        let fields = [("max_age_secs", max_age.into()), ("min_score", min_score.into())];
        let answer = named_counts(&client.call(&graph, "PruneByLifecycle", params(fields))?)?;
        let counted = [("nodes_removed", removed), ("edges_removed", 2 * removed), ("nodes_archived", 0)];
        assert_eq!(answer, expected(counted), "{graph}");
        stay.push("raw".into());
        stay.sort();
        assert_eq!(ids(&mut client, &graph)?, stay, "{graph}");
        assert_eq!(counts(&mut client, &graph)?, (stay.len() as u64, 2 * (stay.len() as u64 - 1)), "{graph}");
        let shown = lines(&mut client, &graph)?;
        assert_eq!(shown.len() as u64, removed, "of the loops at `raw` some are left: {shown:?}");
    }
    Ok(())
}
