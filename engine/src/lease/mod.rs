//! Who serves the store of this shard, where another process could: its lease, stand-bys, and the hand-over
//! (`docs/decisions/0057-the-lease.md`).
//!
//! [`claim`] gets the lease before the store is opened, [`Standby`] waits for it, [`hand_over`] gives it away. [`Role`] is what
//! requests are asked about: without the lease none is answered.

mod flags;
pub(crate) mod hand_over;
#[cfg_attr(not(feature = "object-store"), path = "absent.rs")]
mod kept;
mod status;

use std::sync::Arc;

use epistemic_protocol::{ErrorCode, standby};
use epistemic_storage::{StoreError, graph::GraphError};
use parking_lot::Mutex;

pub(crate) use self::{
    flags::LeaseFlags,
    kept::{Claim, Claimed, Ended, Lease, OwnedByAnother, Owner, Standby, claim},
    status::{LeaseSeries, add_role},
};
use crate::{follow::Following, request::error::OpError, wire::Method};

/// What this process is to the store of its shard.
pub(crate) enum Role {
    /// The only one that there can be: it has a directory, or memory.
    Alone,
    /// The owner, for as long as it can renew the lease.
    Owner(Arc<Lease>),
    /// One that waits for the lease, and has no records.
    Standby(Arc<Waiting>),
    /// One that follows the owner, and answers reads alone.
    Replica(Arc<Following>),
}

/// What a stand-by knows.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Who has the lease, as far as it was seen.
    owner: Mutex<Option<Owner>>,
}

impl Role {
    /// Whether what was read before this call may be answered: nobody else can have served the store by then.
    pub(crate) fn holds(&self) -> bool {
        match self {
            // An answer of a replica is as old as its state was when it was asked.
            Role::Alone | Role::Standby(_) | Role::Replica(_) => true,
            Role::Owner(lease) => lease.holds(),
        }
    }

    /// Waits until [`Role::holds`]. False when another process has the lease.
    pub(crate) async fn held(&self) -> bool {
        match self {
            Role::Alone | Role::Standby(_) | Role::Replica(_) => true,
            Role::Owner(lease) => lease.held().await.is_ok(),
        }
    }

    /// Why a request is not served now, if it is not.
    pub(crate) fn refusal(&self, method: Method) -> Option<OpError> {
        match self {
            Role::Alone => None,
            Role::Owner(lease) if lease.holds() || needs_no_lease(method) => None,
            Role::Owner(lease) => Some(OpError::Graph(GraphError::Store(lapsed(lease)))),
            Role::Standby(_) if is_about_the_process(method) => None,
            Role::Standby(waiting) => Some(OpError::Refused(ErrorCode::Standby, waiting.text())),
            Role::Replica(following) => following.refusal(method),
        }
    }

    /// Why this process is not ready to serve, if it is not.
    pub(crate) fn unready(&self) -> Option<String> {
        match self {
            Role::Alone => None,
            Role::Owner(lease) if lease.holds() => None,
            Role::Owner(lease) => Some(lapsed(lease).to_string()),
            Role::Standby(waiting) => Some(waiting.text()),
            Role::Replica(following) => following.stale(),
        }
    }

    /// Whether it follows the owner, and takes no writes.
    pub(crate) fn is_replica(&self) -> bool {
        matches!(self, Role::Replica(_))
    }

    /// Calls `told` when another process is found to have the lease.
    pub(crate) fn on_lost(&self, told: impl FnOnce(StoreError) + Send + 'static) {
        match self {
            Role::Alone | Role::Standby(_) | Role::Replica(_) => {}
            Role::Owner(lease) => lease.on_lost(told),
        }
    }
}

impl Waiting {
    /// Another process has the lease.
    #[cfg(feature = "object-store")]
    fn is_owned_by(&self, owner: Owner) {
        *self.owner.lock() = Some(owner);
    }

    /// What clients are told. It begins with where the owner is: they read that.
    fn text(&self) -> String {
        match &*self.owner.lock() {
            Some(Owner { endpoint, host, pid, .. }) => standby::owned_by(endpoint, host, *pid).to_string(),
            None => "this shard has no owner yet; this server takes over within seconds".to_owned(),
        }
    }
}

/// Requests that tell of the process alone, which a stand-by answers too.
pub(crate) fn is_about_the_process(method: Method) -> bool {
    matches!(method, Method::Ping | Method::Health | Method::ShardStatus)
}

/// Requests whose answers are true whoever has the lease.
pub(crate) fn needs_no_lease(method: Method) -> bool {
    is_about_the_process(method) || matches!(method, Method::Shutdown | Method::ShardHandOver)
}

fn lapsed(lease: &Lease) -> StoreError {
    let detail = match (lease.figures().age, lease.failure()) {
        (None, _) => "this server has given its lease back".to_owned(),
        (Some(age), why) => format!(
            "the lease of this server was last renewed {} ms ago{}, another one may have taken over: no reads are answered either",
            age.as_millis(),
            why.map_or_else(String::new, |why| format!(" ({why})")),
        ),
    };
    StoreError::Unreachable { detail }
}
