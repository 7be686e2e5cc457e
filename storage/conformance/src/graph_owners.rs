//! Names that two stores serve: how one gives way, and what keeps it from being served until then.

use epistemic_storage::{
    GraphStore,
    clock::unix_ms,
    graph::{COMMONS, GiveWay, GraphError, Hold, Keep, MoveOp, MoveOutcome, Op, Superseded, name_aside},
    limits::MAX_NAME_BYTES,
};

use super::{
    fixture::{add_node, counts, create},
    graph_moves::{THERE, admit, arrive, depart, standing, step},
};

fn give_way(graphs: &GraphStore, name: &str, term: u64, keep: Keep) -> Result<MoveOp, GraphError> {
    let graph_id = graphs.graph_in_any_state(name)?.id().number();
    let giving = GiveWay { to: THERE.into(), term, graph_id, keep };
    Ok(MoveOp::GiveWay { move_id: "o1".into(), giving })
}

fn hold(move_id: &str, graph_id: u64, term: u64) -> MoveOp {
    MoveOp::Hold { move_id: move_id.into(), holding: Hold { graph_id, term, peer: THERE.into() } }
}

fn filled(graphs: &GraphStore, name: &str) -> Result<u64, GraphError> {
    create(graphs, name)?;
    graphs.write(name, add_node("n", b"1"))?;
    Ok(graphs.graph(name)?.counters().sequence)
}

/// A graph whose term another store exceeds is not served, and is as it was once that is over.
pub(super) fn superseded(graphs: &GraphStore) -> Result<(), GraphError> {
    filled(graphs, "g")?;
    let graph = graphs.graph("g")?;
    let moved = || GraphError::Moved { graph: "g".into(), to: THERE.into() };
    let other = |epoch| Some(Superseded { by: THERE.into(), epoch });
    graph.supersede(other(0));
    assert_eq!((graph.superseded(), graphs.graph("g").is_ok()), (None, true), "the same term");
    graph.supersede(other(2));
    assert_eq!(graph.superseded(), other(2));
    assert_eq!(graphs.graph("g").map(drop), Err(moved()));
    for op in [add_node("m", b""), Op::Clear, Op::Delete] {
        assert_eq!(graphs.write("g", op).map(drop), Err(moved()));
    }
    assert_eq!(create(graphs, "g"), Err(moved()));
    assert_eq!(graphs.fence("g", "m1", THERE, super::graph_moves::LONG).map(drop), Err(moved()));
    // It is listed, so that people find it.
    assert_eq!(graphs.graph_count(), 2);
    let id = graph.id().number();
    step(graphs, "g", hold("o1", id, 3))?;
    assert_eq!((graphs.graph("g")?.epoch(), counts(graphs, "g")?), (3, (1, 0)));
    step(graphs, "g", hold("o1", id, 9))?;
    step(graphs, "g", hold("o2", id, 1))?;
    assert_eq!(graph.epoch(), 3, "done is done, and a term never falls");
    let record = graphs.move_record("o2")?.expect("it is remembered");
    assert_eq!((record.outcome, record.epoch, &*record.peer), (MoveOutcome::Admitted, 3, THERE));
    graph.supersede(other(4));
    graph.supersede(None);
    graphs.write("g", add_node("m", b"")).map(drop)
}

/// The records stay under another name, and a signpost with the owner's term is in their place.
pub(super) fn set_aside(graphs: &GraphStore) -> Result<(), GraphError> {
    let sequence = filled(graphs, "g")?;
    graphs.graph("g")?.supersede(Some(Superseded { by: THERE.into(), epoch: 2 }));
    let kept = name_aside("g", "o1");
    let giving = || give_way(graphs, "g", 2, Keep::As(kept.as_str().into()));
    let given = giving()?;
    step(graphs, "g", given)?;
    assert_eq!((standing(graphs, "g").as_str(), counts(graphs, &kept)?), ("signpost o1", (1, 0)));
    let post = graphs.graph_in_any_state("g")?;
    assert_eq!((post.epoch(), post.counters().nodes), (2, 0));
    let record = graphs.move_record("o1")?.expect("it is remembered");
    assert_eq!((record.outcome, record.epoch, &*record.peer), (MoveOutcome::Departed, 2, THERE));
    let aside = graphs.graph(&kept)?;
    assert_eq!((aside.counters().sequence, aside.epoch(), aside.arrived()), (sequence, 0, None));
    // Once more, and the name is one to come back to.
    step(graphs, "g", giving()?)?;
    assert_eq!(graphs.graph_count(), 2);
    graphs.write(&kept, add_node("m", b""))?;
    step(graphs, "g", arrive("m2"))?;
    step(graphs, "g", admit("m2", 0))?;
    assert_eq!(graphs.graph("g")?.epoch(), 2);
    Ok(())
}

