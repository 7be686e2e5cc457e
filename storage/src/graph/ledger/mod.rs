//! The ledger of a graph: the ordered log of its changes.
//!
//! `record` is the stored form of one change, `reader` gives the changes after a sequence number, `tail_digest` proves two
//! copies equal by them. `retention`, `trim` and `pin` decide how much is kept; `intact` and `restart` are for damaged
//! ledgers.

pub(super) mod intact;
pub(super) mod pin;
pub(super) mod reader;
pub(super) mod record;
pub(super) mod restart;
pub(super) mod retention;
pub(super) mod tail_digest;
pub(super) mod trim;
