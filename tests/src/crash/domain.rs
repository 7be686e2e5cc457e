//! A key space with a known state.

use std::collections::VecDeque;

use super::op::Op;
use super::state::State;

/// A key space with a known state. Its name begins every name in it: of nodes, side graphs, channels and agents.
#[derive(Debug)]
pub(super) struct Domain {
    /// Such as `d03`.
    pub(super) name: String,
    /// What was acknowledged.
    pub(super) state: State,
    /// What was sent and not answered yet, oldest first. The server does it in this order.
    pub(super) in_flight: VecDeque<Op>,
    /// Source of values that never repeat.
    pub(super) next_value: u64,
    /// What was acknowledged, oldest first; kept only when asked for.
    pub(super) history: Vec<Acknowledged>,
}

/// An acknowledged operation and the instants, in the clock of the test, between which it was done.
#[derive(Debug)]
pub(super) struct Acknowledged {
    pub(super) op: Op,
    pub(super) sent: u64,
    pub(super) answered: u64,
}

impl Domain {
    /// An empty domain.
    pub(super) fn new(name: String) -> Domain {
        Domain { name, state: State::empty(), in_flight: VecDeque::new(), next_value: 0, history: Vec::new() }
    }

    /// The state at an earlier instant of the history; what was sent by then and answered later is in flight.
    pub(super) fn as_of(&self, instant: u64) -> Domain {
        let mut earlier = Domain { next_value: self.next_value, ..Domain::new(self.name.clone()) };
        let known = self.history.partition_point(|entry| entry.answered <= instant);
        let sent = self.history.partition_point(|entry| entry.sent <= instant);
        self.history[..known].iter().for_each(|entry| earlier.state.apply(&entry.op));
        earlier.in_flight =
            self.history[known..sent.max(known)].iter().map(|entry| entry.op.clone()).collect();
        earlier
    }

    /// Takes the oldest operation in flight as done, and returns it.
    pub(super) fn acknowledge(&mut self) -> Option<Op> {
        let op = self.in_flight.pop_front()?;
        self.state.apply(&op);
        Some(op)
    }
}
