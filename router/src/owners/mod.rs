//! Who serves which graph, by what all shards say together: names that two of them serve, or none, because one was set back
//! to a state before a move.
//!
//! * `claim`: what a shard says of a name; `conflict`: what the claims of all shards come to.
//! * `survey`: asking the shards, twice where something is found, so that a move under way is not taken for a conflict.

mod claim;
mod conflict;
mod survey;

pub use claim::{Claim, Place, Stands};
pub use conflict::{Conflict, Kind};
pub use survey::{Asked, Local, Page, Scope, Survey, Unasked, survey};
