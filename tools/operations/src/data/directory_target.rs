//! Loading into a store that this process has to itself.

use std::sync::Arc;

use anyhow::Result;
use epistemic_storage::graph::{self, Graph, GraphReader, Op};
use epistemic_storage::{Durability, GraphStore, Mutation};

use super::load::{LoadTarget, Write};
use super::source::Edge;

/// A graph of an open store.
pub struct DirectoryTarget {
    graphs: Arc<GraphStore>,
    graph: Arc<Graph>,
}

impl DirectoryTarget {
    /// The graph of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn open(graphs: Arc<GraphStore>, graph: &str) -> Result<Self> {
        let graph = graphs.graph(graph)?;
        Ok(Self { graphs, graph })
    }
}

impl LoadTarget for DirectoryTarget {
    fn nodes(&self, ids: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        let view = self.graphs.read_view();
        let nodes = GraphReader::new(&*view, &self.graph).nodes(ids)?;
        Ok(nodes.into_iter().map(|node| node.map(|node| node.properties)).collect())
    }

    fn edges(&self, pairs: &[(&str, &str)]) -> Result<Vec<Vec<Vec<u8>>>> {
        let view = self.graphs.read_view();
        let reader = GraphReader::new(&*view, &self.graph);
        let between = |(source, target): &(&str, &str)| {
            let edges = reader.edges_between(source, target)?;
            Ok(edges.into_iter().map(|edge| edge.properties).collect())
        };
        pairs.iter().map(between).collect()
    }

    fn write(&self, writes: &[Write]) -> Result<(), (usize, anyhow::Error)> {
        let name = Arc::clone(self.graph.name());
        let write = |write: &Write| graph::Write { graph: Arc::clone(&name), op: op(write) };
        let writes: Vec<_> = writes.iter().map(write).collect();
        let done = self.graphs.commit(&writes, Durability::Sync);
        let failed = done.into_iter().enumerate().find_map(|(index, done)| Some((index, done.err()?)));
        failed.map_or(Ok(()), |(index, error)| Err((index, error.into())))
    }
}

fn op(write: &Write) -> Op {
    Op::One(match write.clone() {
        Write::Node { id, properties } => Mutation::AddNode { id, properties },
        Write::Edge(Edge { source, target, properties }) => Mutation::AddEdge { source, target, properties },
        Write::Embedding { node, components } => {
            let components = components.iter().flat_map(|component| component.to_le_bytes()).collect();
            Mutation::AddEmbedding { node, components }
        }
    })
}
