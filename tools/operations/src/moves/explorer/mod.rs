//! An explorer of the move protocol (docs/decisions/0021-moves-by-proof.md): the mover, the abort and the graph store that
//! run in production, under every order of things that can go wrong.
//!
//! Each call of a [`Party`](crate::hosts::Party) is a message. A run is a list of events: a message is delivered, lost, held up,
//! doubled; its sender dies; a server is killed and started again on what it had committed; leases lapse; a client writes,
//! clears, deletes, creates; another mover or an operator who gives the move up begins, or gets its turn. Without deviations
//! everything is delivered in order. The search tries every single deviation at every step, and every pair of them, and
//! random ones beyond.
//!
//! * `message`: a party whose calls are messages, and the protocol with a proof left out; `actor`: a mover or an abort that
//!   waits for its answer.
//! * `world`: two servers, their clients, what was acknowledged; `check`: what must hold at every instant.
//! * `schedule`: the events of one run; `settle`: its end, from which an operator goes on; `search`: which runs there are.

mod actor;
mod check;
mod message;
mod schedule;
mod search;
mod settle;
mod tests;
mod world;

/// The graph that is moved.
const GRAPH: &str = "g";
/// The graph that each place has from its start on, and that is moved where it has content.
const COMMONS: &str = epistemic_storage::graph::COMMONS;

/// What must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Violation(String);

fn violation<T>(what: impl Into<String>) -> Result<T, Violation> {
    Err(Violation(what.into()))
}
