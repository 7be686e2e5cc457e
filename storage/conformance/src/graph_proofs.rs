//! What a departure has to prove, and what a store remembers of moves.

use epistemic_storage::{
    Durability, GraphStore,
    graph::{
        Departure, GraphError, GraphType, LedgerRecord, MoveOp, MoveOutcome, MoveRole, NameAfter, Op, Write,
    },
};

use super::{
    fixture::{add_node, create, write_all},
    graph_moves::{
        LONG, THERE, admit, arrive, come_back, depart, depart_with, drop_records, proven, refuse, replay,
        standing, step,
    },
};

/// Only the graph departs that a fence stopped, while that fence stands.
pub(super) fn departs_by_proof(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", b"")])?;
    let fence = || graphs.fence("g", "m1", THERE, LONG);
    let fenced = fence()?;
    let right = proven(&fenced);
    assert_eq!((fenced.epoch, fenced.sequence), (0, 2));
    let moved_on = GraphError::MovedOn { graph: "g".into(), expected: 3, found: 2 };
    assert_eq!(
        step(graphs, "g", depart_with("m1", Departure { sequence: 3, ..right.clone() })),
        Err(moved_on)
    );
    let overtaken = |move_id: &str, departure: &Departure, told: &str| {
        let refused = step(graphs, "g", depart_with(move_id, departure.clone()));
        assert!(matches!(refused, Err(GraphError::Overtaken { .. })), "{told}: {refused:?}");
        assert_eq!(standing(graphs, "g"), "served", "{told}");
    };
    for (told, wrong) in [
        ("token", Departure { token: right.token ^ 1, ..right.clone() }),
        ("graph", Departure { graph_id: right.graph_id + 1, ..right.clone() }),
        ("term", Departure { epoch: 1, ..right.clone() }),
        ("endpoint", Departure { to: "tcp://elsewhere:1".into(), ..right.clone() }),
    ] {
        overtaken("m1", &wrong, told);
    }
    overtaken("m2", &right, "another move");
    graphs.unfence("g", fenced.token);
    overtaken("m1", &right, "a fence that was lowered");

    let (first, second) = (fence()?, fence()?);
    overtaken("m1", &proven(&first), "a fence that was raised again");
    graphs.advance_leases(LONG);
    overtaken("m1", &proven(&second), "a fence that lapsed, though nothing was written since");
    let lapsed = fence()?;
    graphs.advance_leases(LONG);
    write_all(graphs, "g", vec![Op::Delete])?;
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("b", b"")])?;
    assert_eq!(graphs.graph("g")?.counters().sequence, lapsed.sequence, "as many changes again");
    overtaken("m1", &proven(&lapsed), "a graph that was created again");
    let fresh = fence()?;
    overtaken("m1", &Departure { token: fresh.token, ..proven(&lapsed) }, "the graph before it");

    let write = |op| Write { graph: "g".into(), op };
    let group = [
        write(add_node("c", b"")),
        write(Op::Move(depart_with("m1", proven(&fresh)))),
        write(add_node("d", b"")),
    ];
    let told = graphs.commit(&group, Durability::Sync);
    assert!(matches!(told[0], Err(GraphError::Moving { .. })) && told[1].is_ok(), "{told:?}");
    assert!(matches!(told[2], Err(GraphError::Moving { .. })), "behind one that met the fence: {told:?}");
    let again = graphs.commit(&[write(add_node("d", b""))], Durability::Sync);
    assert!(matches!(again[0], Err(GraphError::Moved { .. })), "{again:?}");
    let graph = graphs.graph_in_any_state("g")?;
    assert_eq!((graph.counters().sequence, graph.counters().nodes, graph.epoch()), (2, 1, 1));
    let record = graphs.move_record("m1")?.expect("the departure is recorded");
    assert_eq!((record.role, record.outcome), (MoveRole::Source, MoveOutcome::Departed));
    assert_eq!((record.epoch, record.graph_id, record.sequence), (1, graph.id().number(), 2));
    assert_eq!((record.graph.as_str(), record.peer.as_str()), ("g", THERE));
    step(graphs, "g", come_back("m1"))?;
    write_all(graphs, "g", vec![add_node("e", b"")])?;
    assert_eq!(
        (graph.counters().sequence, graph.epoch()),
        (3, 2),
        "a term above the one that was handed over"
    );
    assert_eq!(graphs.move_record("m1")?.map(|record| record.outcome), Some(MoveOutcome::Refused));
    let again = graphs.fence("g", "m1", THERE, LONG);
    assert!(matches!(again, Err(GraphError::MoveAborted { .. })), "{again:?}");
    Ok(())
}

/// A fence and a departure of one group with what replaces the graph.
pub(super) fn replaced_in_the_group(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let fenced = graphs.fence("g", "m1", THERE, LONG)?;
    graphs.advance_leases(LONG);
    let write = |op| Write { graph: "g".into(), op };
    let agent = || Op::Create { kind: GraphType::Agent, owner: None, tenant: None };
    let depart = || write(Op::Move(depart_with("m1", proven(&fenced))));
    for first in [Op::Delete, Op::Clear] {
        let recreate = matches!(first, Op::Delete).then(|| write(agent()));
        let group: Vec<_> = [write(first)].into_iter().chain(recreate).chain([depart()]).collect();
        let told = graphs.commit(&group, Durability::Sync);
        assert!(
            matches!(told.last(), Some(Err(GraphError::Overtaken { .. } | GraphError::MovedOn { .. }))),
            "{told:?}"
        );
        assert_eq!(standing(graphs, "g"), "served");
    }
    Ok(())
}

