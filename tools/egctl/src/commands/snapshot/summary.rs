//! What is printed about a snapshot.

use std::io::{self, Write};
use std::path::PathBuf;

use epistemic_operations::names::shown;
use epistemic_storage::graph::GraphType;
use epistemic_storage::snapshot::{Header, Totals};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::commands::status::ago;
use crate::output::Report;

/// A snapshot that was written, read or checked as a whole.
#[derive(Serialize)]
pub(super) struct Summary {
    /// `exported`, `imported`, `intact`.
    pub(super) done: &'static str,
    pub(super) file: PathBuf,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// For whom the file is encrypted, if it was written so now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recipients: Vec<String>,
    /// Name of the graph where it is now: after an import the name it got.
    pub(super) graph: String,
    /// Endpoint or directory of the graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: GraphType,
    pub(super) owner: Option<String>,
    /// Number of the newest change in it.
    pub(super) sequence: u64,
    /// When it was taken, Unix milliseconds.
    pub(super) created_ms: u64,
    pub(super) nodes: u64,
    pub(super) edges: u64,
    /// Ledger records.
    pub(super) ledger: u64,
    /// Embeddings.
    pub(super) vectors: u64,
    /// SHA-256 of the content; equal for equal content, whatever the name.
    pub(super) digest: String,
}

impl Summary {
    /// About a snapshot in `file`.
    pub(super) fn new(done: &'static str, file: PathBuf, bytes: u64, header: Header, totals: Totals) -> Self {
        Self {
            done,
            file,
            bytes,
            recipients: Vec::new(),
            graph: header.graph,
            place: None,
            kind: header.kind,
            owner: header.owner,
            sequence: header.sequence,
            created_ms: header.created_ms,
            nodes: totals.nodes,
            edges: totals.edges,
            ledger: totals.ledger,
            vectors: totals.vectors,
            digest: totals.digest,
        }
    }

    /// For whom the file is encrypted.
    pub(super) fn for_recipients(self, recipients: Vec<String>) -> Self {
        Self { recipients, ..self }
    }

    /// Where the graph is.
    pub(super) fn at(mut self, place: impl ToString) -> Self {
        self.place = Some(place.to_string());
        self
    }
}

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}  {}  ({})", self.done, self.file.display(), HumanBytes(self.bytes))?;
        self.recipients.iter().try_for_each(|recipient| writeln!(out, "  encrypted for {recipient}"))?;
        writeln!(out, "  graph     {}  ({})", shown(&self.graph), self.kind.name())?;
        if let Some(place) = &self.place {
            writeln!(out, "  place     {place}")?;
        }
        writeln!(out, "  content   {} nodes, {} edges", HumanCount(self.nodes), HumanCount(self.edges))?;
        let (ledger, vectors) = (HumanCount(self.ledger), HumanCount(self.vectors));
        writeln!(out, "            {ledger} ledger records, {vectors} embeddings")?;
        writeln!(out, "  sequence  {}, taken {}", self.sequence, ago(self.created_ms))?;
        writeln!(out, "  digest    {}", self.digest)
    }
}
