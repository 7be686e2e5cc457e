//! Following a store beside its owner: one durable state after the other (`docs/decisions/0062-read-replicas.md`).
//!
//! A [`Follower`] looks whether the owner has committed something, and opens the newer state (`follower.rs`). Whoever has it reads
//! what it needs of it and publishes it; from then on the [`FollowedStore`] reads that state (`store.rs`). Each state is a reader of
//! SlateDB that never looks for a newer one (`state.rs`). What they all need of the log is read once (`log.rs`).
//!
//! Nothing is ever written: no checkpoint, no epoch, no note of who follows. So a follower that dies leaves nothing behind, and
//! the owner cannot notice one. What an owner merges away stays for as long as its own readers may need it
//! ([`crate::settings::READ_HOURS`]).

mod follower;
mod log;
mod state;
mod store;

pub use follower::{Follower, Newer};
pub use store::FollowedStore;
