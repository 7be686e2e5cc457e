//! Whole moves between two stores, and arrivals under another name.

use std::time::Duration;

use epistemic_storage::{
    GraphStore, MemoryStore, Mutation,
    graph::{COMMONS, GraphError, GraphType, LedgerRecord, MoveOp, Op, Rename},
    snapshot::{ImportTarget, SnapshotError, content_digest, export, import},
};

use super::{
    fixture::{add_edge, add_node, create, remove_node, typed, write_all},
    graph_moves::{
        THERE, admit, arrive, depart_with, drop_records, everything, fill, proven, replay, standing, step,
    },
};

/// Copies a graph to a store that expects it, without what changed since the snapshot.
fn copy(from: &GraphStore, to: &GraphStore, name: &str, move_id: &str) -> Result<(), GraphError> {
    let mut snapshot = Vec::new();
    let done = export(from, &*from.graph(name)?, &mut snapshot, &mut |_| {}).and_then(|_| {
        write_all(from, name, vec![add_node("since", &typed("L")), add_edge("since", "a", b"")])?;
        let target = ImportTarget {
            name: None,
            replace: false,
            move_id: Some(move_id.into()),
            ..ImportTarget::default()
        };
        import(to, &snapshot[..], &target, &mut |_| {})
    });
    match done {
        Ok(_) => Ok(()),
        Err(SnapshotError::Graph(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// A move in its order, each step twice.
fn carry(from: &GraphStore, to: &GraphStore, name: &str, move_id: &str) -> Result<(), GraphError> {
    step(to, name, arrive(move_id))?;
    step(to, name, arrive(move_id))?;
    for _ in 0..2 {
        copy(from, to, name, move_id)?;
    }
    let source = from.graph(name)?;
    let held = |to: &GraphStore| to.graph_in_any_state(name).map(|graph| graph.counters().sequence);
    let begun = held(to)?;
    for _ in 0..2 {
        let changes = from.changes(&source, begun, usize::MAX)?;
        assert_eq!((changes.sequence, changes.records.len()), (begun + 2, 2));
        step(to, name, replay(move_id, changes.records))?;
    }
    let digest = |graphs: &GraphStore| {
        let graph = graphs.graph_in_any_state(name)?;
        let changed = graphs.tail_digest(&graph, begun)?;
        Ok::<_, GraphError>((
            changed,
            content_digest(graphs, &graph).unwrap_or_else(|error| panic!("{error}")),
        ))
    };
    assert_eq!(digest(to)?, digest(from)?);
    let fenced = from.fence(name, move_id, THERE, Duration::from_secs(60))?;
    let (sequence, epoch) = (fenced.sequence, Some(fenced.epoch + 1));
    assert_eq!(sequence, held(to)?);
    for _ in 0..2 {
        step(from, name, depart_with(move_id, proven(&fenced)))?;
    }
    assert!(matches!(step(to, name, admit(move_id, sequence - 1)), Err(GraphError::MovedOn { .. })));
    let copy = to.graph_in_any_state(name)?.id().number();
    let admit =
        |copy| MoveOp::Admit { move_id: move_id.into(), copy: Some(copy), sequence, epoch, rename: None };
    assert!(matches!(step(to, name, admit(copy + 1)), Err(GraphError::Overtaken { .. })), "another copy");
    for _ in 0..2 {
        step(to, name, admit(copy))?;
    }
    for _ in 0..2 {
        step(from, name, drop_records(move_id))?;
    }
    Ok(())
}

/// There and back, over the signpost that the first move left.
pub(super) fn there_and_back(graphs: &GraphStore) -> Result<(), GraphError> {
    let there = GraphStore::open(MemoryStore::new())?;
    let (kind, owner) = (GraphType::Team, Some("owner".to_owned()));
    graphs.write("g", Op::Create { kind, owner, tenant: Some("tenant".into()) })?;
    write_all(graphs, "g", vec![add_node("a", &typed("L")), add_node("b", b""), remove_node("b")])?;
    let vector = Op::One(Mutation::AddEmbedding { node: "a".into(), components: vec![0; 8] });
    write_all(graphs, "g", vec![add_edge("a", "a", b"1"), add_edge("a", "a", b"2"), vector])?;
    for (round, (from, to)) in [(graphs, &there), (&there, graphs), (graphs, &there)].into_iter().enumerate()
    {
        let move_id = format!("m{round}");
        carry(from, to, "g", &move_id)?;
        assert_eq!(standing(from, "g"), format!("signpost {move_id}"));
        assert_eq!(standing(to, "g"), format!("served since {move_id}"));
        let terms = [from, to].map(|graphs| graphs.graph_in_any_state("g").map(|graph| graph.epoch()));
        assert_eq!(terms, [Ok(round as u64 + 1), Ok(round as u64 + 1)], "the ownership term");
        let graph = to.graph("g")?;
        assert_eq!(
            (graph.kind(), graph.owner().as_deref(), graph.tenant()),
            (GraphType::Team, Some("owner"), Some("tenant"))
        );
        let sequence = graph.counters().sequence;
        write_all(to, "g", vec![add_node("after", b"")])?;
        assert_eq!(graph.counters().sequence, sequence + 1);
    }
    there.write("g", Op::Delete)?;
    step(graphs, "g", MoveOp::Forget)?;
    create(graphs, "g")
}

fn rename(move_id: &str, sequence: u64, name: &str, replace: bool) -> MoveOp {
    let rename = Some(Rename { name: name.into(), replace });
    MoveOp::Admit { move_id: move_id.into(), copy: None, sequence, epoch: None, rename }
}

/// A graph `from` of 7 changes, the last of which is another than that of the snapshot.
fn prepare(graphs: &GraphStore, from: &str) -> Result<(), GraphError> {
    step(graphs, from, arrive(from))?;
    step(graphs, from, fill(graphs, from)?)
}

pub(super) fn renamed(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "taken")?;
    for number in 0..20 {
        write_all(graphs, "taken", vec![add_node(&number.to_string(), b"")])?;
    }
    step(graphs, "expected", arrive("m9"))?;
    prepare(graphs, "m1")?;
    let before = everything(graphs)?;
    for (name, replace) in [("taken", false), ("expected", false), ("expected", true)] {
        let refused = step(graphs, "m1", rename("m1", 7, name, replace));
        match name {
            "expected" => assert!(matches!(refused, Err(GraphError::Arriving { .. })), "{refused:?}"),
            _ => assert_eq!(refused, Err(GraphError::GraphExists(name.into()))),
        }
    }
    assert!(matches!(step(graphs, "m1", rename("m1", 6, "free", false)), Err(GraphError::MovedOn { .. })));
    assert!(matches!(
        step(graphs, "m1", rename("m2", 7, "free", false)),
        Err(GraphError::MoveConflict { .. })
    ));
    assert_eq!(everything(graphs)?, before, "refusals change nothing");

    for _ in 0..2 {
        step(graphs, "m1", rename("m1", 7, "free", false))?;
    }
    assert_eq!((standing(graphs, "m1"), standing(graphs, "free")), ("free".into(), "served since m1".into()));
    assert_eq!(graphs.graph("free")?.counters().sequence, 7, "nothing was logged");

    prepare(graphs, "m2")?;
    let held = graphs.graph("taken")?;
    for _ in 0..2 {
        step(graphs, "m2", rename("m2", 7, "taken", true))?;
    }
    let graph = graphs.graph("taken")?;
    let state = graph.counters();
    assert_eq!((state.sequence, state.nodes, state.complete_from), (22, 1, 22), "the sequence never falls");
    let replaced = graphs.changes(&graph, 21, usize::MAX)?.records;
    assert_eq!(LedgerRecord::decode(&replaced[0].1)?.0, LedgerRecord::Replaced);
    assert!(graphs.latest(&held).has_node("3")?, "who reads the replaced graph goes on");
    drop((held, graph));
    write_all(graphs, "taken", vec![add_edge("n", "n", b"")])?;

    prepare(graphs, "m3")?;
    step(graphs, "m3", rename("m3", 7, COMMONS, true))?;
    let commons = graphs.graph(COMMONS)?;
    assert_eq!(
        (commons.kind(), commons.counters().nodes, commons.counters().sequence),
        (GraphType::Commons, 1, 8)
    );

    prepare(graphs, "m4")?;
    step(graphs, "m4", rename("m4", 7, "m4", false))?;
    assert_eq!(standing(graphs, "m4"), "served since m4");
    assert_eq!(graphs.reclaim()?, 6, "two that were replaced, four reservations");
    Ok(())
}

/// What stops an arrival from being served under another name: a fence, a tenant's claim, the rule for names.
pub(super) fn rename_refused(graphs: &GraphStore) -> Result<(), GraphError> {
    graphs
        .write("claimed", Op::Create { kind: GraphType::Agent, owner: None, tenant: Some("first".into()) })?;
    prepare(graphs, "m1")?;
    let fenced = graphs.fence("claimed", "m0", "there", Duration::from_secs(3600))?;
    let refused = step(graphs, "m1", rename("m1", 7, "claimed", true));
    assert_eq!(refused, Err(GraphError::Moving { graph: "claimed".into(), to: "there".into() }));
    graphs.unfence("claimed", fenced.token);

    step(graphs, "m2", arrive("m2"))?;
    let mut loaded = graphs.load().finish()?;
    loaded.set_tenant(Some("second".into()));
    let kind = GraphType::Agent;
    let fill = MoveOp::Fill { move_id: "m2".into(), loaded, kind, owner: None, origin: None };
    step(graphs, "m2", fill)?;
    let refused = step(graphs, "m2", rename("m2", 0, "claimed", true));
    assert!(matches!(refused, Err(GraphError::TenantCollision { .. })), "{refused:?}");

    step(graphs, "m1", rename("m1", 7, "claimed", true))?;
    assert_eq!(graphs.graph("claimed")?.tenant(), Some("first"), "the claim stays");

    graphs
        .set_creation_policy(Box::new(|name, _| if name == "m2" { Ok(()) } else { Err("not here".into()) }));
    let refused = step(graphs, "m2", rename("m2", 0, "elsewhere", false));
    assert_eq!(refused, Err(GraphError::NotHere("not here".into())));
    step(graphs, "m2", rename("m2", 0, "m2", false))
}
