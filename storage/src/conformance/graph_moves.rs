//! The steps of moves, in order and out of it.

use super::fixture::{Pair, create, scan_all, typed};
use crate::{
    error::Result,
    graph::{COMMONS, GraphError, GraphStore, GraphType, MoveOp, Op, Standing, Write},
    space::Space,
    store::Durability,
};

pub(super) fn step(graphs: &GraphStore, name: &str, step: MoveOp) -> Result<(), GraphError> {
    let writes = [Write { graph: name.into(), op: Op::Move(step) }];
    // There are many cases, and none is about power cuts.
    graphs.commit(&writes, Durability::Buffered).pop().expect("one result per write").map(|_| ())
}

pub(super) fn arrive(move_id: &str) -> MoveOp {
    MoveOp::Arrive { move_id: move_id.into(), from: "tcp://source:1".into() }
}

pub(super) fn fill(graphs: &GraphStore, move_id: &str) -> Result<MoveOp, GraphError> {
    let mut loader = graphs.load();
    loader.node("n", 7, &typed("L"))?;
    let loaded = loader.finish()?;
    Ok(MoveOp::Fill { move_id: move_id.into(), loaded, kind: GraphType::Team, owner: None })
}

pub(super) fn replay(move_id: &str, records: Vec<(u64, Vec<u8>)>) -> MoveOp {
    MoveOp::Replay { move_id: move_id.into(), records }
}

pub(super) fn admit(move_id: &str, sequence: u64) -> MoveOp {
    MoveOp::Admit { move_id: move_id.into(), sequence, rename: None }
}

pub(super) fn depart(move_id: &str, sequence: u64) -> MoveOp {
    MoveOp::Depart { move_id: move_id.into(), to: "tcp://there:1".into(), sequence }
}

pub(super) fn drop_records(move_id: &str) -> MoveOp {
    MoveOp::Drop { move_id: move_id.into() }
}

pub(super) fn come_back(move_id: &str) -> MoveOp {
    MoveOp::Return { move_id: move_id.into() }
}

/// What stands under the name, and by which move.
pub(super) fn standing(graphs: &GraphStore, name: &str) -> String {
    let Ok(graph) = graphs.graph_of_any_standing(name) else { return "free".into() };
    match graph.standing() {
        Some(Standing::Arriving { move_id, .. }) => format!("arriving {move_id}"),
        Some(Standing::Moved(post)) if post.dropped => format!("signpost {}", post.move_id),
        Some(Standing::Moved(post)) => format!("moved {}", post.move_id),
        None => graph.arrived().map_or("served".into(), |move_id| format!("served since {move_id}")),
    }
}

/// Brings a free name to the standing, by move `m1`; `again` arrives over the signpost of `m0`.
pub(super) fn place(graphs: &GraphStore, name: &str, standing: &str) -> Result<(), GraphError> {
    match standing {
        "free" => Ok(()),
        "served" => create(graphs, name),
        "arriving" => step(graphs, name, arrive("m1")),
        "arrived" => {
            step(graphs, name, arrive("m1"))?;
            step(graphs, name, admit("m1", 0))
        }
        "moved" | "signpost" => {
            create(graphs, name)?;
            step(graphs, name, depart("m1", 1))?;
            if standing == "signpost" { step(graphs, name, drop_records("m1")) } else { Ok(()) }
        }
        "again" => {
            create(graphs, name)?;
            step(graphs, name, depart("m0", 1))?;
            step(graphs, name, drop_records("m0"))?;
            step(graphs, name, arrive("m1"))
        }
        other => panic!("no standing: {other}"),
    }
}

const STEPS: [&str; 8] = ["arrive", "fill", "replay", "admit", "depart", "drop", "return", "forget"];

