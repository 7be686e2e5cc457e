//! The operations, one file for each family: parameters, and the handlers that answer. [`table`] says which handler answers which
//! method; how each kind of handler is run is in `request`.

pub(crate) mod accepted_mutations;
pub(crate) mod administration;
pub(crate) mod algorithms;
mod atomic_batch;
pub(crate) mod batches;
pub(crate) mod channels;
pub(crate) mod claim;
pub(crate) mod communities;
pub(crate) mod context_view;
pub(crate) mod diff;
pub(crate) mod documents;
pub(crate) mod edges;
mod explore;
mod graph_pair;
pub(crate) mod graph_scans;
pub(crate) mod graphs;
pub(crate) mod handler;
pub(crate) mod identities;
pub(crate) mod ledger;
pub(crate) mod lifecycle;
pub(crate) mod move_reads;
pub(crate) mod moves;
pub(crate) mod nodes;
pub(crate) mod owners;
pub(crate) mod reasoning;
mod rows;
pub(crate) mod semantic;
mod short_walks;
mod snapshot_imports;
pub(crate) mod snapshots;
pub(crate) mod status;
pub(crate) mod subgraph_match;
pub(crate) mod table;
pub(crate) mod transactions;
pub(crate) mod union;
