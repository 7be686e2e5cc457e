//! What a run made, written last: a run without its manifest does not exist.
//!
//! A manifest is small however many graphs there are. Their entries are in layers: objects that hold what runs changed. A
//! run names all layers that lead to its state, those of earlier runs included, so that it needs no other manifest.

use serde::{Deserialize, Serialize};

use super::envelope;
use super::error::BackupError;
use super::line::Line;
use super::objects::Objects;
use super::sealed::{seal, unseal, version};
use crate::encryption::Keys;

/// Version of the manifest, of the layers and of what the objects are.
pub(crate) const VERSION: u32 = 2;
/// Version of the manifest of a run that is encrypted.
pub(crate) const ENCRYPTED: u32 = 3;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the form.
    pub version: u32,
    /// Name of the run; names sort by time.
    pub run: String,
    /// The store that was backed up: its identity, or for a store in memory a name made of its endpoint.
    pub store: String,
    /// Endpoint or directory that was backed up.
    pub source: String,
    /// When the run began, Unix milliseconds of the clock of the shard.
    pub started_ms: u64,
    /// When the manifest was written.
    pub finished_ms: u64,
    /// By how much that clock was ahead of that of the machine of `egctl`, milliseconds, when it could be asked.
    pub clock_ahead_ms: Option<i64>,
    /// All changes with an earlier time are in, of each graph whose entry does not say otherwise. Unix milliseconds of the
    /// clock of the shard.
    pub settled_ms: u64,
    /// The graphs that were meant; none for all.
    pub named: Vec<String>,
    /// Graphs in it.
    pub graphs: u64,
    /// Objects that this run wrote.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Identities and channels; none when the run was one of named graphs, and no run before had them.
    pub service: Option<Service>,
    /// Oldest first.
    pub layers: Vec<Layer>,
    /// For whom all of its objects are encrypted, sorted; empty when all of them are in the clear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// For whom the manifest and the layers are encrypted: the recipients, and whoever made the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<String>,
    /// The entries of a manifest of version 1, which has them in itself.
    #[serde(skip)]
    pub inline: Vec<Line>,
}

/// An object with entries of graphs, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Name of the object.
    pub object: String,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of the object.
    pub sha256: String,
    /// Entries in it.
    pub entries: u64,
    /// It is encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub age: bool,
}

/// Identities and channels of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Registered agents: above 0, access control was on.
    pub identities: u64,
    /// Open channels.
    pub channels: u64,
    /// Where the copy is.
    pub stored: Stored,
}

/// Bytes in an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Name of the object.
    pub object: String,
    /// How many, before compression.
    pub bytes: u64,
    /// SHA-256 of the bytes.
    pub sha256: String,
    /// Where they are in the object; without it they are all of the object, as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Packed>,
}

impl Stored {
    /// The byte of the object behind it.
    pub fn end(&self) -> u64 {
        self.packed.map_or(self.bytes, |packed| packed.offset + packed.bytes)
    }
}

/// A part of an object that was compressed, and then perhaps encrypted, on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packed {
    /// Where it begins in the object.
    pub offset: u64,
    /// Bytes as they are stored.
    pub bytes: u64,
    /// Their CRC-32C.
    pub crc32c: u32,
    /// They are encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub age: bool,
}

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Sequence number that it stands on; 0 for a full backup.
    pub after: u64,
    /// Sequence number of its newest change.
    pub sequence: u64,
    /// Time of the earliest change in an increment, or of the newest one in a full backup. Unix milliseconds.
    pub changed_ms: u64,
    /// SHA-256 of the ledger record of the newest change, when the ledger has it: by it a later run knows the graph again.
    pub newest_record: Option<String>,
    /// What the graph held at `sequence`.
    pub content: Content,
    /// Where the copy is.
    #[serde(flatten)]
    pub stored: Stored,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PieceKind {
    /// A snapshot stream.
    Full,
    /// Ledger records.
    Increment,
}

/// Counts and content digest of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Embeddings.
    pub vectors: u64,
    /// As in a snapshot's trailer.
    pub digest: String,
}

impl From<epistemic_storage::snapshot::Totals> for Content {
    fn from(totals: epistemic_storage::snapshot::Totals) -> Self {
        let epistemic_storage::snapshot::Totals { nodes, edges, vectors, digest, .. } = totals;
        Self { nodes, edges, vectors, digest }
    }
}

impl From<crate::hosts::Content> for Content {
    fn from(content: crate::hosts::Content) -> Self {
        let crate::hosts::Content { nodes, edges, vectors, digest, .. } = content;
        Self { nodes, edges, vectors, digest }
    }
}

impl Manifest {
    /// Whether all graphs of the store were meant.
    pub fn is_of_all(&self) -> bool {
        self.named.is_empty()
    }

    /// Fails when the content of its graphs is encrypted for others: to go on from a run one need not be able to read it.
    ///
    /// # Errors
    /// As said.
    pub fn must_open(&self, objects: &Objects) -> Result<(), BackupError> {
        let what = || format!("what run '{}' has of graphs", self.run);
        Ok(objects.keys().must_open(what, &self.recipients)?)
    }

    /// Whether its objects are.
    pub fn is_encrypted(&self) -> bool {
        !self.recipients.is_empty()
    }

    /// The stored form: in the clear, or for the readers among `keys`.
    pub(crate) fn encode(&self, keys: &Keys) -> anyhow::Result<Vec<u8>> {
        if self.is_encrypted() { envelope::close(self, keys) } else { Ok(seal(self)?) }
    }

    /// Reads the stored form of the manifest of `run` of `store`.
    ///
    /// # Errors
    /// It is damaged, of another version or of another run; it is encrypted, and `keys` do not open it.
    pub(crate) fn decode(store: &str, run: &str, bytes: &[u8], keys: &Keys) -> Result<Self, BackupError> {
        let bad = |reason: String| BackupError::BadManifest { run: run.to_owned(), reason };
        let manifest: Self = match version(bytes).map_err(bad)? {
            ENCRYPTED => envelope::open(run, bytes, keys)?,
            _ => unseal(VERSION, bytes).map_err(bad)?,
        };
        if (manifest.store.as_str(), manifest.run.as_str()) != (store, run) {
            return Err(bad(format!("it is that of run {:?} of store {:?}", manifest.run, manifest.store)));
        }
        Ok(manifest)
    }
}
