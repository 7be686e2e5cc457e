//! What a shard says of itself.

use std::collections::BTreeMap;

use epistemic_protocol::placement::COMMONS;
use serde::{Deserialize, Serialize};

use super::{DamageStatus, LoadStatus, OwnerStatus, QuotaStatus, ScrubStatus};

/// One graph, as `GraphStats` lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GraphStats {
    /// Exact name.
    pub name: String,
    /// Type name on the wire.
    #[serde(rename = "type")]
    pub kind: String,
    /// `agent_id` of its creator.
    pub owner: Option<String>,
    /// The tenant that it was made for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Sequence number of its newest change.
    pub sequence: u64,
    /// The first change that its ledger tells.
    #[serde(default)]
    pub ledger_from: Option<u64>,
    /// How much of its ledger it keeps, where that is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_keep: Option<String>,
    /// Why it takes no writes, when its records are damaged.
    pub quarantined: Option<String>,
    /// What its records take, an estimate; when asked for.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// The same by kind of record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<GraphSizes>,
    /// When it changed last, Unix milliseconds; when sizes are asked for and the ledger tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_ms: Option<u64>,
}

/// Bytes that the records of a graph take, by kind. Estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphSizes {
    /// Nodes with their properties.
    pub nodes: u64,
    /// Edges with their properties, and the index by target.
    pub edges: u64,
    /// The index of nodes by label.
    pub labels: u64,
    /// The ledger.
    pub ledger: u64,
    /// Embeddings.
    pub vectors: u64,
}

impl GraphSizes {
    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { nodes, edges, labels, ledger, vectors } = *self;
        nodes + edges + labels + ledger + vectors
    }
}

/// Parameters of `GraphStats`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GraphStatsParams {
    /// Whether to tell [`GraphStats::bytes`] and [`GraphStats::sizes`].
    pub sizes: bool,
}

impl GraphStats {
    /// Whether it is the `__commons__` that every shard has: one without content is nobody's.
    #[must_use]
    pub fn is_empty_commons(&self) -> bool {
        self.name == COMMONS && self.nodes == 0 && self.edges == 0 && self.quarantined.is_none()
    }
}

/// One registered agent, as `ListIdentities` lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdentityStatus {
    /// Its name.
    pub agent_id: String,
    /// `System`, `Manager` or `Agent`.
    pub role: String,
    /// Agents that a manager stands in for.
    pub subordinates: Vec<String>,
    /// Its teams.
    pub teams: Vec<String>,
}

