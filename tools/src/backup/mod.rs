//! Backups of graphs in a directory or an object store: full ones, and increments from the ledger.
//!
//! * `objects` is the place: named objects in a directory or a bucket; `upload` and `download` are streams of one.
//! * `manifest` is what a run made, `repository` the layout and the runs that are there.
//! * `create` makes a run from a `source`, `pieces` writes one object of it.
//! * `choose` finds the objects for a state that is asked for, `read` reads and checks them, `restore` has the graph arrive
//!   where it shall be served, `verify` does so on trial.
//!
//! Where graphs come from and go to is a `Party` of `moves`.
//!
//! * `prune` is retention.
//!
//! The commands are in `cli/backup`. Nothing here runs on the threads of the runtime; requests to a bucket do.

mod choose;
mod create;
mod download;
mod error;
mod manifest;
mod objects;
mod pieces;
mod prune;
mod read;
mod repository;
mod restore;
mod source;
#[cfg(test)]
mod tests;
mod upload;
mod verify;

pub(crate) use choose::{Choice, Point, Route, shown_time};
pub(crate) use create::{Created, Done, Plan, create, failure};
pub(crate) use error::BackupError;
pub(crate) use manifest::{Manifest, PieceKind};
pub(crate) use objects::Objects;
pub(crate) use prune::{Keep, Pruned, Pruning, prune};
pub(crate) use repository::{Run, load_all};
pub(crate) use restore::{Name, Restored, check_name, restore};
pub(crate) use source::Source;
pub(crate) use verify::{Tried, chains, try_chain};
