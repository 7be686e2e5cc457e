//! Mutations that are made in parts come to the same as those made at once.

use epistemic_storage::{
    Durability, GraphStore,
    graph::{ConditionalChange, Graph, GraphError, GraphType, Once, Op, Outcome, Progress, Write},
    limits::RequestLimits,
    properties,
};

use super::{
    fixture::{add_edge, add_node, counts, create, remove_edge, remove_node, write_all},
    graph_moves::{arrive, replay, step},
};

/// More edges than one part has.
const EDGES: usize = 5_000;

/// Commits one write in parts, another one of its graph behind it; returns what both came to and the number of groups.
fn in_parts(graphs: &GraphStore, op: Op, behind: Op) -> (Vec<Result<Outcome, GraphError>>, usize) {
    let mut left = vec![
        (0, Write { graph: "g".into(), op }, Progress::default()),
        (1, Write { graph: "g".into(), op: behind }, Progress::default()),
    ];
    let mut results: Vec<_> = vec![Ok(Outcome::Done); 2];
    let mut groups = 0;
    while !left.is_empty() {
        groups += 1;
        assert!(groups < 1000, "it comes to an end");
        let mut places = Vec::new();
        let (mut writes, mut reached) = (Vec::new(), Vec::new());
        for (place, write, from) in left {
            places.push(place);
            writes.push(write);
            reached.push(from);
        }
        let done = graphs.commit_in_parts(&writes, &reached, Durability::Buffered);
        left = Vec::new();
        for ((place, write), result) in places.into_iter().zip(writes).zip(done) {
            match result {
                Ok(Outcome::Unfinished(reached)) => left.push((place, write, *reached)),
                result => results[place] = result,
            }
        }
    }
    (results, groups)
}

/// A node `hub` with many edges to and from others, two to itself, and parallel ones.
fn hub(graphs: &GraphStore, name: &str) -> Result<(), GraphError> {
    create(graphs, name)?;
    let mut ops = vec![add_node("hub", b""), add_edge("hub", "hub", b""), add_edge("hub", "hub", b"")];
    for n in 0..EDGES / 2 {
        let other = format!("n{}", n % 100);
        if n < 100 {
            ops.push(add_node(&other, b""));
        }
        ops.push(add_edge("hub", &other, b"p"));
        ops.push(add_edge(&other, "hub", b"p"));
    }
    ops.push(add_edge("n0", "n1", b"stays"));
    let writes: Vec<_> = ops.into_iter().map(|op| Write { graph: name.into(), op }).collect();
    graphs.commit(&writes, Durability::Buffered).into_iter().try_for_each(|result| result.map(drop))
}

fn records(graphs: &GraphStore, graph: &Graph) -> Result<Vec<(u64, Vec<u8>)>, GraphError> {
    let mut records = Vec::new();
    graphs.latest(graph).for_each_ledger(0, |sequence, record| {
        records.push((sequence, record.to_vec()));
        Ok::<_, epistemic_storage::StoreError>(())
    })?;
    Ok(records)
}

pub(super) fn removed_hub(graphs: &GraphStore) -> Result<(), GraphError> {
    hub(graphs, "g")?;
    hub(graphs, "whole")?;
    let (results, groups) = in_parts(graphs, remove_node("hub"), add_node("behind", b""));
    assert_eq!(results, [Ok(Outcome::Done), Ok(Outcome::Done)]);
    assert!(groups > 2, "{groups}");
    write_all(graphs, "whole", vec![remove_node("hub"), add_node("behind", b"")])?;
    assert_eq!(counts(graphs, "g")?, (101, 1));
    assert_eq!(counts(graphs, "g")?, counts(graphs, "whole")?);
    let (g, whole) = (graphs.graph("g")?, graphs.graph("whole")?);
    let (reader, other) = (graphs.latest(&g), graphs.latest(&whole));
    assert_eq!(reader.ledger_lines()?, other.ledger_lines()?, "the ledger shows one removal");
    assert_eq!(g.counters().ledger_lines, whole.counters().ledger_lines);
    for n in 0..100 {
        let id = format!("n{n}");
        assert_eq!((reader.out_degree(&id)?, reader.in_degree(&id)?), (u64::from(n == 0), u64::from(n == 1)));
    }
    // The ledger tells a copy the same.
    let records = records(graphs, &g)?;
    step(graphs, "copy", arrive("m1"))?;
    step(graphs, "copy", replay("m1", records.clone()))?;
    let copy = graphs.graph_in_any_state("copy")?;
    assert_eq!(copy.counters(), g.counters());
    assert_eq!(self::records(graphs, &copy)?, records);
    Ok(())
}