/// What each of [`STEPS`] leads to, by `m1` and then by `m2`: the standing, or the refusal in capitals.
const TABLE: [(&str, [[&str; 2]; 8]); 7] = {
    const CONFLICT: [&str; 2] = ["CONFLICT"; 2];
    const ARRIVING: [[&str; 2]; 8] = [
        ["arriving m1", "CONFLICT"],
        ["arriving m1", "CONFLICT"],
        ["arriving m1", "CONFLICT"],
        ["served since m1", "CONFLICT"],
        ["ARRIVING"; 2],
        ["free", "CONFLICT"],
        ["ARRIVING"; 2],
        CONFLICT,
    ];
    const FREE: [&str; 2] = ["free"; 2];
    const NOT_FOUND: [&str; 2] = ["NOT FOUND"; 2];
    const SERVED: [&str; 2] = ["served"; 2];
    const SINCE: [&str; 2] = ["served since m1"; 2];
    let mut again = ARRIVING;
    again[5][0] = "signpost m0";
    [
        (
            "free",
            [
                ["arriving m1", "arriving m2"],
                NOT_FOUND,
                NOT_FOUND,
                NOT_FOUND,
                NOT_FOUND,
                FREE,
                NOT_FOUND,
                FREE,
            ],
        ),
        (
            "served",
            [["EXISTS"; 2], CONFLICT, CONFLICT, CONFLICT, ["moved m1", "moved m2"], SERVED, SERVED, CONFLICT],
        ),
        ("arriving", ARRIVING),
        (
            "arrived",
            [
                ["served since m1", "EXISTS"],
                CONFLICT,
                CONFLICT,
                ["served since m1", "CONFLICT"],
                ["moved m1", "moved m2"],
                ["CONFLICT", "served since m1"],
                SINCE,
                CONFLICT,
            ],
        ),
        (
            "moved",
            [
                CONFLICT,
                CONFLICT,
                CONFLICT,
                CONFLICT,
                ["moved m1", "MOVED"],
                ["signpost m1", "CONFLICT"],
                ["served", "MOVED"],
                CONFLICT,
            ],
        ),
        (
            "signpost",
            [
                ["CONFLICT", "arriving m2"],
                CONFLICT,
                CONFLICT,
                CONFLICT,
                ["signpost m1", "MOVED"],
                ["signpost m1"; 2],
                ["MOVED"; 2],
                FREE,
            ],
        ),
        ("again", again),
    ]
};

fn make(graphs: &GraphStore, kind: &str, move_id: &str, sequence: u64) -> Result<MoveOp, GraphError> {
    Ok(match kind {
        "arrive" => arrive(move_id),
        "fill" => fill(graphs, move_id)?,
        "replay" => replay(move_id, Vec::new()),
        "admit" => admit(move_id, sequence),
        "depart" => depart(move_id, sequence),
        "drop" => drop_records(move_id),
        "return" => come_back(move_id),
        _ => MoveOp::Forget,
    })
}

/// All records of the store.
pub(super) fn everything(graphs: &GraphStore) -> Result<Vec<Pair>> {
    let mut found = scan_all(graphs.store(), Space::Catalog)?;
    for space in Space::OF_GRAPHS {
        found.extend(scan_all(graphs.store(), space)?);
    }
    Ok(found)
}

/// Every step at every standing: what it leads to; once more: the same; refused: nothing changed.
pub(super) fn every_step(graphs: &GraphStore) -> Result<(), GraphError> {
    for (from, expected) in TABLE {
        for (kind, [own, other]) in STEPS.iter().zip(expected) {
            for (move_id, expected) in [("m1", own), ("m2", other)] {
                let told = format!("{kind} of {move_id} at '{from}'");
                let name = told.as_str();
                place(graphs, name, from)?;
                let sequence = graphs.graph_of_any_standing(name).map_or(0, |graph| graph.state().sequence);
                let before = everything(graphs)?;
                let result = step(graphs, name, make(graphs, kind, move_id, sequence)?);
                let found = match &result {
                    Ok(()) => standing(graphs, name),
                    Err(GraphError::GraphNotFound(_)) => "NOT FOUND".into(),
                    Err(GraphError::GraphExists(_)) => "EXISTS".into(),
                    Err(GraphError::MoveConflict { .. }) => "CONFLICT".into(),
                    Err(GraphError::Moved { .. }) => "MOVED".into(),
                    Err(GraphError::Arriving { .. }) => "ARRIVING".into(),
                    Err(error) => format!("{error:?}"),
                };
                assert_eq!(found, expected, "{told}: {result:?}");
                if result.is_err() {
                    assert_eq!(everything(graphs)?, before, "{told}: a refusal changes nothing");
                } else {
                    step(graphs, name, make(graphs, kind, move_id, sequence)?)
                        .unwrap_or_else(|error| panic!("{told}, repeated: {error}"));
                    assert_eq!(standing(graphs, name), expected, "{told}, repeated");
                }
            }
        }
    }
    for kind in STEPS {
        if !matches!(kind, "drop" | "return") {
            let refused = step(graphs, COMMONS, make(graphs, kind, "m1", 1)?);
            assert!(refused.is_err(), "{kind} of {COMMONS}");
        }
    }
    assert_eq!(standing(graphs, COMMONS), "served");
    Ok(())
}
