//! What is known before a plan is made.

use std::collections::HashSet;
use std::path::PathBuf;

use epistemic_router::status::GraphStats;
use epistemic_router::{Affinity, Endpoint, EndpointList};

use crate::hosts::Status;

/// A change of the list of endpoints.
#[derive(Debug, Clone)]
pub struct Change {
    /// The list so far.
    pub from: EndpointList,
    /// The list from now on.
    pub to: EndpointList,
    /// Graphs that are placed with others, under both lists.
    pub affinity: Affinity,
}

impl Change {
    /// The endpoints of both lists, each once: those of the old list first, then the new ones.
    pub fn endpoints(&self) -> Vec<&Endpoint> {
        let mut seen = HashSet::new();
        let all = self.from.as_slice().iter().chain(self.to.as_slice());
        all.filter(|endpoint| seen.insert(endpoint.as_str())).collect()
    }
}

/// One shard and all that it holds.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    /// As in the lists.
    pub(super) endpoint: Endpoint,
    /// Where it was read; none for a running shard.
    pub(super) directory: Option<PathBuf>,
    /// That directory is a checkpoint: a copy, which stays as it is.
    pub(super) checkpoint: bool,
    /// Identity of its store; none in memory and for a directory that is still empty.
    pub(super) store_id: Option<String>,
    /// Bytes that its file system has left; none in memory.
    pub(super) free_bytes: Option<u64>,
    /// Why it takes no writes.
    pub(super) refusal: Option<String>,
    /// The list that it was started with, when it knows one.
    pub(super) told: Option<EndpointList>,
    /// The graphs that it serves, in any order.
    pub(super) graphs: Vec<GraphStats>,
    /// Those that arrive there, and the signposts of those that moved away.
    pub(super) on_the_move: Vec<Status>,
}