/// A key is stored with the last part: the write goes on until then, and is made once after.
pub(super) fn made_once(graphs: &GraphStore) -> Result<(), GraphError> {
    hub(graphs, "g")?;
    let removal = || Op::Once(Once { key: [1; 16], request: [1; 16] }, Box::new(remove_node("hub")));
    let write = [Write { graph: "g".into(), op: removal() }];
    let begun = graphs.commit_in_parts(&write, &[Progress::default()], Durability::Buffered);
    assert!(matches!(begun[..], [Ok(Outcome::Unfinished(_))]), "{begun:?}");
    // Its first try is forgotten, as by a server that was killed.
    let (results, groups) = in_parts(graphs, removal(), removal());
    assert_eq!(results, [Ok(Outcome::Done), Ok(Outcome::Done)]);
    assert!(groups > 1, "{groups}");
    assert_eq!(counts(graphs, "g")?, (100, 1));
    let before = graphs.graph("g")?.counters().sequence;
    write_all(graphs, "g", vec![removal()])?;
    assert_eq!(graphs.graph("g")?.counters().sequence, before, "nothing is done again");
    Ok(())
}

/// A load under a key that found its group full is made in the next one, with its records.
pub(super) fn load_that_waits(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let mut loader = graphs.load();
    loader.node("n", 1, b"1")?;
    let (kind, loaded) = (GraphType::Agent, loader.finish()?);
    let install = Op::Install { loaded, kind, owner: None, replace: false };
    let once = Op::Once(Once { key: [1; 16], request: [1; 16] }, Box::new(install));
    let more_than_a_group = graphs.store().group_limits().bytes as usize + (1 << 20);
    let fills_a_group = Write { graph: "g".into(), op: add_node("large", &vec![0; more_than_a_group]) };
    let writes = [fills_a_group, Write { graph: "loaded".into(), op: once }];
    let mut done = graphs.commit_in_parts(&writes, &vec![Progress::default(); 2], Durability::Sync);
    let Ok(Outcome::Unfinished(reached)) = done.remove(1) else { panic!("{done:?}") };
    graphs.reclaim()?;
    let [_, install] = writes;
    assert_eq!(graphs.commit_in_parts(&[install], &[*reached], Durability::Sync), [Ok(Outcome::Done)]);
    graphs.reclaim()?;
    let loaded = graphs.graph("loaded")?;
    assert_eq!(graphs.latest(&loaded).node("n")?.map(|node| node.properties), Some(b"1".to_vec()));
    Ok(())
}

/// How far a removal came says nothing of another graph that took the name meanwhile.
pub(super) fn replaced_meanwhile(graphs: &GraphStore) -> Result<(), GraphError> {
    hub(graphs, "g")?;
    let write = [Write { graph: "g".into(), op: remove_node("hub") }];
    let mut reached = Progress::default();
    for _ in 0..2 {
        let begun = graphs.commit_in_parts(&write, &[reached], Durability::Buffered).remove(0)?;
        let Outcome::Unfinished(progress) = begun else { panic!("{begun:?}") };
        reached = *progress;
    }
    write_all(graphs, "g", vec![Op::Delete])?;
    create(graphs, "g")?;
    let ops =
        vec![add_node("hub", b""), add_node("a", b""), add_edge("hub", "a", b""), add_edge("a", "hub", b"")];
    write_all(graphs, "g", ops)?;
    let done = graphs.commit_in_parts(&write, &[reached], Durability::Buffered).remove(0)?;
    assert_eq!(done, Outcome::Done);
    assert_eq!(counts(graphs, "g")?, (1, 0));
    assert_eq!(graphs.latest(&*graphs.graph("g")?).in_degree("a")?, 0);
    Ok(())
}

