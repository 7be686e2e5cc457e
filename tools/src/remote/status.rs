//! What a shard says of itself.

use std::collections::BTreeMap;

use epistemic_storage::GraphStore;
use epistemic_storage::graph::{COMMONS, Graph, GraphSizes};
use serde::{Deserialize, Serialize};

use super::{DamageStatus, QuotaStatus, ScrubStatus};

/// One graph, as `GraphStats` lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GraphStats {
    /// Exact name.
    pub(crate) name: String,
    /// Type name on the wire.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// `agent_id` of its creator.
    pub(crate) owner: Option<String>,
    /// Nodes.
    pub(crate) nodes: u64,
    /// Edges.
    pub(crate) edges: u64,
    /// Sequence number of its newest change.
    pub(crate) sequence: u64,
    /// The first change that its ledger tells.
    #[serde(default)]
    pub(crate) ledger_from: Option<u64>,
    /// How much of its ledger it keeps, where that is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ledger_keep: Option<String>,
    /// Why it takes no writes, when its records are damaged.
    pub(crate) quarantined: Option<String>,
    /// What its records take, an estimate; when asked for.
    #[serde(default)]
    pub(crate) bytes: Option<u64>,
    /// The same by kind of record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sizes: Option<GraphSizes>,
}

/// Parameters of `GraphStats`.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct GraphStatsParams {
    /// Whether to tell [`GraphStats::bytes`] and [`GraphStats::sizes`].
    pub(crate) sizes: bool,
}

impl GraphStats {
    /// Whether it is the `__commons__` that every shard has: one without content is nobody's.
    pub(crate) fn is_empty_commons(&self) -> bool {
        self.name == COMMONS && self.nodes == 0 && self.edges == 0 && self.quarantined.is_none()
    }

    /// Those of a graph in an open store. With `sizes` it blocks on disk.
    pub(crate) fn of(graphs: &GraphStore, graph: &Graph, sizes: bool) -> Self {
        // Damage that is found on the way shows as quarantine.
        let sizes = if sizes { graphs.sizes_of(graph).ok() } else { None };
        let state = graph.state();
        Self {
            name: graph.name().to_string(),
            kind: graph.kind().name().to_owned(),
            owner: graph.owner().map(str::to_owned),
            nodes: state.nodes,
            edges: state.edges,
            sequence: state.sequence,
            ledger_from: Some(state.complete_from),
            ledger_keep: graph.ledger_keep().map(|keep| keep.to_string()),
            quarantined: graph.quarantined().map(str::to_owned),
            bytes: sizes.map(|sizes| sizes.total()),
            sizes,
        }
    }
}

/// One registered agent, as `ListIdentities` lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IdentityStatus {
    /// Its name.
    pub(crate) agent_id: String,
    /// `System`, `Manager` or `Agent`.
    pub(crate) role: String,
    /// Agents that a manager stands in for.
    pub(crate) subordinates: Vec<String>,
    /// Its teams.
    pub(crate) teams: Vec<String>,
}

/// Answer of `ShardStatus`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShardStatus {
    /// Version of the server program.
    pub(crate) version: String,
    /// Its clock, Unix milliseconds.
    #[serde(default)]
    pub(crate) unix_ms: Option<u64>,
    /// Largest request that it takes.
    #[serde(default)]
    pub(crate) max_frame_bytes: Option<u64>,
    /// Its process id.
    pub(crate) pid: u32,
    /// Seconds since its start.
    pub(crate) uptime_s: u64,
    /// Identity of its store; none in memory.
    pub(crate) store_id: Option<String>,
    /// Its directory; none in memory.
    pub(crate) persist_dir: Option<String>,
    /// `rocksdb` or `memory`.
    pub(crate) backend: String,
    /// When it answers a write: `sync`, `interval:MS`, `none`.
    pub(crate) durability: String,
    /// Number of graphs.
    pub(crate) graphs: u64,
    /// Nodes of all graphs.
    #[serde(default)]
    pub(crate) nodes: u64,
    /// Edges of all graphs.
    #[serde(default)]
    pub(crate) edges: u64,
    /// Requests since its start, but for those that only ask how it is.
    #[serde(default)]
    pub(crate) requests: u64,
    /// Seconds that their answers took.
    #[serde(default)]
    pub(crate) request_seconds: f64,
    /// Bytes stored.
    pub(crate) bytes: u64,
    /// Bytes that its file system has left; none in memory.
    #[serde(default)]
    pub(crate) free_bytes: Option<u64>,
    /// Graphs whose removed records have not given their room back.
    #[serde(default)]
    pub(crate) reclaim_pending_graphs: u64,
    /// Bytes of these records in tables, an estimate.
    #[serde(default)]
    pub(crate) reclaim_pending_bytes: u64,
    /// Number of the store's newest change.
    pub(crate) sequence: u64,
    /// Whether it takes writes.
    pub(crate) writable: bool,
    /// Why it takes no writes.
    #[serde(default)]
    pub(crate) refusal: Option<String>,
    /// The failure after which it stopped taking writes.
    pub(crate) poisoned: Option<String>,
    /// Whether its secret is so short that it can be guessed.
    #[serde(default)]
    pub(crate) short_secret: bool,
    /// What is damaged; earlier versions do not tell.
    #[serde(default)]
    pub(crate) damage: Option<DamageStatus>,
    /// How its scrub stands; none in memory.
    #[serde(default)]
    pub(crate) scrub: Option<ScrubStatus>,
    /// What its tenants may use and do; earlier versions do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quotas: Option<QuotaStatus>,
    /// Its own endpoint, when it was told one.
    #[serde(default)]
    pub(crate) advertise: Option<String>,
    /// All shards, as it was told.
    #[serde(default)]
    pub(crate) endpoints: Option<Vec<String>>,
    /// What it found when it asked the other shards who serves what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ownership: Option<OwnershipStatus>,
    /// Complete checkpoints, oldest first.
    pub(crate) checkpoints: Vec<CheckpointStatus>,
    /// Seconds between automatic checkpoints, 0 for never.
    pub(crate) checkpoint_interval_s: u64,
    /// What it may take of memory, and holds of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<MemoryStatus>,
}

/// The memory of a shard, in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MemoryStatus {
    /// What all parts together may take.
    pub(crate) budget: u64,
    /// What is resident now.
    pub(crate) resident: u64,
    /// How often there was no room.
    pub(crate) refused: u64,
    /// By what it is for.
    pub(crate) parts: BTreeMap<String, MemoryPart>,
}

/// One part of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct MemoryPart {
    /// What it may take.
    pub(crate) budget: u64,
    /// What it holds, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<u64>,
}

/// Graphs of a shard that two shards serve, or none, as it knows them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OwnershipStatus {
    /// Those that another shard serves too.
    pub(crate) two_owners: u64,
    /// Those that nobody serves.
    pub(crate) no_owner: u64,
    /// The names of the first of them.
    pub(crate) graphs: Vec<String>,
}

/// One checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CheckpointStatus {
    /// Folder name; names sort by age.
    pub(crate) name: String,
    /// Unix milliseconds.
    pub(crate) created_ms: u64,
    /// Bytes of its files, those shared with the store included.
    pub(crate) bytes: u64,
}