/// Answer of `ShardStatus`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShardStatus {
    /// Version of the server program.
    pub version: String,
    /// Its clock, Unix milliseconds.
    #[serde(default)]
    pub unix_ms: Option<u64>,
    /// Largest request that it takes.
    #[serde(default)]
    pub max_frame_bytes: Option<u64>,
    /// Its process id.
    pub pid: u32,
    /// Seconds since its start.
    pub uptime_s: u64,
    /// Identity of its store; none in memory.
    pub store_id: Option<String>,
    /// Its directory; none in memory.
    pub persist_dir: Option<String>,
    /// The prefix of an object store that it keeps its records below; none otherwise.
    #[serde(default)]
    pub store_url: Option<String>,
    /// `rocksdb`, `memory` or `slatedb`.
    pub backend: String,
    /// When it answers a write: `sync`, `interval:MS`, `none`.
    pub durability: String,
    /// Number of graphs.
    pub graphs: u64,
    /// Nodes of all graphs.
    #[serde(default)]
    pub nodes: u64,
    /// Edges of all graphs.
    #[serde(default)]
    pub edges: u64,
    /// Requests since its start, but for those that only ask how it is.
    #[serde(default)]
    pub requests: u64,
    /// Seconds that their answers took.
    #[serde(default)]
    pub request_seconds: f64,
    /// Bytes stored.
    pub bytes: u64,
    /// Bytes that its file system has left; none in memory.
    #[serde(default)]
    pub free_bytes: Option<u64>,
    /// Bytes of that file system; none in memory.
    #[serde(default)]
    pub disk_bytes: Option<u64>,
    /// Of the free ones, those that it keeps: below them it takes no writes.
    #[serde(default)]
    pub reserve_bytes: Option<u64>,
    /// Graphs whose removed records have not given their room back.
    #[serde(default)]
    pub reclaim_pending_graphs: u64,
    /// Bytes of these records in tables, an estimate.
    #[serde(default)]
    pub reclaim_pending_bytes: u64,
    /// Number of the store's newest change.
    pub sequence: u64,
    /// Whether it takes writes.
    pub writable: bool,
    /// Why it takes no writes.
    #[serde(default)]
    pub refusal: Option<String>,
    /// The failure after which it stopped taking writes.
    pub poisoned: Option<String>,
    /// Whether its secret is so short that it can be guessed.
    #[serde(default)]
    pub short_secret: bool,
    /// Whether it takes requests in the clear on an address beyond loopback.
    #[serde(default)]
    pub plaintext_tcp: bool,
    /// When its TLS certificate ends, Unix seconds; none without TLS.
    #[serde(default)]
    pub tls_not_after_s: Option<u64>,
    /// What is damaged; earlier versions do not tell.
    #[serde(default)]
    pub damage: Option<DamageStatus>,
    /// How its scrub stands; none in memory.
    #[serde(default)]
    pub scrub: Option<ScrubStatus>,
    /// What its tenants may use and do; earlier versions do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<QuotaStatus>,
    /// Its keys file, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysStatus>,
    /// Its own endpoint, when it was told one.
    #[serde(default)]
    pub advertise: Option<String>,
    /// All shards, as it was told.
    #[serde(default)]
    pub endpoints: Option<Vec<String>>,
    /// What it found when it asked the other shards who serves what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<OwnershipStatus>,
    /// The newest compaction that was asked for, since its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compaction: Option<CompactionStatus>,
    /// Complete checkpoints, oldest first.
    pub checkpoints: Vec<CheckpointStatus>,
    /// Seconds between automatic checkpoints, 0 for never.
    pub checkpoint_interval_s: u64,
    /// What it may take of memory, and holds of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryStatus>,
    /// What it does, counted since its start; earlier versions do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadStatus>,
    /// `owner` or `standby`, where several processes could serve its store, or `replica`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Who serves the store then, as far as it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerStatus>,
    /// Of a replica: milliseconds since it looked for the last time and found everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staleness_ms: Option<u64>,
    /// The stand-bys that the owner sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standbys: Vec<OwnerStatus>,
    /// Milliseconds since the owner has renewed its lease; none once it is lost or given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_age_ms: Option<u64>,
}

/// The keys file of a shard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeysStatus {
    /// Its path.
    pub file: String,
    /// Entries in it.
    pub keys: u64,
    /// When it was read, Unix milliseconds.
    pub read_ms: u64,
    /// Why it could not be read again: the keys are those of before.
    pub error: Option<String>,
    /// Whether requests that name no key are taken with the shared secret.
    pub default: bool,
    /// Keys with two secrets, by what metrics call them.
    #[serde(default)]
    pub rotating: BTreeMap<String, RotatingKey>,
}

/// A key with two secrets.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct RotatingKey {
    /// Since when the shard has both, Unix milliseconds.
    pub since_ms: u64,
    /// When the older one was used last since then.
    pub previous_used_ms: Option<u64>,
}

/// The memory of a shard, in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MemoryStatus {
    /// What all parts together may take.
    pub budget: u64,
    /// What is resident now.
    pub resident: u64,
    /// How often there was no room.
    pub refused: u64,
    /// By what it is for.
    pub parts: BTreeMap<String, MemoryPart>,
}

/// One part of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct MemoryPart {
    /// What it may take.
    pub budget: u64,
    /// What it holds, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
}

/// Graphs of a shard that two shards serve, or none, as it knows them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OwnershipStatus {
    /// Those that another shard serves too.
    pub two_owners: u64,
    /// Those that nobody serves.
    pub no_owner: u64,
    /// The names of the first of them.
    pub graphs: Vec<String>,
}

/// A compaction that was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CompactionStatus {
    /// Whether it goes on.
    pub running: bool,
    /// When it began, Unix milliseconds.
    pub begun_ms: u64,
    /// When it ended, Unix milliseconds.
    pub ended_ms: Option<u64>,
    /// Bytes stored when it began.
    pub bytes_before: u64,
    /// Bytes stored when it ended.
    pub bytes_after: Option<u64>,
    /// Why it did not get through.
    pub error: Option<String>,
}

/// One checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckpointStatus {
    /// Folder name; names sort by age.
    pub name: String,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// Bytes of its files, those shared with the store included.
    pub bytes: u64,
}