pub(super) fn parallel_edges(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", b""), add_node("b", b""), add_edge("b", "a", b"")])?;
    let writes: Vec<_> =
        (0..EDGES).map(|_| Write { graph: "g".into(), op: add_edge("a", "b", b"") }).collect();
    graphs.commit(&writes, Durability::Buffered);
    let (results, groups) = in_parts(graphs, remove_edge("a", "b"), add_edge("a", "b", b"new"));
    assert_eq!(results, [Ok(Outcome::Done), Ok(Outcome::Done)]);
    assert!(groups > 2, "{groups}");
    assert_eq!(counts(graphs, "g")?, (2, 2));
    let lines = graphs.latest(&*graphs.graph("g")?).ledger_lines()?;
    assert_eq!(lines.iter().filter(|line| line.starts_with("REMOVE_EDGE")).count(), 1, "{:?}", lines.last());
    Ok(())
}

pub(super) fn touched_and_revised(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let mut large = b"\x81\xa1t\xc6\x00\x04\x00\x00".to_vec();
    large.resize(large.len() + (256 << 10), 7);
    let ids: Vec<String> = (0..12).map(|n| format!("n{n}")).collect();
    write_all(graphs, "g", ids.iter().map(|id| add_node(id, &large)).collect())?;
    let nodes: Vec<_> = ids.iter().chain(&ids).cloned().chain(["missing".into()]).collect();
    let (results, groups) = in_parts(graphs, Op::Touch { nodes, now: 77 }, remove_node("n11"));
    assert_eq!(results, [Ok(Outcome::Touched(24)), Ok(Outcome::Done)]);
    assert!(groups > 2, "{groups}");
    let graph = graphs.graph("g")?;
    let seen = graphs
        .latest(&graph)
        .node("n3")?
        .and_then(|node| properties::decay_fields(&node.properties)?.last_access);
    assert_eq!(seen, Some(77));

    let (of, since) = (graph.id(), graph.counters().sequence);
    let changes = ids[..11].iter().map(|id| {
        let expected = graphs.latest(&graph).node(id)?.map(|node| node.properties).unwrap_or_default();
        let properties = (id != "n5").then(|| b"\x80".to_vec());
        Ok(ConditionalChange::Node { id: id.clone(), expected, properties })
    });
    let changes = changes.collect::<Result<Vec<_>, GraphError>>()?;
    let revise = Op::Conditional { of, since, changes, in_parts: true };
    let (results, _) = in_parts(graphs, revise, add_node("behind", b""));
    let Ok(Outcome::Conditional(revised)) = &results[0] else { panic!("{results:?}") };
    assert_eq!((revised.nodes_set, &revised.nodes_removed[..]), (10, &["n5".to_owned()][..]));
    assert_eq!(counts(graphs, "g")?, (11, 0));
    Ok(())
}

/// A batch beyond its limit is refused as a whole, and leaves nothing; the others of its group are made.
pub(super) fn limited_batch(graphs: &GraphStore) -> Result<(), GraphError> {
    graphs.limit_requests(RequestLimits { batch_bytes: 10_000, ..RequestLimits::default() });
    hub(graphs, "g")?;
    let before = counts(graphs, "g")?;
    let batch = |items: Vec<_>| Write { graph: "g".into(), op: Op::batch(items) };
    let remove = epistemic_storage::Mutation::RemoveNode { id: "hub".into() };
    let add = epistemic_storage::Mutation::AddNode { id: "new".into(), properties: Vec::new() };
    let writes = [batch(vec![add.clone(), remove]), batch(vec![add])];
    let results = graphs.commit(&writes, Durability::Sync);
    let text = results[0].as_ref().expect_err("too large").to_string();
    assert!(text.starts_with("LIMIT_EXCEEDED: the batch writes over 10000 bytes"), "{text}");
    assert!(results[1].is_ok());
    assert_eq!(counts(graphs, "g")?, (before.0 + 1, before.1));
    Ok(())
}