/// Records of moves are found by their ids, also when the name is long gone, and listed.
pub(super) fn remembered(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "out")?;
    step(graphs, "out", depart(graphs, "out", "m3"))?;
    step(graphs, "in", arrive("m1"))?;
    step(graphs, "in", admit("m1", 0))?;
    assert_eq!(graphs.graphs_that_arrived().len(), 1);
    let late = graphs.fence("in", "m1", THERE, LONG);
    assert!(matches!(late, Err(GraphError::MoveConflict { .. })), "{late:?}");
    graphs.write("in", Op::Delete)?;
    step(graphs, "nothing", refuse("m2", MoveRole::Destination))?;
    let all = graphs.move_records(None, 10)?;
    let told: Vec<_> =
        all.iter().map(|(id, record)| (id.as_str(), record.graph.as_str(), record.outcome)).collect();
    assert_eq!(
        told,
        [
            ("m1", "in", MoveOutcome::Admitted),
            ("m2", "nothing", MoveOutcome::Refused),
            ("m3", "out", MoveOutcome::Departed)
        ]
    );
    assert_eq!(graphs.move_records(Some("m1"), 1)?, all[1..2]);
    assert_eq!(graphs.move_records(Some("m3"), 1)?, []);
    let view = graphs.look_at_move("in", "m1")?;
    assert!(view.graph.is_none() && view.record.as_ref() == Some(&all[0].1), "{view:?}");
    let view = graphs.look_at_move("out", "m1")?;
    assert!(view.graph.is_some() && view.record.is_some_and(|record| record.graph == "in"));

    step(graphs, "restored", arrive("restore-1"))?;
    let told = graphs.write("restored", add_node("a", b""));
    assert!(matches!(told, Err(GraphError::Restoring { .. })), "{told:?}");
    step(graphs, "restored", MoveOp::Forget)?;
    assert_eq!(standing(graphs, "restored"), "free");
    let late = step(graphs, "restored", arrive("restore-1"));
    assert!(matches!(late, Err(GraphError::MoveAborted { .. })), "{late:?}");
    let long = step(graphs, "long", arrive(&"m".repeat(2000)));
    assert!(matches!(long, Err(GraphError::MoveConflict { .. })), "{long:?}");
    Ok(())
}

/// What departed and is kept follows the changes that are made at its destination; nobody is served it.
pub(super) fn kept_copy(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let record = |sequence: u64| {
        let id = sequence.to_string();
        vec![(sequence, LedgerRecord::AddNode { id: &id, properties: b"" }.encode(1))]
    };
    let refused = step(graphs, "g", replay("m1", record(2)));
    assert!(matches!(refused, Err(GraphError::MoveConflict { .. })), "{refused:?}");
    step(graphs, "g", depart(graphs, "g", "m1"))?;
    for _ in 0..2 {
        step(graphs, "g", replay("m1", record(2)))?;
    }
    let kept = graphs.graph_in_any_state("g")?;
    assert_eq!((kept.counters().sequence, kept.counters().nodes), (2, 1));
    let refused = step(graphs, "g", replay("m2", record(3)));
    assert!(matches!(refused, Err(GraphError::MoveConflict { .. })), "{refused:?}");
    assert!(matches!(graphs.graph("g"), Err(GraphError::Moved { .. })));
    step(graphs, "g", drop_records("m1"))?;
    let refused = step(graphs, "g", replay("m1", record(3)));
    assert!(matches!(refused, Err(GraphError::MoveConflict { .. })), "{refused:?}");
    Ok(())
}

/// The name of a refused copy is held until its graph is back at the source, and leads there from then on.
pub(super) fn held_name(graphs: &GraphStore) -> Result<(), GraphError> {
    let refused = |name: &str, name_after| {
        let (move_id, role, peer) = ("m1".into(), MoveRole::Destination, THERE.into());
        step(graphs, name, MoveOp::Refuse { move_id, role, peer, name_after })
    };
    step(graphs, "g", arrive("m1"))?;
    for _ in 0..2 {
        refused("g", NameAfter::Held)?;
        assert_eq!(standing(graphs, "g"), "arriving m1");
        assert!(matches!(create(graphs, "g"), Err(GraphError::Arriving { .. })));
        assert!(matches!(step(graphs, "g", admit("m1", 0)), Err(GraphError::MoveAborted { .. })));
    }
    for _ in 0..2 {
        refused("g", NameAfter::SentBack)?;
        assert_eq!(standing(graphs, "g"), "signpost m1");
        assert_eq!(create(graphs, "g"), Err(GraphError::Moved { graph: "g".into(), to: THERE.into() }));
    }
    step(graphs, "g", arrive("m2"))?;
    step(graphs, "g", refuse("m2", MoveRole::Destination))?;
    assert_eq!(standing(graphs, "g"), "signpost m1", "what was there before");
    step(graphs, "g", MoveOp::Forget)?;
    Ok(())
}

/// The name of a refused copy whose graph never left is free.
pub(super) fn freed_name(graphs: &GraphStore) -> Result<(), GraphError> {
    for (move_id, held, name_after) in
        [("m1", false, NameAfter::SentBack), ("m2", false, NameAfter::Free), ("m3", true, NameAfter::Free)]
    {
        step(graphs, "g", arrive(move_id))?;
        for name_after in held.then_some(NameAfter::Held).into_iter().chain([name_after]) {
            let (role, peer) = (MoveRole::Destination, THERE.into());
            step(graphs, "g", MoveOp::Refuse { move_id: move_id.into(), role, peer, name_after })?;
        }
        assert_eq!(standing(graphs, "g"), "free", "{move_id}");
    }
    Ok(())
}
