//! The rule of the breaker, as a function of the times it is given.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{BreakerOptions, BreakerState, CircuitOpen};

/// Longer than any process lives; what a cooldown that overflows the clock is cut to.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// When a call began. A result counts only if nothing has changed since: of a hundred calls that one broken
/// connection ends, the first counts, and results from before an outage say nothing about its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
pub(super) struct Machine {
    options: BreakerOptions,
    state: State,
    /// Goes up with each counted failure and each change of state.
    generation: u64,
    /// Consecutive, and the last of them.
    failures: u32,
    last: Option<(Instant, Arc<str>)>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// The probe is the one call with the current ticket.
    HalfOpen,
}

impl Machine {
    pub(super) fn new(options: BreakerOptions) -> Self {
        Self { options, state: State::Closed, generation: 0, failures: 0, last: None }
    }

    pub(super) fn options(&self) -> BreakerOptions {
        self.options
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen => BreakerState::HalfOpen,
        }
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn last_failure(&self) -> Option<Instant> {
        self.last.as_ref().map(|(at, _)| *at)
    }

    pub(super) fn admit(&mut self, now: Instant) -> Result<Ticket, CircuitOpen> {
        match self.state {
            State::Closed => {}
            State::Open { until } if now < until => return Err(self.refusal(Some(until - now))),
            State::Open { .. } => self.enter(State::HalfOpen),
            State::HalfOpen => return Err(self.refusal(None)),
        }
        Ok(Ticket(self.generation))
    }

    /// While open, only the probe's answer closes. Returns the ticket for what the same caller does next.
    pub(super) fn answered(&mut self, ticket: Ticket) -> Ticket {
        match self.state {
            State::Closed => {}
            State::HalfOpen if self.is_current(ticket) => self.enter(State::Closed),
            State::HalfOpen | State::Open { .. } => return ticket,
        }
        self.failures = 0;
        self.last = None;
        Ticket(self.generation)
    }

    pub(super) fn failed(&mut self, ticket: Ticket, now: Instant, cause: &str) {
        if !self.is_current(ticket) {
            return;
        }
        self.generation += 1;
        self.failures = self.failures.saturating_add(1);
        self.last = Some((now, cause.into()));
        let threshold = self.options.threshold;
        let opens = match self.state {
            State::Closed => threshold > 0 && self.failures >= threshold,
            State::HalfOpen => true,
            State::Open { .. } => false,
        };
        if opens {
            let until = now.checked_add(self.options.cooldown).unwrap_or_else(|| now + FOR_EVER);
            self.enter(State::Open { until });
        }
    }

    /// A probe that ends without a result makes room for the next one at once.
    pub(super) fn abandoned(&mut self, ticket: Ticket, now: Instant) {
        if matches!(self.state, State::HalfOpen) && self.is_current(ticket) {
            self.enter(State::Open { until: now });
        }
    }

    fn is_current(&self, ticket: Ticket) -> bool {
        ticket.0 == self.generation
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }

    fn refusal(&self, retry_in: Option<Duration>) -> CircuitOpen {
        let last_failure =
            self.last.as_ref().map_or_else(|| "unknown".into(), |(_, cause)| Arc::clone(cause));
        CircuitOpen { failures: self.failures, last_failure, retry_in }
    }
}
