//! `__commons__`: every store has one, with content it is a graph as others are.

use epistemic_storage::{
    GraphStore,
    graph::{Asking, COMMONS, GiveWay, GraphError, GraphType, Keep, MoveOp, MoveRole, NameAfter, Op, Rename},
};

use super::{
    fixture::{add_node, counts, create},
    graph_moves::{THERE, admit, arrive, depart, drop_records, fill, refuse, standing, step},
};

fn moved() -> GraphError {
    GraphError::Moved { graph: COMMONS.into(), to: THERE.into() }
}

fn arriving(from: &str) -> GraphError {
    GraphError::Arriving { graph: COMMONS.into(), from: from.into() }
}

/// It leaves as any graph does, and leaves a signpost: a client with an old list must not fill an empty one.
pub(super) fn leaves(graphs: &GraphStore) -> Result<(), GraphError> {
    graphs.write(COMMONS, add_node("n", b"1"))?;
    step(graphs, COMMONS, depart(graphs, COMMONS, "m1"))?;
    step(graphs, COMMONS, drop_records("m1"))?;
    assert_eq!(standing(graphs, COMMONS), "signpost m1");
    assert_eq!(graphs.write(COMMONS, add_node("n", b"1")), Err(moved()));
    assert_eq!(graphs.graph(COMMONS).map(drop), Err(moved()));
    // Clients create it when they connect.
    assert_eq!(create(graphs, COMMONS), Err(GraphError::GraphExists(COMMONS.into())));
    assert_eq!(graphs.write(COMMONS, Op::Delete), Err(GraphError::CannotDeleteCommons));
    // It comes back over its signpost.
    step(graphs, COMMONS, arrive("m2"))?;
    step(graphs, COMMONS, fill(graphs, "m2")?)?;
    step(graphs, COMMONS, admit("m2", 7))?;
    assert_eq!((counts(graphs, COMMONS)?, graphs.graph(COMMONS)?.kind()), ((1, 0), GraphType::Commons));
    // Without its signpost it is an empty one again.
    step(graphs, COMMONS, depart(graphs, COMMONS, "m3"))?;
    step(graphs, COMMONS, drop_records("m3"))?;
    step(graphs, COMMONS, MoveOp::Forget)?;
    assert_eq!((standing(graphs, COMMONS).as_str(), counts(graphs, COMMONS)?), ("served", (0, 0)));
    graphs.write(COMMONS, add_node("n", b"1")).map(drop)
}

/// An empty one is in the way of no arrival, and is there again when that is given up; one with content is.
pub(super) fn arrives(graphs: &GraphStore) -> Result<(), GraphError> {
    step(graphs, COMMONS, arrive("m1"))?;
    step(graphs, COMMONS, arrive("m1"))?;
    assert_eq!(graphs.write(COMMONS, add_node("n", b"1")), Err(arriving("tcp://source:1")));
    assert_eq!(create(graphs, COMMONS), Err(GraphError::GraphExists(COMMONS.into())));
    for _ in 0..2 {
        step(graphs, COMMONS, refuse("m1", MoveRole::Destination))?;
        assert_eq!((standing(graphs, COMMONS).as_str(), counts(graphs, COMMONS)?), ("served", (0, 0)));
    }
    let kind = graphs.graph(COMMONS)?.kind();
    assert_eq!(kind, GraphType::Commons);
    step(graphs, COMMONS, arrive("m2"))?;
    step(graphs, COMMONS, fill(graphs, "m2")?)?;
    step(graphs, COMMONS, admit("m2", 7))?;
    let commons = graphs.graph(COMMONS)?;
    assert_eq!((commons.kind(), counts(graphs, COMMONS)?), (GraphType::Commons, (1, 0)));
    assert_eq!(step(graphs, COMMONS, arrive("m3")), Err(GraphError::GraphExists(COMMONS.into())));
    // Emptied by its clients it is none again; its term does not fall.
    graphs.write(COMMONS, Op::Clear)?;
    let epoch = commons.epoch();
    step(graphs, COMMONS, arrive("m3"))?;
    let held = MoveOp::Refuse {
        move_id: "m3".into(),
        role: MoveRole::Destination,
        peer: THERE.into(),
        name_after: NameAfter::Held,
    };
    step(graphs, COMMONS, held)?;
    assert_eq!(standing(graphs, COMMONS), "arriving m3", "the name is held");
    step(graphs, COMMONS, refuse("m3", MoveRole::Destination))?;
    assert_eq!((standing(graphs, COMMONS).as_str(), graphs.graph(COMMONS)?.epoch()), ("served", epoch));
    Ok(())
}

