//! The typed graph layer: catalog, records, mutations and reads over any [`crate::Store`].
//!
//! Start with [`crate::GraphStore`]. [`Write`]s go in groups through [`crate::GraphStore::commit`]; reads go through a
//! [`GraphReader`] on the newest state or on a view. The floors, from the bottom up:
//!
//! * `catalog`: which graphs there are, in memory and as stored: counters, owner and tenant, migration state, fence.
//! * `ledger`: the ordered change log of each graph, and `quota`: what tenants have and may have.
//! * `read`: reads of one graph, `load`: the records of a whole graph before anyone sees it.
//! * `write`: the mutations, the group that they are committed in, and what each does.
//! * `moves`: the steps by which a graph goes from store to store.
//! * `follow`: what is in memory, brought up to a state that another process wrote.
//! * `reclaim`: the records and the room of graphs that are gone; `quarantine` and `salvage`: damaged ones.
//!
//! `store` holds the parts together.

mod catalog;
mod error;
mod follow;
mod ledger;
mod load;
mod moves;
mod quarantine;
mod quota;
mod read;
mod reclaim;
mod salvage;
pub(crate) mod store;
mod write;

pub(crate) use crate::mutation::Mutation;
pub(crate) use catalog::entry::CatalogEntry;
pub use catalog::{
    counters::GraphCounters,
    creation::{Asking, CreationPolicy},
    entry::{COMMONS, GraphType},
    fence::{FENCE_CHECK, Fenced, LONGEST_WAIT, MAX_PAUSE},
    graph::{Graph, Versions},
    lists::{Entries, Head, Heads},
    migration_state::{MigrationState, Origin, RESTORE, Redirect, Superseded},
    tenant::tenant_of,
};
pub use error::GraphError;
pub use ledger::{
    reader::{Changes, MAX_CHANGES},
    record::LedgerRecord,
    restart::RestartedLedger,
    retention::{LedgerKeep, Trim},
    tail_digest::TailDigest,
};
pub use load::{loaded::LoadedGraph, loader::GraphLoader};
pub use moves::{
    outcome::{MoveOutcome, MoveRecord, MoveRole},
    ownership::name_aside,
    records::MoveView,
    step::{Departure, GiveWay, Hold, Keep, MoveOp, NameAfter, Rename},
};
pub use quota::counts::{Counted, Counts, OverQuota, TenantLimits};
pub(crate) use read::node_record::decode_node;
pub use read::{
    partial::{Enough, Side},
    reader::GraphReader,
    rows::{EdgeCursor, Neighbors, NodeCursor, Record},
    sizes::GraphSizes,
    views::Together,
};
pub use reclaim::space::Awaiting;
pub use salvage::{Salvaged, SalvagedGraph, Taken};
pub(crate) use store::GraphStore;
pub(crate) use write::beside::{End, Room};
pub use write::{
    beside::{Beside, GroupCommitter},
    conditional_change::{ChangeSummary, ConditionalChange},
    idempotency::Once,
    op::{Op, Write},
    optimistic::{OptimisticTransaction, Seen},
    outcome::{BatchReport, Outcome},
    part::Progress,
    stall::HANGS_AFTER,
};
