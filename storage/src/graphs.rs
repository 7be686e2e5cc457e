//! The convenient way in, for programs that embed the storage: graphs by name, properties as any serde type.

use std::{ops::Deref, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

#[cfg(feature = "rocksdb")]
use crate::{datadir::DataDir, rocks::RocksOptions};
use crate::{
    graph::{Graph, GraphError, GraphStore, GraphType, Mutation, Op},
    memory::MemoryStore,
    properties,
};

/// The graphs of a data directory or of memory, with the directory that they lie in: it is owned as long as this is held.
///
/// Dereferences to [`GraphStore`], which has everything else: groups of writes, views, snapshots, moves. All methods block;
/// share it by `Arc`.
///
/// ```
/// # #[cfg(feature = "rocksdb")] {
/// use epistemic_storage::{Graphs, RocksOptions};
///
/// let folder = tempfile::tempdir()?;
/// let graphs = Graphs::open_dir(folder.path().join("data"), &RocksOptions::default())?;
/// let notes = graphs.create("notes")?;
/// notes.add_node("a", &serde_json::json!({ "type": "note" }))?;
/// drop(graphs);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Graphs {
    // Fields are dropped in this order: the directory is given up when the store is closed.
    graphs: GraphStore,
    #[cfg(feature = "rocksdb")]
    directory: Option<DataDir>,
}

impl Graphs {
    /// New and empty ones, which end with the process.
    ///
    /// # Errors
    /// None that are to be expected.
    pub fn in_memory() -> Result<Self, GraphError> {
        Ok(Self {
            graphs: GraphStore::open(MemoryStore::new())?,
            #[cfg(feature = "rocksdb")]
            directory: None,
        })
    }

    /// Takes ownership of the data directory `path` and opens its graphs; creates it when it is missing or empty. Blocks while
    /// the log of an earlier run is replayed.
    ///
    /// # Errors
    /// As [`DataDir::open_store`], another owner above all ([`crate::StoreError::Locked`]).
    #[cfg(feature = "rocksdb")]
    pub fn open_dir(path: impl AsRef<std::path::Path>, options: &RocksOptions) -> Result<Self, GraphError> {
        let (directory, store) = DataDir::open_store(path.as_ref(), options)?;
        Ok(Self { graphs: GraphStore::open(store)?, directory: Some(directory) })
    }

    /// The directory, for its identity and for checkpoints; none in memory.
    #[cfg(feature = "rocksdb")]
    pub fn directory(&self) -> Option<&DataDir> {
        self.directory.as_ref()
    }

    /// Creates a graph. Durable on return.
    ///
    /// # Errors
    /// [`GraphError::GraphExists`]; those of [`GraphStore::write`].
    pub fn create(&self, name: &str) -> Result<NamedGraph<'_>, GraphError> {
        self.graphs.write(name, Op::Create { kind: GraphType::Agent, owner: None, tenant: None })?;
        self.get(name)
    }

    /// The graph of this exact name.
    ///
    /// # Errors
    /// [`GraphError::GraphNotFound`]; those of [`GraphStore::graph`].
    pub fn get(&self, name: &str) -> Result<NamedGraph<'_>, GraphError> {
        Ok(NamedGraph { graphs: &self.graphs, graph: self.graphs.graph(name)? })
    }
}

impl Deref for Graphs {
    type Target = GraphStore;

    fn deref(&self) -> &GraphStore {
        &self.graphs
    }
}

/// One graph. Writes are durable on return; reads see the newest state, each call for itself. Held while the graph is deleted
/// or replaced, it goes on reading the old one.
pub struct NamedGraph<'g> {
    graphs: &'g GraphStore,
    graph: Arc<Graph>,
}

