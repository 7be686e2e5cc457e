//! A plan as it is shown, saved and carried out.

use std::path::{Path, PathBuf};

use anyhow::Result;
use epistemic_router::{Affinity, Endpoint, EndpointList};
use serde::{Deserialize, Serialize};

use super::estimate::Expected;
use super::inventory::Change;
use crate::cli::{Exit, Failure};

/// Version of the saved form. A field may be added under the same number; any other change gets a new one.
pub(super) const VERSION: u32 = 1;

/// What has to move so that every graph is on the shard that owns it by the new list. Shards are in the order of the old
/// list, then the new ones; moves are ordered by source, destination and name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// [`VERSION`].
    pub(super) version: u32,
    /// The list so far.
    pub(super) from: Vec<String>,
    /// The list from now on.
    pub(super) to: Vec<String>,
    /// Further groups of graphs that are placed together, as they were given.
    #[serde(default)]
    pub(super) affinity_groups: Option<String>,
    /// All shards of both lists.
    pub(super) shards: Vec<PlannedShard>,
    /// All graphs that move, together.
    pub(super) moving: Counts,
    /// All graphs that stay, together; without the empty `__commons__` that every shard has.
    pub(super) staying: Counts,
    /// How long it will take.
    pub(super) expected: Expected,
    /// What the operator should know before it is carried out.
    pub(super) warnings: Vec<String>,
    /// Sums of the moves from one shard to another.
    pub(super) pairs: Vec<Pair>,
    /// One for each graph that moves.
    pub(super) moves: Vec<Move>,
}

impl Plan {
    /// Reads a saved plan.
    ///
    /// # Errors
    /// It is no plan, or of another version.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let refused = |reason: String| {
            let message = format!("'{}' is no plan of egctl reshard plan --out: {reason}", path.display());
            Failure::new(Exit::Refused, message)
        };
        let plan: Self =
            serde_json::from_slice(&fs_err::read(path)?).map_err(|error| refused(error.to_string()))?;
        if plan.version != VERSION {
            return Err(refused(format!("its version is {}, not {VERSION}", plan.version)).into());
        }
        Ok(plan)
    }

    /// The change of lists that it is for.
    pub(super) fn change(&self) -> Result<Change> {
        let list = |texts: &[String]| {
            let endpoints = texts.iter().map(|text| Endpoint::parse(text)).collect::<Result<_, _>>()?;
            EndpointList::new(endpoints)
        };
        let affinity = Affinity::resolve(|_| self.affinity_groups.clone())?;
        Ok(Change { from: list(&self.from)?, to: list(&self.to)?, affinity })
    }
}

/// A shard of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PlannedShard {
    pub(super) endpoint: String,
    /// The directory or checkpoint that was read in place of a running shard.
    pub(super) directory: Option<PathBuf>,
    /// Identity of the store that was seen; none in memory and for an empty directory.
    pub(super) store_id: Option<String>,
    /// What leaves it.
    pub(super) outgoing: Counts,
    /// What comes to it.
    pub(super) incoming: Counts,
    /// Bytes that must be free for that, the margin included.
    pub(super) needed_bytes: u64,
    /// Bytes that its file system has left; none when it is not known, as in memory.
    pub(super) free_bytes: Option<u64>,
}

/// Sums over graphs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) graphs: u64,
    pub(super) nodes: u64,
    pub(super) edges: u64,
    /// Of those graphs whose size is known.
    pub(super) bytes: u64,
}

/// The moves from one shard to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) from: String,
    pub(super) to: String,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

/// One graph that moves, as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Move {
    pub(super) graph: String,
    /// The shard that holds it.
    pub(super) from: String,
    /// Its owner by the new list.
    pub(super) to: String,
    pub(super) nodes: u64,
    pub(super) edges: u64,
    /// Number of its newest change.
    pub(super) sequence: u64,
    /// What its records take, an estimate.
    pub(super) bytes: Option<u64>,
    /// Its owner by the old list, when that is not the shard that holds it.
    pub(super) misplaced: Option<String>,
}