/// What is brought takes the place of an empty one without being told to, and not of one with content.
pub(super) fn is_filled(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "full")?;
    graphs.write("full", add_node("n", b"1"))?;
    let copy = || Ok::<_, GraphError>(graphs.fork(&*graphs.graph("full")?)?);
    graphs.install(COMMONS, copy()?, GraphType::Agent, None, false)?;
    let commons = graphs.graph(COMMONS)?;
    assert_eq!((commons.kind(), commons.is_empty_commons()), (GraphType::Commons, false));
    let exists = || Err(GraphError::GraphExists(COMMONS.into()));
    assert_eq!(graphs.install(COMMONS, copy()?, GraphType::Agent, None, false), exists());
    step(graphs, "m1", arrive("m1"))?;
    let rename = Some(Rename { name: COMMONS.into(), replace: false });
    let admit_as = || MoveOp::Admit {
        move_id: "m1".into(),
        copy: None,
        sequence: 0,
        epoch: None,
        rename: rename.clone(),
    };
    assert_eq!(step(graphs, "m1", admit_as()), exists());
    graphs.write(COMMONS, Op::Clear)?;
    assert!(graphs.graph(COMMONS)?.is_empty_commons());
    step(graphs, "m1", admit_as())
}

/// Where it does not belong it takes no content from clients, until an operator puts it there.
pub(super) fn rule(graphs: &GraphStore) -> Result<(), GraphError> {
    let words = |asking: Asking| format!("not here: {asking:?}");
    let refused = |asking: Asking| GraphError::NotHere(words(asking));
    graphs.set_creation_policy(Box::new(move |name, asking| {
        if name == "copy" || name.starts_with("restore-") { Ok(()) } else { Err(words(asking)) }
    }));
    let client = || Err(refused(Asking::Client));
    for op in [add_node("n", b"1"), Op::Clear, Op::ClearLedger, Op::Batch(Vec::new())] {
        assert_eq!(graphs.write(COMMONS, op).map(drop), client());
    }
    // Reads, and the creation by a client that connects, do no harm.
    assert_eq!(counts(graphs, COMMONS)?, (0, 0));
    assert_eq!(create(graphs, COMMONS), Err(GraphError::GraphExists(COMMONS.into())));
    assert_eq!(graphs.check_creation(COMMONS, Asking::Client), client());
    create(graphs, "copy")?;
    let copy = || Ok::<_, GraphError>(graphs.fork(&*graphs.graph("copy")?)?);
    let installed = graphs.install(COMMONS, copy()?, GraphType::Agent, None, true);
    assert_eq!(installed, Err(refused(Asking::Import)));
    step(graphs, "restore-x", arrive("restore-1"))?;
    let rename = Some(Rename { name: COMMONS.into(), replace: true });
    let admit_as =
        MoveOp::Admit { move_id: "restore-1".into(), copy: None, sequence: 0, epoch: None, rename };
    assert_eq!(step(graphs, "restore-x", admit_as), Err(refused(Asking::Import)));
    // A move is the operator's word.
    step(graphs, COMMONS, arrive("m1"))?;
    step(graphs, COMMONS, admit("m1", 0))?;
    graphs.write(COMMONS, add_node("n", b"1"))?;
    graphs.install(COMMONS, copy()?, GraphType::Agent, None, true)?;
    assert_eq!(graphs.check_creation(COMMONS, Asking::Client), Ok(()));
    Ok(())
}

/// Of two with content one gives way as any graph does.
pub(super) fn gives_way(graphs: &GraphStore) -> Result<(), GraphError> {
    graphs.write(COMMONS, add_node("n", b"1"))?;
    let graph_id = graphs.graph(COMMONS)?.id().number();
    let giving = GiveWay { to: THERE.into(), term: 1, graph_id, keep: Keep::As("aside".into()) };
    step(graphs, COMMONS, MoveOp::GiveWay { move_id: "o1".into(), giving })?;
    assert_eq!((standing(graphs, COMMONS).as_str(), counts(graphs, "aside")?), ("signpost o1", (1, 0)));
    assert_eq!(graphs.graph(COMMONS).map(drop), Err(moved()));
    Ok(())
}
