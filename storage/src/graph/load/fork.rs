//! Copies of graphs.

use crate::{
    error::StoreError,
    graph::{
        catalog::graph::Graph, error::GraphError, load::loaded::LoadedGraph, read::reader::GraphReader,
        store::GraphStore,
    },
};

impl GraphStore {
    /// Loads a copy of all records of `graph` from one read view: nodes, edges, ledger and embeddings, with their sequence
    /// numbers. Nobody sees it until [`crate::graph::Op::Install`] commits it. Blocks while everything is read and written;
    /// `keep_going` is asked for every record.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when `keep_going` says no; nothing is left behind then.
    pub fn fork(&self, graph: &Graph, keep_going: &dyn Fn() -> bool) -> Result<LoadedGraph, GraphError> {
        let view = self.view();
        let reader = GraphReader::new(&*view, graph);
        let state = reader.state()?;
        let go = || if keep_going() { Ok(()) } else { Err(StoreError::Stopped) };
        let mut loader = self.load();
        reader.for_each_node(|id, sequence, properties| {
            go().and_then(|()| loader.node(id, sequence, properties))
        })?;
        reader.for_each_edge(|source, target, sequence, properties| {
            go().and_then(|()| loader.edge(source, target, sequence, properties))
        })?;
        reader.for_each_ledger(0, |sequence, record| {
            go().and_then(|()| loader.ledger(sequence, record.to_vec()))
        })?;
        reader.for_each_vector(|node, components| go().and_then(|()| loader.vector(node, components)))?;
        let mut loaded = loader.finish()?;
        loaded.set_sequence(state.sequence, state.complete_from);
        Ok(loaded)
    }
}
