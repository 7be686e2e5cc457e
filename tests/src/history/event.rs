//! What clients record.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::question::Question;
use crate::wire::Value;

/// One change of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// Adds a node or replaces its properties.
    AddNode {
        /// Node id.
        id: String,
        /// Property bytes.
        properties: Vec<u8>,
    },
    /// Removes a node with its edges and its embedding.
    RemoveNode {
        /// Node id.
        id: String,
    },
    /// Adds a parallel edge between existing nodes.
    AddEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// Property bytes.
        properties: Vec<u8>,
    },
    /// Removes all parallel edges of a pair.
    RemoveEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
    },
    /// Gives a node an embedding, or another one.
    AddEmbedding {
        /// Node id.
        node: String,
        /// Float32 components, little-endian.
        components: Vec<u8>,
    },
}

/// How a write ended. Times are those of the [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done by then.
    Acknowledged(u64),
    /// The server died by then, with or without having done it.
    Lost(u64),
    /// The server answered that it was not done.
    Refused,
}

/// A request that writes. One of several changes is a `BatchUpdate`.
///
/// Writes that begin with the same change must come from one client that knows how each before it ended; all others begin with
/// a change that no other write has. So the ledger tells whose each record is.
#[derive(Debug, Clone)]
pub struct Write {
    /// The connection; requests on one connection are in the order of `called`.
    pub session: u64,
    /// When it was sent.
    pub called: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was to do, all or nothing.
    pub changes: Vec<Change>,
}

impl Write {
    /// When it had taken effect, if it ever did.
    pub(super) fn done_by(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Acknowledged(at) | Outcome::Lost(at) => Some(at),
            Outcome::Refused => None,
        }
    }
}

/// A read that was answered.
#[derive(Debug, Clone)]
pub struct Read {
    /// The connection.
    pub session: u64,
    /// When it was sent.
    pub called: u64,
    /// When it was answered.
    pub returned: u64,
    /// What was asked.
    pub question: Question,
    /// The answer, as [`Question::normalised`] has it.
    pub answer: Value,
}

/// All that clients did with one graph.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// In no particular order.
    pub writes: Vec<Write>,
    /// In no particular order.
    pub reads: Vec<Read>,
}

impl History {
    /// Adds what another client did.
    pub fn extend(&mut self, other: History) {
        self.writes.extend(other.writes);
        self.reads.extend(other.reads);
    }
}

/// Nanoseconds since the history began. No two calls give the same time, and a later call gives a later one.
#[derive(Debug)]
pub struct Clock {
    begun: Instant,
    last: AtomicU64,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock { begun: Instant::now(), last: AtomicU64::new(0) }
    }
}

impl Clock {
    /// The present instant.
    pub fn now(&self) -> u64 {
        let elapsed = u64::try_from(self.begun.elapsed().as_nanos()).expect("less than 500 years");
        let next = |last: u64| Some(elapsed.max(last + 1));
        let (Ok(last) | Err(last)) = self.last.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        elapsed.max(last + 1)
    }
}
