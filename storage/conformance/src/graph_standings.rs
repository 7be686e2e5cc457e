//! What clients are told of graphs that are on their way between stores, and the fence.

use std::{sync::Arc, time::Duration};

use epistemic_storage::{
    GraphStore, Mutation, Space, StoreError,
    graph::{COMMONS, ConditionalChange, Graph, GraphError, GraphType, LedgerRecord, MoveOp, MoveRole, Op},
    keys::GraphId,
    snapshot::{ImportTarget, SnapshotError, export, import},
};

use super::{
    fixture::{Result, add_edge, add_node, create, remove_edge, remove_node, scan_all, write_all},
    graph_moves::{
        LONG, THERE, arrive, depart, drop_records, everything, fill, place, refuse, replay, standing, step,
    },
};

/// Every mutation that a client can ask for, those that create the graph among them.
fn mutations(graphs: &GraphStore, id: GraphId) -> Result<Vec<Op>> {
    let create = |tenant: Option<&str>| Op::Create {
        kind: GraphType::Agent,
        owner: None,
        tenant: tenant.map(str::to_owned),
    };
    let load = || graphs.load().finish();
    let install = |replace| {
        let loaded = load()?;
        Ok::<_, StoreError>(Op::Install { loaded, kind: GraphType::Agent, owner: None, replace })
    };
    let added = Mutation::AddNode { id: "b".into(), properties: Vec::new() };
    let revision = ConditionalChange::Node { id: "a".into(), expected: Vec::new(), properties: None };
    Ok(vec![
        create(None),
        create(Some("tenant")),
        Op::Delete,
        Op::Clear,
        add_node("a", b"new"),
        remove_node("a"),
        add_edge("a", "a", b""),
        remove_edge("a", "a"),
        Op::One(Mutation::AddEmbedding { node: "a".into(), components: vec![0; 4] }),
        Op::batch([added]),
        Op::Batch(Vec::new()),
        Op::Touch { nodes: vec!["a".into()], now: 1 },
        Op::Conditional { of: id, since: u64::MAX, changes: vec![revision], in_parts: false },
        Op::ClearLedger,
        Op::Replace(load()?),
        install(false)?,
        install(true)?,
    ])
}

pub(super) fn told(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "other")?;
    let mut snapshot = Vec::new();
    export(graphs, &*graphs.graph("other")?, &mut snapshot, &mut |_| {})
        .unwrap_or_else(|error| panic!("{error}"));
    for name in ["arriving", "again", "moved", "signpost"] {
        place(graphs, name, name, &format!(", {name}"))?;
        graphs.reclaim()?;
        graphs.give_back_room()?;
        let arriving = GraphError::Arriving { graph: name.into(), from: "tcp://source:1".into() };
        let moved = GraphError::Moved { graph: name.into(), to: "tcp://there:1".into() };
        let refusal = if matches!(name, "arriving" | "again") { arriving } else { moved };
        let graph = graphs.graph_in_any_state(name)?;
        assert_eq!(graphs.graph(name).err(), Some(refusal.clone()), "{name}");
        assert_eq!(graph.served(), Err(refusal.clone()), "{name}");
        assert_eq!(graphs.fence(name, "m", THERE, Duration::from_secs(9)), Err(refusal.clone()));
        let before = everything(graphs)?;
        for op in mutations(graphs, graph.id())? {
            let told = format!("{op:?} at '{name}'");
            assert_eq!(graphs.write(name, op), Err(refusal.clone()), "{told}");
        }
        for replace in [false, true] {
            let target = ImportTarget { name: Some(name.into()), replace, ..ImportTarget::default() };
            match import(graphs, &snapshot[..], &target, &mut |_| {}) {
                Err(SnapshotError::Graph(error)) => assert_eq!(error, refusal, "import at '{name}'"),
                other => panic!("import at '{name}': {other:?}"),
            }
        }
        graphs.reclaim()?;
        graphs.give_back_room()?;
        assert_eq!(everything(graphs)?, before, "'{name}' is as it was");
    }
    let names = |of: Vec<Arc<Graph>>| {
        let mut names: Vec<_> = of.iter().map(|graph| graph.name().to_string()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(graphs.graphs()), [COMMONS, "other"]);
    assert_eq!(graphs.graph_count(), 2);
    assert_eq!(names(graphs.migrating_graphs()), ["again", "arriving", "moved", "signpost"]);
    Ok(())
}

