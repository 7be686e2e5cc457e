//! The typed graph layer: catalog, records, mutations and reads over any [`crate::Store`].
//!
//! Start with [`GraphStore`]. [`Write`]s go in groups through [`GraphStore::commit`]; reads go through a
//! [`GraphReader`] on the newest state or on a view.

mod apply;
mod batch_ops;
mod catalog;
mod changed;
mod changes;
mod edit;
mod entries;
mod error;
mod fence;
mod fork;
mod heads;
mod ledger;
mod load;
mod moves;
mod outcomes;
mod overlay;
mod owners;
mod reader;
mod reclaim;
mod record;
mod replay;
mod revise;
mod size;
mod standing;
mod state;
mod states;
mod store;
mod transaction;
mod vectors;

pub use apply::{Op, Outcome, Write};
pub use batch_ops::{BatchOp, BatchReport};
pub(crate) use catalog::CatalogEntry;
pub use catalog::{COMMONS, Graph, GraphType, Versions};
pub use changed::ChangedDigest;
pub use changes::{Changes, MAX_CHANGES};
pub use entries::Entries;
pub use error::GraphError;
pub use fence::{Fenced, MAX_PAUSE};
pub use heads::{Head, Heads};
pub use ledger::LedgerRecord;
pub use load::{GraphLoader, LoadedGraph};
pub use moves::{Departure, MoveOp, Rename};
pub use outcomes::{MoveOutcome, MoveRecord, MoveRole, MoveView};
pub use owners::{GiveWay, Hold, Keep, Superseded, name_aside};
pub use reader::{EdgeCursor, EdgeRef, GraphReader, Neighbors, NodeCursor, NodeRef};
pub(crate) use record::decode_node;
pub use revise::{Revised, Revision};
pub use standing::{Origin, RESTORE, Signpost, Standing};
pub use state::GraphState;
pub use states::Together;
pub use store::{GraphStore, NameRule};
