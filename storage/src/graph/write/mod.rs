//! The way of a write.
//!
//! * What is asked for: `op`, with `conditional_change` and `optimistic`; `outcome` is what it comes to.
//! * The group: `commit` builds one `transaction`, whose changes the `overlay` shows to later operations. `working_graph` is
//!   a graph inside of it; `tenancy` checks names, tenants and quotas; `part` bounds what one mutation does in it. `beside` takes
//!   records along that belong to no graph.
//! * What each mutation does: `apply` finds the operation, `whole_graph` and `catalog_changes` changes names and ids, `record_changes`,
//!   `embeddings`, `compare_and_set`, `conditional`, `in_parts` and `replay` change records, `log` writes the ledger.
//! * `idempotency` and `once` make a write once, however often it is sent; `stall` notices a disk that hangs.

pub(super) mod apply;
pub(crate) mod beside;
pub(super) mod catalog_changes;
pub(super) mod commit;
pub(super) mod compare_and_set;
pub(super) mod conditional;
pub(super) mod conditional_change;
pub(super) mod embeddings;
pub(super) mod idempotency;
pub(super) mod in_parts;
pub(super) mod log;
pub(super) mod once;
pub(super) mod op;
pub(super) mod optimistic;
pub(super) mod outcome;
pub(super) mod overlay;
pub(super) mod part;
pub(super) mod record_changes;
pub(super) mod replay;
pub(super) mod stall;
pub(super) mod tenancy;
pub(super) mod transaction;
pub(super) mod whole_graph;
pub(super) mod working_graph;
