//! Backups of graphs in a directory or an object store: full ones, and increments from the ledger.
//!
//! * `objects` is the place: named objects in a directory or a bucket; `upload` and `download` are streams of one, `folder`
//!   makes files on any file system. `layout` is the names of objects, `pack` the objects with compressed parts.
//! * `manifest` is what a run made, `sealed` its checksum, `envelope` its form when the run is encrypted; `line` is what it says of a graph, `layer` the objects with lines,
//!   `state` the graphs of runs made of their layers. `v1` reads manifests of the version before.
//! * `runs` are the runs that are there, `stores` the choice of a store among several, `tier` the runs of a whole tier.
//! * `create` makes a run from a `source` on top of the one `before`, `creation` goes through its graphs; `pieces` writes one object of a graph, `service` is
//!   identities and channels.
//! * `choose` finds the objects for a state that is asked for, `read` reads and checks them, `restore` has the graph arrive
//!   where it shall be served, `verify` does so on trial.
//! * `prune` is retention.
//!
//! Where graphs come from and go to is a `Party` of `hosts`. Nothing here runs on the threads of the runtime; requests to a
//! bucket do.

mod before;
mod choose;
mod create;
mod creation;
mod download;
mod envelope;
mod error;
mod folder;
mod layer;
mod layout;
mod line;
mod manifest;
mod objects;
mod pack;
mod pieces;
mod prune;
mod read;
mod restore;
mod runs;
mod sealed;
mod service;
mod source;
mod state;
mod stores;
#[cfg(test)]
mod tests;
mod tier;
mod upload;
mod v1;
mod verify;

pub use choose::{Choice, Point, Route, shown_time};
pub use create::{Created, Done, GraphResult, Plan, create};
pub use error::{BackupError, BackupRefused, Incomplete};
pub use layout::new_run;
pub use manifest::{Manifest, PieceKind};
pub use objects::Objects;
pub use prune::{Keep, Pruned, Pruning, prune};
pub use restore::{Name, Restored, check_name, restore};
pub use runs::{Listed, Run};
pub use service::{check as check_service, is_unknown, must_be_guarded, restore as restore_service};
pub use source::{Listing, Source};
pub use state::{Entries, GraphEntry};
pub use stores::{Wanted, matching, several};
pub use tier::{
    ShardRun, Tier, load as load_tier, load_all as load_tiers, names as tier_names, publish as publish_tier,
};
pub use verify::{Damage, Tried, for_each_chain, try_chain};
