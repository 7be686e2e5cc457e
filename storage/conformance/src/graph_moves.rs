//! The steps of moves, in order and out of it.

use std::time::Duration;

use epistemic_storage::{
    Durability, GraphStore, Space,
    graph::{
        Departure, Fenced, GraphError, GraphType, MAX_PAUSE, MigrationState, MoveOp, MoveRole, NameAfter, Op,
        Write,
    },
};

use super::fixture::{Pair, Result, create, scan_all, typed};

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
    let (move_id, kind) = (move_id.into(), GraphType::Team);
    Ok(MoveOp::Fill { move_id, loaded, kind, owner: None, origin: None })
}

pub(super) fn replay(move_id: &str, records: Vec<(u64, Vec<u8>)>) -> MoveOp {
    MoveOp::Replay { move_id: move_id.into(), copy: None, records }
}

pub(super) fn admit(move_id: &str, sequence: u64) -> MoveOp {
    MoveOp::Admit { move_id: move_id.into(), copy: None, sequence, epoch: None, rename: None }
}

/// As long as a fence may stand.
pub(super) const LONG: Duration = MAX_PAUSE;

/// Where graphs depart to.
pub(super) const THERE: &str = "tcp://there:1";

/// A departure with the proof of a fence that is raised for it; with a proof of nothing when none can be.
pub(super) fn depart(graphs: &GraphStore, name: &str, move_id: &str) -> MoveOp {
    let fenced = graphs.fence(name, move_id, THERE, LONG).ok();
    depart_with(move_id, fenced.map_or_else(|| departure(0, 0, 0, 0), |fenced| proven(&fenced)))
}

pub(super) fn depart_with(move_id: &str, departure: Departure) -> MoveOp {
    MoveOp::Depart { move_id: move_id.into(), departure }
}

pub(super) fn proven(fenced: &Fenced) -> Departure {
    departure(fenced.token, fenced.graph_id, fenced.epoch, fenced.sequence)
}

fn departure(token: u64, graph_id: u64, epoch: u64, sequence: u64) -> Departure {
    Departure { to: THERE.into(), token, graph_id, epoch, sequence }
}

pub(super) fn drop_records(move_id: &str) -> MoveOp {
    MoveOp::Drop { move_id: move_id.into() }
}

pub(super) fn refuse(move_id: &str, role: MoveRole) -> MoveOp {
    MoveOp::Refuse { move_id: move_id.into(), role, peer: "tcp://peer:1".into(), name_after: NameAfter::Free }
}

pub(super) fn come_back(move_id: &str) -> MoveOp {
    MoveOp::Return { move_id: move_id.into() }
}

/// What stands under the name, and by which move.
pub(super) fn standing(graphs: &GraphStore, name: &str) -> String {
    let Ok(graph) = graphs.graph_in_any_state(name) else { return "free".into() };
    match graph.migration_state() {
        Some(MigrationState::Arriving { move_id, .. }) => format!("arriving {move_id}"),
        Some(MigrationState::Moved(post)) if post.dropped => format!("signpost {}", post.move_id),
        Some(MigrationState::Moved(post)) => format!("moved {}", post.move_id),
        None => graph.arrived().map_or("served".into(), |move_id| format!("served since {move_id}")),
    }
}

/// Brings a free name to the standing, by move `m1`; `again` arrives over the signpost of `m0`. Move ids end with `of`:
/// what a move came to is known in the whole store.
pub(super) fn place(graphs: &GraphStore, name: &str, standing: &str, of: &str) -> Result<(), GraphError> {
    let m1 = &format!("m1{of}");
    match standing {
        "free" => Ok(()),
        "served" => create(graphs, name),
        "arriving" => step(graphs, name, arrive(m1)),
        "arrived" | "deleted" => {
            step(graphs, name, arrive(m1))?;
            step(graphs, name, admit(m1, 0))?;
            if standing == "deleted" { graphs.write(name, Op::Delete).map(drop) } else { Ok(()) }
        }
        "moved" | "signpost" | "forgotten" | "returned" => {
            create(graphs, name)?;
            step(graphs, name, depart(graphs, name, m1))?;
            match standing {
                "signpost" => step(graphs, name, drop_records(m1)),
                "returned" => step(graphs, name, come_back(m1)),
                "forgotten" => {
                    step(graphs, name, drop_records(m1))?;
                    step(graphs, name, MoveOp::Forget)
                }
                _ => Ok(()),
            }
        }
        "refused" => {
            create(graphs, name)?;
            step(graphs, name, refuse(m1, MoveRole::Source))
        }
        "refused while it was free" => step(graphs, name, refuse(m1, MoveRole::Destination)),
        "again" => {
            let m0 = &format!("m0{of}");
            create(graphs, name)?;
            step(graphs, name, depart(graphs, name, m0))?;
            step(graphs, name, drop_records(m0))?;
            step(graphs, name, arrive(m1))
        }
        other => panic!("no standing: {other}"),
    }
}

const STEPS: [&str; 9] =
    ["arrive", "fill", "replay", "admit", "depart", "drop", "refuse", "return", "forget"];

