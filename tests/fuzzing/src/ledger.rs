//! The replay of ledger records on a graph that arrives, as moves and restores do it.

use epistemic_storage::Durability;
use epistemic_storage::graph::{LedgerRecord, MoveOp, Op, Write};

use super::streams::{empty, is_sound};

const GRAPH: &str = "g";
const MOVE: &str = "m";

/// Records, each behind its length in two bytes, made one after the other: those that are refused change nothing, and the graph
/// is sound.
pub fn ledger_replay(data: &[u8]) -> bool {
    let graphs = empty();
    let step = |op| Write { graph: GRAPH.into(), op: Op::Move(op) };
    let arrive = MoveOp::Arrive { move_id: MOVE.to_owned(), from: "elsewhere".to_owned() };
    let arrived = graphs.commit(&[step(arrive)], Durability::Buffered);
    assert!(arrived.iter().all(Result::is_ok), "{arrived:?}");
    let sequence = || {
        let graph = graphs.graph_in_any_state(GRAPH).unwrap_or_else(|error| panic!("{error}"));
        graph.counters().sequence
    };
    let mut replayed = false;
    for record in records(data) {
        if let Ok((change, time)) = LedgerRecord::decode(record) {
            assert_eq!(LedgerRecord::decode(&change.encode(time)).ok(), Some((change, time)));
        }
        let before = sequence();
        let records = vec![(before + 1, record.to_vec())];
        let replay = MoveOp::Replay { move_id: MOVE.to_owned(), copy: None, records };
        let done = graphs.commit(&[step(replay)], Durability::Buffered);
        let is_done = done.iter().all(Result::is_ok);
        assert_eq!(sequence(), before + u64::from(is_done), "{done:?}");
        replayed |= is_done;
    }
    is_sound(&graphs);
    replayed
}

fn records(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = data.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (record, rest) = rest.split_at(length);
        data = rest;
        Some(record)
    })
}
