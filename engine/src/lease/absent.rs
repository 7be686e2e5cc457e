//! In place of leases, where the server is built without object stores: there are none.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use epistemic_storage::StoreError;
use serde::Serialize;

use super::Waiting;
use crate::{config::Config, expected_store::Expected};

/// None can be made.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Owner {
    pub(crate) endpoint: String,
    pub(crate) host: String,
    pub(crate) pid: u32,
    #[serde(skip)]
    #[expect(dead_code, reason = "it keeps this from being made")]
    never: Infallible,
}

#[derive(Debug, thiserror::Error)]
#[error("no store has a lease here")]
pub(crate) struct OwnedByAnother(Infallible);

pub(crate) enum Lease {}
pub(crate) enum Claim {}

#[expect(dead_code, reason = "there is nothing to claim")]
pub(crate) enum Claimed {
    Alone,
    Lease(Lease),
    Standby(Claim),
}

#[expect(dead_code, reason = "there is nothing to wait for")]
pub(crate) enum Ended {
    Owner(Lease),
    Stopped,
}

pub(crate) struct Figures {
    pub(crate) age: Option<Duration>,
    pub(crate) renewals: u64,
    pub(crate) failures: u64,
}

pub(crate) struct Standby {
    pub(crate) waiting: Arc<Waiting>,
    never: Infallible,
}

/// Stores on an object store are refused when they are opened.
pub(crate) fn claim(_: &Config, _: &Expected) -> anyhow::Result<Claimed> {
    Ok(Claimed::Alone)
}

impl Standby {
    pub(crate) fn start(claim: Claim) -> io::Result<Self> {
        match claim {}
    }

    #[expect(clippy::unused_async, reason = "as the one that waits")]
    pub(crate) async fn until(self, _: impl Future<Output = ()>) -> Ended {
        match self.never {}
    }
}

impl Lease {
    pub(crate) fn holds(&self) -> bool {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "as the one that waits")]
    pub(crate) async fn held(&self) -> Result<(), StoreError> {
        match *self {}
    }

    pub(crate) fn on_lost(&self, _: impl FnOnce(StoreError) + Send + 'static) {
        match *self {}
    }

    pub(crate) fn owner(&self) -> Owner {
        match *self {}
    }

    pub(crate) fn standbys(&self) -> Vec<Owner> {
        match *self {}
    }

    pub(crate) fn figures(&self) -> Figures {
        match *self {}
    }

    pub(crate) fn has_epoch(&self, _: u64) {
        match *self {}
    }

    pub(crate) fn release(&self) {
        match *self {}
    }
}
