//! The handover: the last changes are made while writes are stopped, and the source lets go of the graph.

use std::time::{Duration, Instant};

use anyhow::Result;
use epistemic_storage::graph::{Departure, Fenced};
use parking_lot::{Condvar, Mutex};

use super::{
    compare::{both, same_changes},
    journal::Step,
    mover::{Compared, Move},
    settle::Departed,
};
use crate::hosts::{Content, Overtaken, Party};

impl Move<'_> {
    /// Stops writes, makes the last changes, compares them, and has the source hand over. What this cost its writers is
    /// added to `paused` when it came to nothing.
    pub(super) fn drain(
        &self,
        compared: &Compared,
        at: u64,
        equal: &Content,
        paused: &mut Duration,
    ) -> Result<Departed> {
        self.note(Step::Fence)?;
        let stopped = Instant::now();
        let lease_ms = self.timing.lease.min(self.timing.max_pause).as_millis() as u64;
        let fenced = self.source.fence(self.graph, self.move_id, self.destination.endpoint(), lease_ms)?;
        let done = self.renewing(&fenced, stopped, || self.hand_over_fenced(compared, &fenced, at, equal));
        let already = *paused;
        if done.is_err() {
            // The lease ends by itself if this does not get through.
            let _ = self.source.release(self.graph, fenced.token);
            *paused += stopped.elapsed().min(self.timing.max_pause);
        }
        done.map(|()| Departed {
            graph_id: fenced.graph_id,
            epoch: fenced.epoch + 1,
            sequence: fenced.sequence,
            compared: Some(compared.copy),
            stopped: Some(stopped),
            paused: already,
        })
    }

    fn hand_over_fenced(&self, compared: &Compared, fenced: &Fenced, at: u64, equal: &Content) -> Result<()> {
        compared.is_source(fenced.graph_id)?;
        let newest = fenced.sequence;
        let at = self.catch_up(compared.copy, at, Some(newest))?;
        if at != newest {
            let told = format!("the destination is at {at}, the source at {newest}");
            return Err(Overtaken(told).into());
        }
        let changed = |party: &dyn Party| party.changed(self.graph, equal.sequence);
        let (here, there) = match self.timing.concurrent {
            true => both(self.source, self.destination, changed)?,
            false => (changed(self.source)?, changed(self.destination)?),
        };
        compared.is_source(here.graph_id)?;
        compared.is_copy(there.graph_id)?;
        same_changes(self.graph, &here, &there)?;
        self.note(Step::TailEqual(here))?;
        self.note(Step::Depart { sequence: newest, copy: Some(compared.copy) })?;
        let departure = Departure {
            to: self.destination.endpoint().to_owned(),
            token: fenced.token,
            graph_id: fenced.graph_id,
            epoch: fenced.epoch,
            sequence: newest,
        };
        self.source.depart(self.graph, self.move_id, &departure)
    }

    /// Renews the fence while `act` runs, until writes have been stopped for the longest pause. A renewal that does not get
    /// through needs no word: the source refuses a departure whose fence has ended.
    fn renewing<T>(&self, fenced: &Fenced, stopped: Instant, act: impl FnOnce() -> Result<T>) -> Result<T> {
        if !self.timing.concurrent {
            return act();
        }
        let over = Over::default();
        let (lease, longest) = (self.timing.lease, self.timing.max_pause);
        let renew = || {
            while !over.wait(lease / 3) {
                let left = longest.saturating_sub(stopped.elapsed());
                if left.is_zero() {
                    return;
                }
                let lease_ms = lease.min(left).as_millis() as u64;
                let _ = self.source.renew(self.graph, fenced.token, lease_ms.max(1));
            }
        };
        std::thread::scope(|scope| {
            std::thread::Builder::new().name("renew".into()).spawn_scoped(scope, renew)?;
            let _ends = Ends(&over);
            act()
        })
    }
}

#[derive(Default)]
struct Over {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl Over {
    /// Whether it is over within this time.
    fn wait(&self, time: Duration) -> bool {
        let mut is_over = self.is_over.lock();
        if !*is_over {
            self.changed.wait_for(&mut is_over, time);
        }
        *is_over
    }
}

/// Ends the renewals, also when what they are for panics.
struct Ends<'o>(&'o Over);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        *self.0.is_over.lock() = true;
        self.0.changed.notify_all();
    }
}
