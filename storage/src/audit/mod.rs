//! Compares all records of a store with each other, and rebuilds the derived ones.
//!
//! * `catalog`: entries, states and ids that await reclamation; `orphans`: records that none of them owns.
//! * `nodes`, `labels`, `edges`, `vectors`, `ledger`: the records of one graph; `counters` compares what they add up to
//!   with the graph's state; `graph` runs them.
//! * `over_limits`: what is larger than what is written may be.
//! * `finding` is one thing that is wrong; `recorder` collects findings and commits repairs; `report` is the whole of them;
//!   `key_display` makes keys readable.
//! * `graph_scan`, `node_ids`, `sequences` and `set_hash` are how records are read: in order, side by side, with the same
//!   memory for any graph. `auditor` goes through a whole store.
//!
//! What a finding calls for is decided where it is found: [`repair`] is [`audit`] whose findings are acted upon. Only
//! derived records are written: `in_edges`, `labels`, graph states and the list of ids to reclaim. Nodes, `out_edges`,
//! embeddings, ledger and catalog entries are never touched.
//!
//! Records are compared on one read view. Checksums of blocks are not the subject ([`crate::Store::verify`]), but a block
//! that cannot be read is a finding.

mod auditor;
mod catalog;
mod counters;
mod edges;
mod finding;
mod graph;
mod graph_scan;
mod key_display;
mod labels;
mod ledger;
mod node_ids;
mod nodes;
mod orphans;
mod over_limits;
mod recorder;
mod report;
mod sequences;
mod set_hash;
mod vectors;

#[cfg(test)]
#[cfg(feature = "rocksdb")]
mod tests;

pub(crate) use auditor::audit_records;
#[doc(hidden)]
pub use auditor::repair_in_batches;
pub use auditor::{audit, audit_with_limits, repair};
pub use finding::{Finding, FindingKind, Findings};
pub use report::{Audit, DataLimits, GraphAudit, Progress};
