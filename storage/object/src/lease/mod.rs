//! The lease: which process serves a store, and whether it still runs (`docs/decisions/0057-the-lease.md`).
//!
//! It keeps nobody from writing: that is what the fence is for, which each opening of the store sets. It says who may *try* to
//! open, and it bounds how old a read of a deposed owner may be: an owner that could not renew for [`OWNER_TRUSTS`] sends no answer any
//! more, and others wait for [`LASTS`] before they take over. Each process counts on its own clock, from an event that it saw
//! itself; clocks of two machines are never compared.

mod claim;
mod clock;
mod hold;
mod owner;
mod register;
mod standbys;

use std::time::Duration;

pub use claim::{Claim, Look, Taken};
pub use hold::{Figures, Lease};
pub use owner::Owner;
pub use standbys::Standby;

use crate::{Result, location::Location};

pub(crate) use register::{HISTORY, NAME};
pub(crate) use standbys::FOLDER as STANDBYS;

/// Who has the lease of the store at a location as it was written last, whether that one runs or not.
pub(crate) async fn newest(location: Location) -> Result<Option<Owner>> {
    let found = register::Register::new(location).read().await?;
    Ok(found.map(|(owner, _)| owner))
}

/// A lease that was not renewed for this time, on the clock of who looks at it, may be taken.
pub const LASTS: Duration = Duration::from_secs(3);
/// The owner sends answers for this time after the beginning of its last renewal. What it is less than [`LASTS`] by is room for clocks
/// that run at different speeds.
pub const OWNER_TRUSTS: Duration = Duration::from_secs(2);
/// Time between the beginnings of two renewals.
const RENEWED_EVERY: Duration = Duration::from_secs(1);
/// Pause after a renewal that failed.
const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// How long the object store may take to answer one request about the lease.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Time between two looks at a lease by those who wait for it.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);
