//! A graph in a store that this process has to itself.

use std::io::Read;
use std::sync::Arc;

use anyhow::Result;
use epistemic_storage::graph::{Graph, GraphReader};
use epistemic_storage::snapshot::{Ledger, export_parts};
use epistemic_storage::{GraphStore, StoreError};

use super::source::{Direction, Each, Edge, GraphSource, Summary};
use crate::hosts::Stream;

/// Records that are looked at in one call of the ledger.
const PAGE_BYTES: usize = 1 << 20;

/// A graph of an open store.
pub struct DirectorySource {
    place: String,
    graphs: Arc<GraphStore>,
    graph: Arc<Graph>,
}

impl DirectorySource {
    /// The graph of this name at `place`, which is what the store is called in messages.
    ///
    /// # Errors
    /// There is none.
    pub fn open(place: impl Into<String>, graphs: Arc<GraphStore>, graph: &str) -> Result<Self> {
        let graph = graphs.graph(graph)?;
        Ok(Self { place: place.into(), graphs, graph })
    }

    /// Runs reads on the newest state.
    fn read<T>(&self, work: impl FnOnce(&GraphReader<'_>) -> Result<T, StoreError>) -> Result<T> {
        let view = self.graphs.read_view();
        work(&GraphReader::new(&*view, &self.graph)).map_err(anyhow::Error::from)
    }
}

impl GraphSource for DirectorySource {
    fn place(&self) -> &str {
        &self.place
    }

    fn graph(&self) -> &str {
        self.graph.name()
    }

    fn summary(&self) -> Result<Summary> {
        let state = self.graph.counters();
        Ok(Summary {
            kind: self.graph.kind().name().to_owned(),
            owner: self.graph.owner().map(|owner| owner.to_string()),
            nodes: state.nodes,
            edges: state.edges,
            sequence: state.sequence,
            ledger_from: Some(state.complete_from),
        })
    }

    fn stream(&self) -> Result<Box<dyn Read + Send>> {
        let (graphs, graph) = (Arc::clone(&self.graphs), Arc::clone(&self.graph));
        Ok(Box::new(Stream::of(move |writer| {
            Ok(export_parts(&graphs, &graph, Ledger::LeftOut, writer, &mut |_| {}).map(drop)?)
        })?))
    }

    fn node(&self, id: &str) -> Result<Option<Vec<u8>>> {
        self.read(|reader| Ok(reader.node(id)?.map(|node| node.properties)))
    }

    fn edges_between(&self, source: &str, target: &str) -> Result<Vec<Vec<u8>>> {
        let edges = self.read(|reader| reader.edges_between(source, target))?;
        Ok(edges.into_iter().map(|edge| edge.properties).collect())
    }

    fn edges_at(&self, node: &str, direction: Direction, each: &mut Each<'_, Edge>) -> Result<()> {
        let view = self.graphs.read_view();
        let reader = GraphReader::new(&*view, &self.graph);
        let mut others = match direction {
            Direction::Out => reader.successors(node)?,
            Direction::In => reader.predecessors(node)?,
        };
        others.sort_unstable();
        others.dedup();
        for other in others {
            let (source, target) = match direction {
                Direction::Out => (node, other.as_str()),
                Direction::In => (other.as_str(), node),
            };
            for edge in reader.edges_between(source, target)? {
                let (source, target) = (source.to_owned(), target.to_owned());
                if each(Edge { source, target, properties: edge.properties })?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn ledger(&self, after: u64, each: &mut Each<'_, (u64, Vec<u8>)>) -> Result<()> {
        let mut after = after;
        loop {
            let changes = self.graphs.changes(&self.graph, after, PAGE_BYTES)?;
            let Some((last, _)) = changes.records.last() else { return Ok(()) };
            after = *last;
            for change in changes.records {
                if each(change)?.is_break() {
                    return Ok(());
                }
            }
        }
    }
}