pub(super) fn fence(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", b"")])?;
    let id = graphs.graph("g")?.id();
    let moving = GraphError::Moving { graph: "g".into(), to: "there".into() };
    let first = graphs.fence("g", "m1", "there", LONG)?;
    assert_eq!((first.graph_id, first.sequence), (id.number(), 2));
    assert_eq!(graphs.fenced_by(&*graphs.graph("g")?), Some(("m1".into(), "there".into())));
    assert_eq!((graphs.held_up("g"), graphs.held_up("missing")), (Some(moving.clone()), None));
    let before = everything(graphs)?;
    for op in mutations(graphs, id)? {
        let told = format!("{op:?}");
        let creates = matches!(op, Op::Create { .. } | Op::Install { replace: false, .. });
        let expected = if creates { GraphError::GraphExists("g".into()) } else { moving.clone() };
        assert_eq!(graphs.write("g", op), Err(expected), "{told}");
    }
    graphs.reclaim()?;
    graphs.give_back_room()?;
    assert_eq!(everything(graphs)?, before);
    assert!(graphs.latest(&*graphs.graph("g")?).has_node("a")?, "reads go on");
    create(graphs, "other")?;
    write_all(graphs, "other", vec![add_node("a", b"")])?;

    assert!(matches!(graphs.fence("g", "m2", "there", LONG), Err(GraphError::MoveConflict { .. })));
    graphs.unfence("g", first.token ^ 1);
    assert_eq!(graphs.write("g", add_node("b", b"")), Err(moving.clone()), "another token does not lower it");
    graphs.renew_fence("g", first.token, LONG)?;
    graphs.unfence("g", first.token);
    graphs.unfence("g", first.token);
    graphs.unfence("missing", first.token);
    write_all(graphs, "g", vec![add_node("b", b"")])?;

    let short = graphs.fence("g", "m1", "there", Duration::ZERO)?;
    write_all(graphs, "g", vec![add_node("c", b"")])?;
    let renewed = graphs.renew_fence("g", short.token, LONG);
    assert!(matches!(renewed, Err(GraphError::Overtaken { .. })), "{renewed:?}");
    let other = graphs.fence("g", "m2", "there", LONG)?;
    assert_eq!(other.sequence, 4, "a lease that ended is nobody's");
    graphs.unfence("g", short.token);
    assert_eq!(graphs.write("g", add_node("d", b"")), Err(moving), "nor does the token before lower it");
    graphs.advance_leases(LONG - Duration::from_secs(1));
    graphs.renew_fence("g", other.token, LONG)?;
    graphs.advance_leases(Duration::from_secs(2));
    write_all(graphs, "g", vec![add_node("d", b"")])?;
    let renewed = graphs.renew_fence("g", other.token, LONG);
    assert!(matches!(renewed, Err(GraphError::Overtaken { .. })), "{renewed:?}: the longest pause is over");

    graphs.fence("g", "m3", "there", LONG)?;
    step(graphs, "g", refuse("m3", MoveRole::Source))?;
    write_all(graphs, "g", vec![add_node("e", b"")])?;
    let missing = GraphError::GraphNotFound("missing".into());
    assert_eq!(graphs.fence("missing", "m1", "there", LONG), Err(missing));
    Ok(())
}

/// What is given up or dropped leaves no records; a reader that holds the graph still reads it.
pub(super) fn leaves_nothing(graphs: &GraphStore) -> Result<(), GraphError> {
    let nothing = everything(graphs)?;
    let begun = LedgerRecord::Created.encode(1);
    step(graphs, "in", arrive("m1"))?;
    for _ in 0..2 {
        step(graphs, "in", fill(graphs, "m1")?)?;
    }
    assert!(matches!(step(graphs, "in", fill(graphs, "m2")?), Err(GraphError::MoveConflict { .. })));
    step(graphs, "in", replay("m1", vec![(8, begun)]))?;
    step(graphs, "in", refuse("m1", MoveRole::Destination))?;
    assert_eq!(standing(graphs, "in"), "free");

    create(graphs, "out")?;
    write_all(graphs, "out", vec![add_node("a", b""), add_edge("a", "a", b"")])?;
    let held = graphs.graph("out")?;
    step(graphs, "out", depart(graphs, "out", "m2"))?;
    step(graphs, "out", drop_records("m2"))?;
    graphs.reclaim()?;
    graphs.give_back_room()?;
    assert!(graphs.latest(&held).has_edge("a", "a")?, "who reads it goes on");
    drop(held);
    graphs.reclaim()?;
    graphs.give_back_room()?;
    let records = |space| Ok::<_, GraphError>(scan_all(graphs.store(), space)?.len());
    for space in [Space::Nodes, Space::OutEdges, Space::InEdges, Space::Labels, Space::Vectors] {
        assert_eq!(records(space)?, 0, "{space}");
    }
    assert_eq!(records(Space::Ledger)?, 1, "that of {COMMONS}");
    assert_eq!(
        records(Space::Catalog)?,
        7,
        "name and state of {COMMONS} and of the signpost, the next id, and what became of two moves"
    );
    step(graphs, "out", MoveOp::Forget)?;
    graphs.reclaim()?;
    graphs.give_back_room()?;
    let left = everything(graphs)?;
    assert_eq!(left.len(), nothing.len() + 2, "what became of two moves: {left:?}");
    Ok(())
}