impl NamedGraph<'_> {
    /// Adds a node or replaces its properties, which are to be a map or a struct; its edges stay.
    ///
    /// # Errors
    /// [`GraphError::BadProperties`] when they cannot be encoded; those of [`GraphStore::write`].
    pub fn add_node(&self, id: &str, properties: &impl Serialize) -> Result<(), GraphError> {
        self.write(Mutation::AddNode { id: id.into(), properties: encoded(properties)? })
    }

    /// The properties of a node; none without such a node.
    ///
    /// # Errors
    /// [`GraphError::BadProperties`] when they are no `T`; those of the store.
    pub fn node<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>, GraphError> {
        self.graphs.latest(&self.graph).node(id)?.map(|node| decoded(&node.properties)).transpose()
    }

    /// Removes a node, its edges and its embedding; a missing node is fine.
    ///
    /// # Errors
    /// Those of [`GraphStore::write`].
    pub fn remove_node(&self, id: &str) -> Result<(), GraphError> {
        self.write(Mutation::RemoveNode { id: id.into() })
    }

    /// Adds a (parallel) edge between two nodes that are there.
    ///
    /// # Errors
    /// [`GraphError::SourceNotFound`], [`GraphError::TargetNotFound`]; as [`NamedGraph::add_node`].
    pub fn add_edge(
        &self,
        source: &str,
        target: &str,
        properties: &impl Serialize,
    ) -> Result<(), GraphError> {
        let (source, target) = (source.into(), target.into());
        self.write(Mutation::AddEdge { source, target, properties: encoded(properties)? })
    }

    /// The properties of all parallel edges of an ordered pair, oldest first.
    ///
    /// # Errors
    /// As [`NamedGraph::node`].
    pub fn edges<T: DeserializeOwned>(&self, source: &str, target: &str) -> Result<Vec<T>, GraphError> {
        let edges = self.graphs.latest(&self.graph).edges_between(source, target)?;
        edges.iter().map(|edge| decoded(&edge.properties)).collect()
    }

    /// Removes all edges of an ordered pair; a missing edge is fine.
    ///
    /// # Errors
    /// Those of [`GraphStore::write`].
    pub fn remove_edges(&self, source: &str, target: &str) -> Result<(), GraphError> {
        self.write(Mutation::RemoveEdge { source: source.into(), target: target.into() })
    }

    /// Targets of the edges that leave a node, newest edge first, one entry per edge.
    ///
    /// # Errors
    /// Those of the store.
    pub fn successors(&self, id: &str) -> Result<Vec<String>, GraphError> {
        Ok(self.graphs.latest(&self.graph).successors(id)?)
    }

    /// Number of nodes and of edges.
    pub fn size(&self) -> (u64, u64) {
        let counters = self.graph.counters();
        (counters.nodes, counters.edges)
    }

    fn write(&self, mutation: Mutation) -> Result<(), GraphError> {
        self.graphs.write(self.graph.name(), mutation.into()).map(drop)
    }
}

fn encoded(value: &impl Serialize) -> Result<Vec<u8>, GraphError> {
    properties::to_bytes(value).map_err(|error| GraphError::BadProperties(error.to_string()))
}

fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, GraphError> {
    properties::from_bytes(bytes).map_err(|error| GraphError::BadProperties(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        #[serde(rename = "type")]
        kind: String,
        text: String,
    }

    fn note(text: &str) -> Note {
        Note { kind: "note".into(), text: text.into() }
    }

    #[test]
    fn what_was_added_is_read_back_in_its_type() {
        let graphs = Graphs::in_memory().unwrap();
        let notes = graphs.create("notes").unwrap();
        notes.add_node("a", &note("first")).unwrap();
        notes.add_node("b", &note("second")).unwrap();
        notes.add_edge("a", "b", &note("edge")).unwrap();
        assert_eq!(notes.node::<Note>("a").unwrap(), Some(note("first")));
        assert_eq!(notes.node::<Note>("c").unwrap(), None);
        assert_eq!(notes.edges::<Note>("a", "b").unwrap(), [note("edge")]);
        assert_eq!((notes.successors("a").unwrap(), notes.size()), (vec!["b".to_owned()], (2, 1)));
        let labelled = graphs.latest(&graphs.graph("notes").unwrap()).ids_by_label("note", 0).unwrap();
        assert_eq!(labelled, ["a", "b"], "fields are those that labels are read from");
        notes.remove_edges("a", "b").unwrap();
        notes.remove_node("b").unwrap();
        assert_eq!(graphs.get("notes").unwrap().size(), (1, 0));
        assert!(matches!(notes.node::<u64>("a"), Err(GraphError::BadProperties(_))));
    }

    #[cfg(feature = "rocksdb")]
    #[test]
    fn a_directory_is_owned_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Graphs::open_dir(folder.path(), &RocksOptions::default());
        let graphs = open().unwrap();
        graphs.create("notes").unwrap().add_node("a", &note("kept")).unwrap();
        assert!(graphs.directory().is_some());
        let refused = open().map(drop).unwrap_err();
        assert!(matches!(refused, GraphError::Store(crate::StoreError::Locked { .. })), "{refused}");
        drop(graphs);
        assert_eq!(open().unwrap().get("notes").unwrap().node("a").unwrap(), Some(note("kept")));
    }
}
