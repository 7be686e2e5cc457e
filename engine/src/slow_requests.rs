//! The log of slow requests: a line for each that took longer than `--slow-request`, from its dispatch until its response was
//! given to the system, and where the time went.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use epistemic_logging::Limit;

use crate::{metrics::Metrics, request::incoming::Request, wire::Method};

/// Lines of one [`PERIOD`]: requests are slow together, and anybody can cause them.
const LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(10);
/// The system takes a response of fewer bytes at once, unless its client has left others lying.
const TAKEN_AT_ONCE: usize = 16 << 10;

/// Which requests are slow, and how many lines were logged.
pub(crate) struct SlowRequests {
    /// None: no request is.
    from: Option<Duration>,
    lines: Limit,
    metrics: Arc<Metrics>,
}

/// Where the time of a request went until its response was ready.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Phases {
    /// It waited for its turn: for a thread, or for the commit of others.
    pub(crate) queue: Duration,
    /// It was committed with its group.
    pub(crate) commit: Duration,
    /// It read.
    pub(crate) read: Duration,
    /// It computed.
    pub(crate) computation: Duration,
    /// The service worked: checkpoints, transfers, moves, status.
    pub(crate) service: Duration,
    /// Its response waited for its client before the end was there.
    pub(crate) response: Duration,
}

impl Phases {
    /// Of what was read at once.
    pub(crate) fn read(read: Duration) -> Self {
        Self { read, ..Self::default() }
    }

    /// By name, in the order in which they follow each other.
    fn named(&self) -> [(&'static str, Duration); 6] {
        let Self { queue, commit, read, computation, service, response } = *self;
        [
            ("queue", queue),
            ("commit", commit),
            ("read", read),
            ("computation", computation),
            ("service", service),
            ("response", response),
        ]
    }

    /// The one that took longest.
    fn longest(&self) -> &'static str {
        self.named().into_iter().max_by_key(|(_, took)| *took).map_or("", |(name, _)| name)
    }
}

/// A request whose response is ready and may be slow, or become so while it is sent.
pub(crate) struct Ready {
    pub(crate) id: u64,
    pub(crate) method: Method,
    pub(crate) graph: Box<str>,
    /// Who it is from, if it says so.
    pub(crate) principal: Option<Box<str>>,
    pub(crate) begun: Instant,
    pub(crate) ready: Instant,
    pub(crate) phases: Phases,
}

impl SlowRequests {
    /// Requests that take as long as `from` are slow; with zero none is.
    pub(crate) fn new(from: Duration, metrics: &Arc<Metrics>) -> Self {
        let from = (!from.is_zero()).then_some(from);
        Self { from, lines: Limit::new(LINES, PERIOD), metrics: Arc::clone(metrics) }
    }

    /// Whether a request that took so long until its response of so many bytes was ready is worth to be kept until that
    /// was sent.
    pub(crate) fn keeps(&self, took: Duration, bytes: usize) -> bool {
        self.from.is_some_and(|from| took >= from || bytes > TAKEN_AT_ONCE)
    }

    /// The same as [`SlowRequests::keeps`], of a request that is there.
    pub(crate) fn ready(&self, request: &Request<'_>, phases: Phases, bytes: usize) -> Option<Ready> {
        let begun = request.begun;
        let took = phases.named().into_iter().map(|(_, took)| took).sum();
        self.keeps(took, bytes).then(|| Ready {
            id: request.envelope.id,
            method: request.method(),
            graph: request.envelope.graph.into(),
            principal: request.envelope.agent_id.map(Box::from),
            begun,
            ready: begun + took,
            phases,
        })
    }

    /// The response was given to the system, or its client is gone: counts and logs the request if it was slow.
    pub(crate) fn sent(&self, request: Ready) {
        let Ready { id, method, graph, principal, begun, ready, mut phases } = request;
        let took = begun.elapsed();
        if self.from.is_none_or(|from| took < from) {
            return;
        }
        phases.response += ready.elapsed();
        let reason = phases.longest();
        self.metrics.slow(reason);
        let Some(left_out) = self.lines.admit() else { return };
        let ms = |took: Duration| took.as_micros() as f64 / 1000.0;
        let parts = phases.named().into_iter().filter(|(_, took)| *took >= Duration::from_micros(1));
        let parts: Vec<_> = parts.map(|(name, took)| format!("{name} {}", ms(took))).collect();
        tracing::warn!(
            id,
            operation = method.name(),
            graph = %graph.escape_debug(),
            principal = %principal.as_deref().unwrap_or("-").escape_debug(),
            took_ms = ms(took),
            reason,
            phases_ms = parts.join(", "),
            left_out,
            "slow request"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_longest_phase() {
        let phases = Phases {
            queue: Duration::from_millis(3),
            commit: Duration::from_millis(20),
            response: Duration::from_millis(4),
            ..Phases::default()
        };
        assert_eq!(phases.longest(), "commit");
        assert_eq!(Phases::read(Duration::from_nanos(1)).longest(), "read");
    }

    #[test]
    fn what_is_short_and_small_costs_nothing_more() {
        let metrics = Arc::new(Metrics::new(None, 0).unwrap());
        let slow = SlowRequests::new(Duration::from_millis(100), &metrics);
        assert!(!slow.keeps(Duration::from_millis(99), 100));
        assert!(slow.keeps(Duration::from_millis(100), 100));
        assert!(slow.keeps(Duration::ZERO, TAKEN_AT_ONCE + 1), "its client may take it slowly");
        let never = SlowRequests::new(Duration::ZERO, &metrics);
        assert!(!never.keeps(Duration::from_secs(1000), 1 << 20));
    }
}
