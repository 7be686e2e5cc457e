//! Moves: the steps by which a graph goes from store to store. Each is one commit, names its move, and may be repeated: what
//! is done already is done (docs/decisions/0019-moves.md, 0021-moves-by-proof.md).
//!
//! `step` is what is asked for, `destination` and `source` what each step does there, `ownership` the steps for a name that
//! two stores serve. `outcome` is what became of a move, `decisions` records it, `records` reads it, `fencing` stops writes meanwhile.

pub(super) mod apply;
pub(super) mod decisions;
pub(super) mod destination;
pub(super) mod fencing;
pub(super) mod outcome;
pub(super) mod ownership;
pub(super) mod records;
pub(super) mod source;
pub(super) mod step;
