//! The graphs of a stopped directory, or of a checkpoint, as a source.

use std::io::Write;

use anyhow::Result;
use epistemic_storage::GraphStore;
use epistemic_storage::graph::{Changes, GraphError, GraphState};
use epistemic_storage::snapshot::{self, SnapshotError};

use super::manifest::Content;
use super::source::{Exported, Source, Told};
use crate::cli::{Count, Counted};

/// Graphs of a store of this process that nobody changes meanwhile.
pub(crate) struct GraphsSource<'g> {
    pub(crate) graphs: &'g GraphStore,
    pub(crate) place: String,
    pub(crate) store_id: Option<String>,
}

impl Source for GraphsSource<'_> {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn store_id(&self) -> Option<String> {
        self.store_id.clone()
    }

    fn graphs(&self) -> Result<Vec<(String, u64)>> {
        let about = |state: GraphState| state.nodes + state.edges + state.sequence;
        let graphs = self.graphs.graphs();
        Ok(graphs.iter().map(|graph| (graph.name().to_string(), about(graph.state()))).collect())
    }

    fn snapshot(&self, graph: &str, out: &mut dyn Write, progress: &mut Told<'_>) -> Result<Exported> {
        let found = self.graphs.graph(graph)?;
        let count = Count::default();
        let counted = Counted { stream: out, count: count.clone() };
        let exported = snapshot::export(self.graphs, &found, counted, &mut |records| {
            progress(count.bytes(), records);
        });
        let (header, totals) = exported.map_err(|error| self.in_graph(graph, error))?;
        // Nothing changes here, so the newest record is that of the snapshot.
        let newest = match self.changes(graph, header.sequence.saturating_sub(1), 1)? {
            Some(changes) => changes.records.into_iter().next().map(|(_, record)| record),
            None => None,
        };
        Ok(Exported { header, content: totals.into(), newest })
    }

    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Option<Changes>> {
        match self.graphs.changes(&*self.graphs.graph(graph)?, after, max_bytes) {
            Ok(changes) => Ok(Some(changes)),
            Err(GraphError::LedgerTruncated { .. }) => Ok(None),
            Err(error) => Err(self.in_graph(graph, error.into()).into()),
        }
    }

    fn content(&self, graph: &str) -> Result<(u64, Content)> {
        let found = self.graphs.graph(graph)?;
        let digested = snapshot::content_digest_of(self.graphs, &found);
        let (header, totals) = digested.map_err(|error| self.in_graph(graph, error))?;
        Ok((header.sequence, totals.into()))
    }
}

impl GraphsSource<'_> {
    /// Names the graph in an error of its store.
    fn in_graph(&self, graph: &str, error: SnapshotError) -> SnapshotError {
        match error {
            SnapshotError::Graph(GraphError::Store(error)) => {
                SnapshotError::Graph(self.graphs.damage(graph, error))
            }
            other @ (SnapshotError::Graph(_) | SnapshotError::Refused { .. } | SnapshotError::Stream(_)) => other,
        }
    }
}