/// What each of [`STEPS`] leads to, by `m1` and then by `m2`: the standing, or the refusal in capitals.
const TABLE: [(&str, [[&str; 2]; 9]); 12] = {
    const CONFLICT: [&str; 2] = ["CONFLICT"; 2];
    const FREE: [&str; 2] = ["free"; 2];
    const NOT_FOUND: [&str; 2] = ["NOT FOUND"; 2];
    const SERVED: [&str; 2] = ["served"; 2];
    const SINCE: [&str; 2] = ["served since m1"; 2];
    const ARRIVING: [[&str; 2]; 9] = [
        ["arriving m1", "CONFLICT"],
        ["arriving m1", "CONFLICT"],
        ["arriving m1", "CONFLICT"],
        ["served since m1", "CONFLICT"],
        ["ARRIVING"; 2],
        CONFLICT,
        ["free", "arriving m1"],
        CONFLICT,
        CONFLICT,
    ];
    const REFUSED: [[&str; 2]; 9] = [
        ["ABORTED", "EXISTS"],
        ["ABORTED", "CONFLICT"],
        ["ABORTED", "CONFLICT"],
        ["ABORTED", "CONFLICT"],
        ["ABORTED", "moved m2"],
        ["ABORTED", "CONFLICT"],
        SERVED,
        ["served", "CONFLICT"],
        CONFLICT,
    ];
    const REFUSED_FREE: [[&str; 2]; 9] = [
        ["ABORTED", "arriving m2"],
        ["ABORTED", "NOT FOUND"],
        ["ABORTED", "NOT FOUND"],
        ["ABORTED", "NOT FOUND"],
        ["ABORTED", "NOT FOUND"],
        ["ABORTED", "CONFLICT"],
        FREE,
        ["free", "CONFLICT"],
        FREE,
    ];
    let mut again = ARRIVING;
    again[6][0] = "signpost m0";
    [
        (
            "free",
            [
                ["arriving m1", "arriving m2"],
                NOT_FOUND,
                NOT_FOUND,
                NOT_FOUND,
                NOT_FOUND,
                CONFLICT,
                FREE,
                CONFLICT,
                FREE,
            ],
        ),
        (
            "served",
            [
                ["EXISTS"; 2],
                CONFLICT,
                CONFLICT,
                CONFLICT,
                ["moved m1", "moved m2"],
                CONFLICT,
                SERVED,
                CONFLICT,
                CONFLICT,
            ],
        ),
        ("arriving", ARRIVING),
        (
            "arrived",
            [
                ["served since m1", "EXISTS"],
                CONFLICT,
                CONFLICT,
                ["served since m1", "CONFLICT"],
                ["CONFLICT", "moved m2"],
                CONFLICT,
                SINCE,
                CONFLICT,
                CONFLICT,
            ],
        ),
        (
            "deleted",
            [
                ["free", "arriving m2"],
                NOT_FOUND,
                NOT_FOUND,
                ["free", "NOT FOUND"],
                ["CONFLICT", "NOT FOUND"],
                CONFLICT,
                FREE,
                CONFLICT,
                FREE,
            ],
        ),
        (
            "moved",
            [
                CONFLICT,
                CONFLICT,
                ["moved m1", "CONFLICT"],
                CONFLICT,
                ["moved m1", "MOVED"],
                ["signpost m1", "CONFLICT"],
                ["moved m1"; 2],
                ["served", "CONFLICT"],
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
                ["signpost m1", "CONFLICT"],
                ["signpost m1"; 2],
                CONFLICT,
                FREE,
            ],
        ),
        (
            "forgotten",
            [
                ["CONFLICT", "arriving m2"],
                NOT_FOUND,
                NOT_FOUND,
                NOT_FOUND,
                ["free", "NOT FOUND"],
                ["free", "CONFLICT"],
                FREE,
                ["NOT FOUND", "CONFLICT"],
                FREE,
            ],
        ),
        ("returned", REFUSED),
        ("refused", REFUSED),
        ("refused while it was free", REFUSED_FREE),
        ("again", again),
    ]
};

fn make(
    graphs: &GraphStore,
    name: &str,
    kind: &str,
    move_id: &str,
    sequence: u64,
) -> Result<MoveOp, GraphError> {
    let arrives = standing(graphs, name).starts_with("arriving");
    Ok(match kind {
        "arrive" => arrive(move_id),
        "fill" => fill(graphs, move_id)?,
        "replay" => replay(move_id, Vec::new()),
        "admit" => admit(move_id, sequence),
        "depart" => depart(graphs, name, move_id),
        "drop" => drop_records(move_id),
        "refuse" => refuse(move_id, if arrives { MoveRole::Destination } else { MoveRole::Source }),
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
                let (name, of) = (told.as_str(), format!(", {told}"));
                let move_id = &format!("{move_id}{of}");
                place(graphs, name, from, &of)?;
                let sequence = graphs.graph_in_any_state(name).map_or(0, |graph| graph.counters().sequence);
                let before = everything(graphs)?;
                let result = step(graphs, name, make(graphs, name, kind, move_id, sequence)?);
                let stands = || standing(graphs, name).replace(&of, "");
                let found = match &result {
                    Ok(()) => stands(),
                    Err(GraphError::GraphNotFound(_)) => "NOT FOUND".into(),
                    Err(GraphError::GraphExists(_)) => "EXISTS".into(),
                    Err(GraphError::MoveConflict { .. }) => "CONFLICT".into(),
                    Err(GraphError::MoveAborted { .. }) => "ABORTED".into(),
                    Err(GraphError::Moved { .. }) => "MOVED".into(),
                    Err(GraphError::Arriving { .. }) => "ARRIVING".into(),
                    Err(error) => format!("{error:?}"),
                };
                assert_eq!(found, expected, "{told}: {result:?}");
                if result.is_err() {
                    assert_eq!(everything(graphs)?, before, "{told}: a refusal changes nothing");
                } else {
                    step(graphs, name, make(graphs, name, kind, move_id, sequence)?)
                        .unwrap_or_else(|error| panic!("{told}, repeated: {error}"));
                    assert_eq!(stands(), expected, "{told}, repeated");
                }
            }
        }
    }
    Ok(())
}
