//! Following a stand-by: the endpoint of a shard leads to a server that waits to take it over, which says where the owner is.

use std::mem::discriminant;

use epistemic_protocol::{placement::Endpoint, standby};

use super::Pool;
use crate::error::CallError;

impl Pool {
    /// Notes the owner that a stand-by has named; new connections go there. False when the error is of no stand-by, or it
    /// names nobody new.
    ///
    /// Only from TCP to TCP, and from socket to socket: what a server says must not lead to a socket of this machine.
    pub(super) fn follows(&self, error: &CallError) -> bool {
        let CallError::Server(text) = error else { return false };
        let Some(owner) = standby::owner_of(text) else { return false };
        if !self.is_served_by(&owner) {
            return false;
        }
        self.members.lock().clear();
        true
    }

    /// Notes where a stand-by has said that the owner is. False when it is known, or may not be gone to.
    pub(super) fn is_served_by(&self, owner: &Endpoint) -> bool {
        let same_kind = discriminant(owner.target()) == discriminant(self.endpoint.target());
        let mut known = self.owner.lock();
        if !same_kind || known.as_ref() == Some(owner) {
            return false;
        }
        tracing::info!(endpoint = %self.endpoint, %owner, "the shard is served by another server than its endpoint leads to");
        *known = Some(owner.clone());
        true
    }

    /// Where the owner was found, if not behind the endpoint.
    pub(super) fn owner(&self) -> Option<Endpoint> {
        self.owner.lock().clone()
    }

    /// Nothing is known of the owner any more: the endpoint leads to it, or to a stand-by that names it.
    pub(super) fn forget_owner(&self) {
        *self.owner.lock() = None;
    }
}
