//! A plan as it is shown, saved and carried out.

use std::path::{Path, PathBuf};

use anyhow::Result;
use epistemic_router::{Affinity, Endpoint, EndpointList};
use serde::{Deserialize, Serialize};

use super::error::ReshardError;
use super::estimate::Expected;
use super::inventory::Change;

/// Version of the saved form. A field may be added under the same number; any other change gets a new one.
pub(super) const VERSION: u32 = 1;

/// What has to move so that every graph is on the shard that owns it by the new list. Shards are in the order of the old
/// list, then the new ones; moves are ordered by source, destination and name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// `VERSION`.
    pub version: u32,
    /// The list so far.
    pub from: Vec<String>,
    /// The list from now on.
    pub to: Vec<String>,
    /// Further groups of graphs that are placed together, as they were given.
    #[serde(default)]
    pub affinity_groups: Option<String>,
    /// All shards of both lists.
    pub shards: Vec<PlannedShard>,
    /// All graphs that move, together.
    pub moving: Counts,
    /// All graphs that stay, together; without the empty `__commons__` that every shard has.
    pub staying: Counts,
    /// How long it will take.
    pub expected: Expected,
    /// What the operator should know before it is carried out.
    pub warnings: Vec<String>,
    /// Sums of the moves from one shard to another.
    pub pairs: Vec<Pair>,
    /// One for each graph that moves.
    pub moves: Vec<Move>,
}

impl Plan {
    /// Reads a saved plan.
    ///
    /// # Errors
    /// It is no plan, or of another version.
    pub fn load(path: &Path) -> Result<Self> {
        let refused = |reason: String| ReshardError::NoPlan { path: path.to_owned(), reason };
        let plan: Self =
            serde_json::from_slice(&fs_err::read(path)?).map_err(|error| refused(error.to_string()))?;
        if plan.version != VERSION {
            return Err(refused(format!("its version is {}, not {VERSION}", plan.version)).into());
        }
        Ok(plan)
    }

    /// The change of lists that it is for.
    pub fn change(&self) -> Result<Change> {
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
pub struct PlannedShard {
    /// As in the lists.
    pub endpoint: String,
    /// The directory or checkpoint that was read in place of a running shard.
    pub directory: Option<PathBuf>,
    /// Identity of the store that was seen; none in memory and for an empty directory.
    pub store_id: Option<String>,
    /// What leaves it.
    pub outgoing: Counts,
    /// What comes to it.
    pub incoming: Counts,
    /// Bytes that must be free for that, the margin included.
    pub needed_bytes: u64,
    /// Bytes that its file system has left; none when it is not known, as in memory.
    pub free_bytes: Option<u64>,
}

/// Sums over graphs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Graphs.
    pub graphs: u64,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Bytes of those graphs whose size is known.
    pub bytes: u64,
}

/// The moves from one shard to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The source.
    pub from: String,
    /// The destination.
    pub to: String,
    /// What moves.
    #[serde(flatten)]
    pub counts: Counts,
}

/// One graph that moves, as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Exact name.
    pub graph: String,
    /// The shard that holds it.
    pub from: String,
    /// Its owner by the new list.
    pub to: String,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Number of its newest change.
    pub sequence: u64,
    /// What its records take, an estimate.
    pub bytes: Option<u64>,
    /// Its owner by the old list, when that is not the shard that holds it.
    pub misplaced: Option<String>,
}
