//! A circuit breaker for each endpoint, shared by the whole process: a shard that is down costs its callers nothing
//! but an error.
//!
//! [`machine`] is the rule, without a clock or a lock; [`registry`] finds the breaker of an endpoint; [`options`] are
//! its limits. Why it counts as it does: `docs/decisions/0016-breaker.md`.

mod machine;
mod options;
mod outcomes;
mod refusal;
mod registry;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use epistemic_protocol::placement::Endpoint;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use machine::Machine;

pub(crate) use machine::Ticket;
pub use options::BreakerOptions;
pub(crate) use outcomes::Outcome;
pub use outcomes::Outcomes;
pub use refusal::CircuitOpen;
pub(crate) use registry::state_of;

/// What a breaker does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Lets it through.
    Closed,
    /// Refuses it, because one probe is on its way.
    HalfOpen,
    /// Refuses it; after the cooldown makes it the probe.
    Open,
}

/// The breaker of one endpoint.
#[derive(Debug)]
pub struct Breaker {
    endpoint: Endpoint,
    machine: Mutex<Machine>,
    outcomes: outcomes::Counters,
}

impl Breaker {
    /// The breaker that everybody in this process uses for `endpoint`. Whoever asks first decides its options.
    #[must_use]
    pub fn shared(endpoint: &Endpoint, options: BreakerOptions) -> Arc<Self> {
        registry::shared(endpoint, options)
    }

    fn new(endpoint: Endpoint, options: BreakerOptions) -> Self {
        Self { endpoint, machine: Mutex::new(Machine::new(options)), outcomes: outcomes::Counters::default() }
    }

    /// What it does with the next call.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.machine.lock().state()
    }

    /// How the calls to the endpoint ended, since the process started.
    #[must_use]
    pub fn outcomes(&self) -> Outcomes {
        self.outcomes.read()
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        self.outcomes.count(outcome);
    }

    /// Lets a call begin, or says why not. The pass must be told how the call went; dropped without a word it leaves
    /// the breaker as if the call had not been, so that the next caller may probe in place of a cancelled one.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Pass, CircuitOpen> {
        let ticket = self.step(|machine| machine.admit(Instant::now()))?;
        Ok(Pass { breaker: Arc::clone(self), ticket })
    }

    /// When the endpoint last failed, if it has not answered since.
    pub(crate) fn failing_since(&self) -> Option<Instant> {
        self.machine.lock().last_failure()
    }

    /// Counts a failure of something that began with `ticket`.
    pub(crate) fn failed(&self, ticket: Ticket, cause: &str) {
        self.step(|machine| machine.failed(ticket, Instant::now(), cause));
    }

    fn step<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let (before, result, after, failures) = {
            let mut machine = self.machine.lock();
            let before = machine.state();
            let result = change(&mut machine);
            (before, result, machine.state(), machine.failures())
        };
        if before != after {
            let endpoint = &self.endpoint;
            match after {
                BreakerState::Open => tracing::warn!(%endpoint, failures, "circuit breaker opened"),
                BreakerState::HalfOpen => tracing::info!(%endpoint, "circuit breaker lets a probe through"),
                BreakerState::Closed => tracing::info!(%endpoint, "circuit breaker closed"),
            }
        }
        result
    }
}

/// Leave to make one call.
#[derive(Debug)]
pub(crate) struct Pass {
    breaker: Arc<Breaker>,
    ticket: Ticket,
}

impl Pass {
    /// For those who may find the endpoint dead after the caller has gone.
    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The endpoint answered, whatever it said. The pass is good for a further call.
    pub(crate) fn answered(&mut self) {
        self.ticket = self.breaker.step(|machine| machine.answered(self.ticket));
    }

    /// No answer can come: no connection, a broken one, or silence until the deadline.
    pub(crate) fn failed(self, cause: &str) {
        self.breaker.failed(self.ticket, cause);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.breaker.step(|machine| machine.abandoned(self.ticket, Instant::now()));
    }
}
