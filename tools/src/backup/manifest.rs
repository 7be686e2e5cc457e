//! What a run of a backup made, written last: a run without its manifest does not exist.
//!
//! ```text
//! {"sha256": SHA-256 of the bytes of the value of "manifest", "manifest": {...}}
//! ```

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::error::BackupError;

/// Version of the manifest, of the layout and of what the objects are.
pub(crate) const VERSION: u32 = 1;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    /// Name of the run; names sort by time.
    pub(crate) run: String,
    /// When the run began, Unix milliseconds.
    pub(crate) started_ms: u64,
    /// When the manifest was written.
    pub(crate) finished_ms: u64,
    /// Endpoint or directory that was backed up.
    pub(crate) source: String,
    /// Identity of its store; none in memory.
    pub(crate) store_id: Option<String>,
    /// Whether all graphs were meant, not some by name.
    pub(crate) all_graphs: bool,
    pub(crate) graphs: Vec<GraphEntry>,
}

/// One graph of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GraphEntry {
    /// Exact name.
    pub(crate) name: String,
    /// When its newest change was asked for: the chain tells all changes before this time. Unix
    /// milliseconds.
    pub(crate) taken_ms: u64,
    /// A full backup and the increments on it, oldest first.
    pub(crate) chain: Vec<Piece>,
    /// The chain before, up to where this one begins, when this run began a new one and the old one could be ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ended: Vec<Piece>,
}

/// One object of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Piece {
    /// Its name in the backup.
    pub(crate) object: String,
    pub(crate) kind: PieceKind,
    /// Sequence number that it stands on; 0 for a full backup.
    pub(crate) after: u64,
    /// Sequence number of its newest change.
    pub(crate) sequence: u64,
    /// Time of the earliest change in an increment, or of the newest one in a full backup. Unix milliseconds.
    pub(crate) changed_ms: u64,
    /// SHA-256 of the ledger record of the newest change, when the ledger has it: by it a later run knows the graph again.
    pub(crate) newest_record: Option<String>,
    pub(crate) bytes: u64,
    /// SHA-256 of the object.
    pub(crate) sha256: String,
    /// What the graph held at `sequence`.
    pub(crate) content: Content,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PieceKind {
    /// A snapshot stream.
    Full,
    /// Ledger records.
    Increment,
}

/// Counts and content digest of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    pub(crate) nodes: u64,
    pub(crate) edges: u64,
    pub(crate) vectors: u64,
    /// As in a snapshot's trailer.
    pub(crate) digest: String,
}

impl From<epistemic_storage::snapshot::Totals> for Content {
    fn from(totals: epistemic_storage::snapshot::Totals) -> Self {
        let epistemic_storage::snapshot::Totals { nodes, edges, vectors, digest, .. } = totals;
        Self { nodes, edges, vectors, digest }
    }
}

impl From<crate::moves::Content> for Content {
    fn from(content: crate::moves::Content) -> Self {
        let crate::moves::Content { nodes, edges, vectors, digest, .. } = content;
        Self { nodes, edges, vectors, digest }
    }
}

impl Manifest {
    /// The entry of a graph.
    pub(crate) fn graph(&self, name: &str) -> Option<&GraphEntry> {
        self.graphs.iter().find(|graph| graph.name == name)
    }

    /// All objects that a restore of this run may read, repeats included.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.graphs.iter().flat_map(|graph| graph.chain.iter().chain(&graph.ended))
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let manifest = serde_json::value::to_raw_value(self)?;
        let sha256 = hex::encode(Sha256::digest(manifest.get()));
        serde_json::to_vec(&Sealed { sha256, manifest })
    }

    /// Reads the stored form of the manifest of `run`.
    ///
    /// # Errors
    /// It is damaged, of another version or of another run.
    pub(crate) fn decode(run: &str, bytes: &[u8]) -> Result<Self, BackupError> {
        let bad = |reason: String| BackupError::BadManifest { run: run.to_owned(), reason };
        let sealed: Sealed = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        let sha256 = hex::encode(Sha256::digest(sealed.manifest.get()));
        if sha256 != sealed.sha256 {
            return Err(bad(format!("its SHA-256 is {sha256}, it says {}: damaged", sealed.sha256)));
        }
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let text = sealed.manifest.get();
        let Versioned { version } = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        if version != VERSION {
            return Err(bad(format!("it has version {version}, this program reads version {VERSION}")));
        }
        let manifest: Self = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        if manifest.run != run {
            return Err(bad(format!("it is that of run {:?}", manifest.run)));
        }
        manifest.graphs.iter().try_for_each(GraphEntry::check).map_err(bad)?;
        Ok(manifest)
    }
}

impl GraphEntry {
    /// Whether its pieces make chains.
    fn check(&self) -> Result<(), String> {
        check_chain(&self.chain).map_err(|reason| format!("graph {:?}: {reason}", self.name))?;
        if self.ended.is_empty() {
            return Ok(());
        }
        check_chain(&self.ended).map_err(|reason| format!("graph {:?}: {reason}", self.name))
    }
}

fn check_chain(chain: &[Piece]) -> Result<(), String> {
    let first = chain.first().ok_or("its chain is empty")?;
    if first.kind != PieceKind::Full {
        return Err("its chain does not begin with a full backup".to_owned());
    }
    for (before, piece) in chain.iter().zip(&chain[1..]) {
        if piece.kind != PieceKind::Increment
            || piece.after != before.sequence
            || piece.sequence <= piece.after
        {
            let Piece { object, after, sequence, .. } = piece;
            return Err(format!(
                "'{object}' with the changes behind {after} up to {sequence} does not follow '{}', which ends with {}",
                before.object, before.sequence
            ));
        }
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    sha256: String,
    manifest: Box<RawValue>,
}