/// What does not give way, and changes nothing.
pub(super) fn refusals(graphs: &GraphStore) -> Result<(), GraphError> {
    let sequence = filled(graphs, "g")?;
    create(graphs, "taken")?;
    let refused = |name: &str, term, keep| step(graphs, name, give_way(graphs, name, term, keep)?);
    let dropped = |sequence| Keep::Nothing { sequence };
    assert!(matches!(refused("g", 0, dropped(sequence)), Err(GraphError::MoveConflict { .. })));
    assert!(matches!(refused("g", 1, dropped(sequence - 1)), Err(GraphError::MovedOn { .. })));
    let taken = GraphError::GraphExists("taken".into());
    assert_eq!(refused("g", 1, Keep::As("taken".into())), Err(taken));
    assert!(matches!(refused("g", 1, Keep::As("x".repeat(1 << 20).into())), Err(GraphError::Limit(_))));
    let giving = GiveWay { to: THERE.into(), term: 1, graph_id: 0, keep: dropped(sequence) };
    let other = step(graphs, "g", MoveOp::GiveWay { move_id: "o1".into(), giving });
    assert!(matches!(other, Err(GraphError::Overtaken { .. })));
    let held = step(graphs, "g", hold("o2", 0, 9));
    assert!(matches!(held, Err(GraphError::Overtaken { .. })));
    let id = graphs.graph("g")?.id().number();
    graphs.fence("g", "m1", THERE, super::graph_moves::LONG)?;
    assert!(
        matches!(refused("g", 1, dropped(sequence)), Err(GraphError::Moving { .. })),
        "it is about to move"
    );
    assert_eq!((counts(graphs, "g")?, graphs.graph("g")?.id().number()), ((1, 0), id));
    step(graphs, "g", depart(graphs, "g", "m1"))?;
    assert!(matches!(refused("g", 9, dropped(sequence)), Err(GraphError::Moved { .. })));
    // Dropped at last.
    let sequence = filled(graphs, "h")?;
    refused("h", 1, dropped(sequence))?;
    assert_eq!(standing(graphs, "h"), "signpost o1");
    Ok(())
}

/// A name for what is set aside is no longer than names may be, and is cut between characters.
pub(super) fn names(_: &GraphStore) -> Result<(), GraphError> {
    assert_eq!(name_aside("g", "1"), "g.set-aside-1");
    for name in ["x".repeat(9_000), "é".repeat(5_000), "🦀".repeat(3_000)] {
        let aside = name_aside(&name, "0123");
        assert!(aside.len() <= MAX_NAME_BYTES && aside.len() > MAX_NAME_BYTES - 4);
        assert!(
            aside.ends_with(".set-aside-0123") && name.starts_with(aside.trim_end_matches(".set-aside-0123"))
        );
    }
    Ok(())
}

/// Every name is on one page, those that no move has touched when they are wanted, with the time of its newest change.
pub(super) fn entries(graphs: &GraphStore) -> Result<(), GraphError> {
    for name in ["a", "b", "c"] {
        create(graphs, name)?;
    }
    step(graphs, "d", arrive("m1"))?;
    step(graphs, "b", depart(graphs, "b", "m2"))?;
    step(graphs, "c", hold("o1", graphs.graph("c")?.id().number(), 1))?;
    for (all, expected) in [(true, &[COMMONS, "a", "b", "c", "d"][..]), (false, &["b", "c", "d"])] {
        for limit in 1..=6 {
            let (mut found, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = graphs.entries(after.as_deref(), limit, all);
                found.extend(page.graphs.iter().map(|graph| graph.name().to_string()));
                assert_eq!(page.more, found.len() < expected.len(), "{limit}");
                if !page.more {
                    break;
                }
                after = found.last().cloned();
            }
            assert_eq!(found, expected, "{limit}");
        }
    }
    let before = unix_ms();
    graphs.write("a", add_node("n", b""))?;
    let changed = graphs.changed_ms(&*graphs.graph("a")?)?;
    assert!(changed.is_some_and(|at| (before..=unix_ms()).contains(&at)), "{changed:?}");
    graphs.write("a", Op::ClearLedger)?;
    Ok(())
}
