//! A stopped persist directory or a checkpoint as a source.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use epistemic_storage::datadir::Identity;
use epistemic_storage::graph::{Changes, GraphError, GraphState};
use epistemic_storage::snapshot::{self, SnapshotError};

use super::manifest::Content;
use super::source::{Exported, Source, Told};
use crate::cli::{Count, Counted, Directory};

/// Graphs of a directory that no server uses meanwhile.
pub(crate) struct DirectorySource {
    path: PathBuf,
    store_id: Option<String>,
    directory: Directory,
}

impl DirectorySource {
    /// Opens it for reading.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let directory = Directory::open_read_only(&path)?;
        let store_id = Identity::load(&path)?.map(|identity| identity.store_id);
        Ok(Self { path, store_id, directory })
    }
}

impl Source for DirectorySource {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn store_id(&self) -> Option<String> {
        self.store_id.clone()
    }

    fn graphs(&self) -> Result<Vec<(String, u64)>> {
        let graphs = self.directory.graphs.graphs();
        let about = |state: GraphState| state.nodes + state.edges + state.sequence;
        Ok(graphs.iter().map(|graph| (graph.name().to_string(), about(graph.state()))).collect())
    }

    fn snapshot(&self, graph: &str, out: &mut dyn Write, progress: &mut Told<'_>) -> Result<Exported> {
        let graphs = &self.directory.graphs;
        let found = graphs.graph(graph)?;
        let count = Count::default();
        let counted = Counted { stream: out, count: count.clone() };
        let exported = snapshot::export(graphs, &found, counted, &mut |records| {
            progress(count.bytes(), records);
        });
        let (header, totals) = exported.map_err(|error| in_graph(graphs, graph, error))?;
        // Nothing changes here, so the newest record is that of the snapshot.
        let newest = match self.changes(graph, header.sequence.saturating_sub(1), 1)? {
            Some(changes) => changes.records.into_iter().next().map(|(_, record)| record),
            None => None,
        };
        Ok(Exported { header, content: totals.into(), newest })
    }

    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Option<Changes>> {
        let graphs = &self.directory.graphs;
        match graphs.changes(&*graphs.graph(graph)?, after, max_bytes) {
            Ok(changes) => Ok(Some(changes)),
            Err(GraphError::LedgerTruncated { .. }) => Ok(None),
            Err(error) => Err(in_graph(graphs, graph, error.into()).into()),
        }
    }

    fn content(&self, graph: &str) -> Result<(u64, Content)> {
        let graphs = &self.directory.graphs;
        let found = graphs.graph(graph)?;
        let digested = snapshot::content_digest_of(graphs, &found);
        let (header, totals) = digested.map_err(|error| in_graph(graphs, graph, error))?;
        Ok((header.sequence, totals.into()))
    }
}

/// Names the graph in an error of its store.
fn in_graph(graphs: &epistemic_storage::GraphStore, graph: &str, error: SnapshotError) -> SnapshotError {
    match error {
        SnapshotError::Graph(GraphError::Store(error)) => SnapshotError::Graph(graphs.damage(graph, error)),
        other @ (SnapshotError::Graph(_) | SnapshotError::Refused { .. } | SnapshotError::Stream(_)) => other,
    }
}
