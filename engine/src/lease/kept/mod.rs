//! Leases of stores on an object store.

mod standby;
mod start;

pub(crate) use epistemic_object_store::lease::{Claim, Lease, Owner};

pub(crate) use self::{
    standby::{Ended, Standby},
    start::{Claimed, OwnedByAnother, claim},
};
