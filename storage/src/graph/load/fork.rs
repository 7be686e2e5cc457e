//! Copies of graphs.

use crate::{
    error::{Result, StoreError},
    graph::{catalog::graph::Graph, load::loaded::LoadedGraph, read::reader::GraphReader, store::GraphStore},
};

impl GraphStore {
    /// Loads a copy of all records of `graph` from one read view: nodes, edges, ledger and embeddings, with their sequence
    /// numbers. Nobody sees it until [`crate::graph::Op::Install`] commits it. Blocks while everything is read and written.
    ///
    /// # Errors
    /// Those of the store; nothing is left behind then.
    pub fn fork(&self, graph: &Graph) -> Result<LoadedGraph> {
        self.fork_while(graph, || Ok(()))
    }

    /// As [`GraphStore::fork`]; `go_on` is asked at every record.
    ///
    /// # Errors
    /// Those of the store, and the first of `go_on`; nothing is left behind then.
    pub fn fork_while<E: From<StoreError>>(
        &self,
        graph: &Graph,
        go_on: impl Fn() -> Result<(), E>,
    ) -> Result<LoadedGraph, E> {
        let view = self.read_view();
        let reader = GraphReader::new(&*view, graph);
        let counters = reader.counters()?;
        let mut loader = self.load();
        reader.for_each_node(|id, sequence, properties| {
            go_on()?;
            Ok::<_, E>(loader.node(id, sequence, properties)?)
        })?;
        reader.for_each_edge(|source, target, sequence, properties| {
            go_on()?;
            Ok::<_, E>(loader.edge(source, target, sequence, properties)?)
        })?;
        reader.for_each_ledger(0, |sequence, record| {
            go_on()?;
            Ok::<_, E>(loader.ledger(sequence, record.to_vec())?)
        })?;
        reader.for_each_embedding(|node, components| {
            go_on()?;
            Ok::<_, E>(loader.embedding(node, components)?)
        })?;
        let mut loaded = loader.finish()?;
        loaded.set_sequence(counters.sequence, counters.complete_from);
        Ok(loaded)
    }
}
