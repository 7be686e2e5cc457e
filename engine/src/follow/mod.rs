//! A read replica: a server that follows the store of a shard without owning it (`docs/decisions/0062-read-replicas.md`).
//!
//! [`worker`] looks for newer states and has the shard go on to them, [`Following`] is what requests are asked about: what changes
//! something is refused with who the owner is, and reads once the state is too old.

mod clock;
mod flags;
mod following;
mod series;
#[cfg_attr(not(feature = "object-store"), path = "absent.rs")]
mod worker;

pub(crate) use self::{
    flags::FollowFlags,
    following::Following,
    series::FollowSeries,
    worker::{Followed, open, start},
};
