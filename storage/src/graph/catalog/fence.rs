//! The fence: a short stop of the writes of a graph that is about to move.
//!
//! A fence is a lease with a token of its own. It ends when it is lowered, when its lease lapses, or with the graph object
//! that it stands on: a graph that is deleted, cleared, replaced or opened again has none. So whoever shows the token of a
//! fence that still stands proves that nothing was written since it was raised.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::graph::error::GraphError;

/// However often it is renewed, a fence stands for so long at most.
pub const MAX_PAUSE: Duration = Duration::from_secs(60);

/// A write that meets a fence is tried again for so long. A drain takes some milliseconds; beyond this something stalls.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often whoever waits looks whether the fence stands still.
pub const FENCE_CHECK: Duration = Duration::from_millis(2);

/// The time that leases see: the monotonic clock, and what tests add to it.
#[derive(Debug, Default)]
pub(crate) struct LeaseClock {
    ahead_ms: AtomicU64,
}

impl LeaseClock {
    pub(crate) fn now(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(by.as_millis() as u64, Ordering::Relaxed);
    }
}

/// What [`crate::graph::GraphStore::fence`] stopped, and the proof of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fenced {
    /// Names this fence and no other.
    pub token: u64,
    /// The graph's number in its store.
    pub graph_id: u64,
    /// Its ownership term.
    pub epoch: u64,
    /// The sequence number of its newest change, which stays while the fence stands.
    pub sequence: u64,
}

/// Not stored: it ends with the process.
#[derive(Debug, Default)]
pub(crate) struct Fence(Mutex<Option<Raised>>);

#[derive(Debug)]
struct Raised {
    token: u64,
    move_id: String,
    to: String,
    /// Renewed no further than this.
    last: Instant,
    until: Instant,
}

impl Fence {
    /// Refuses writes for `lease` from now on; returns the token. The fence that this move may have raised before is broken.
    ///
    /// # Errors
    /// [`GraphError::MoveConflict`] while a fence of another move stands.
    pub(crate) fn raise(
        &self,
        name: &str,
        move_id: &str,
        to: &str,
        lease: Duration,
        now: Instant,
    ) -> Result<u64, GraphError> {
        let mut raised = self.0.lock();
        if let Some(other) = raised.as_ref().filter(|other| other.until > now && other.move_id != move_id) {
            return Err(GraphError::conflict(name, format!("move {} is under way", other.move_id)));
        }
        let token = uuid::Uuid::new_v4().as_u64_pair().0;
        let (move_id, to) = (move_id.to_owned(), to.to_owned());
        *raised =
            Some(Raised { token, move_id, to, last: now + MAX_PAUSE, until: now + lease.min(MAX_PAUSE) });
        Ok(token)
    }

    /// Lets the fence of this token stand for `lease` from now on.
    ///
    /// # Errors
    /// [`GraphError::Overtaken`] when it does not stand any more, however short ago it ended.
    pub(crate) fn renew(
        &self,
        name: &str,
        token: u64,
        lease: Duration,
        now: Instant,
    ) -> Result<(), GraphError> {
        match &mut *self.0.lock() {
            Some(raised) if raised.token == token && raised.until > now => {
                raised.until = (now + lease).min(raised.last);
                Ok(())
            }
            Some(_) | None => Err(broken(name)),
        }
    }

    /// Whether the fence of this token, move and new endpoint has stood without a break since it was raised.
    ///
    /// # Errors
    /// [`GraphError::Overtaken`].
    pub(crate) fn stands(
        &self,
        name: &str,
        move_id: &str,
        to: &str,
        token: u64,
        now: Instant,
    ) -> Result<(), GraphError> {
        let is_it = |raised: &Raised| {
            (raised.token, &*raised.move_id, &*raised.to) == (token, move_id, to) && raised.until > now
        };
        if self.0.lock().as_ref().is_some_and(is_it) { Ok(()) } else { Err(broken(name)) }
    }

    /// Lets writes through again, if the fence is that of this token.
    pub(crate) fn lower(&self, token: u64) {
        self.0.lock().take_if(|raised| raised.token == token);
    }

    /// Lets writes through again, if `move_id` raised it.
    pub(crate) fn lower_of(&self, move_id: &str) {
        self.0.lock().take_if(|raised| raised.move_id == move_id);
    }

    /// Checks whether a write of the graph `name` may pass. The clock is read only while there is a fence.
    ///
    /// # Errors
    /// [`GraphError::Moving`].
    pub(crate) fn check(&self, name: &str, clock: &LeaseClock) -> Result<(), GraphError> {
        match &*self.0.lock() {
            Some(raised) if raised.until > clock.now() => {
                Err(GraphError::Moving { graph: name.to_owned(), to: raised.to.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The move that stops writes, and where it goes.
    pub(crate) fn raised_by(&self, now: Instant) -> Option<(String, String)> {
        let raised = self.0.lock();
        raised
            .as_ref()
            .filter(|raised| raised.until > now)
            .map(|raised| (raised.move_id.clone(), raised.to.clone()))
    }
}

fn broken(name: &str) -> GraphError {
    let detail = "its writes are not stopped by this fence any more, or were taken again since".into();
    GraphError::Overtaken { graph: name.to_owned(), detail }
}
