//! A snapshot file: whatever is asked, it is read from its beginning.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::records::{Item, Records};
use super::source::{Direction, Each, Edge, GraphSource, Summary};
use crate::encryption::{Keys, StoredSnapshot};

/// The graph in a snapshot file.
pub struct SnapshotFile {
    path: PathBuf,
    keys: Keys,
    place: String,
    graph: String,
    summary: Summary,
}

impl SnapshotFile {
    /// Reads the header.
    ///
    /// # Errors
    /// The file cannot be read, or is no snapshot.
    pub fn open(path: &Path, keys: &Keys) -> Result<Self> {
        let place = path.display().to_string();
        let records = records(path, keys)?;
        let (graph, summary) = (records.header().graph.clone(), records.summary());
        Ok(Self { path: path.to_owned(), keys: keys.clone(), place, graph, summary })
    }

    /// Calls `each` with all items until it says stop.
    fn for_each(&self, each: &mut Each<'_, Item>) -> Result<()> {
        let mut records = records(&self.path, &self.keys)?;
        while let Some(item) = records.next_item().with_context(|| self.place.clone())? {
            if each(item)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Calls `each` with the edges, until it says stop or there are no more.
    fn for_each_edge(&self, each: &mut Each<'_, Edge>) -> Result<()> {
        self.for_each(&mut |item| match item {
            Item::Node { .. } => Ok(ControlFlow::Continue(())),
            Item::Edge(edge) => each(edge),
            Item::Ledger { .. } | Item::Embedding { .. } => Ok(ControlFlow::Break(())),
        })
    }
}

fn records(path: &Path, keys: &Keys) -> Result<Records<StoredSnapshot>> {
    Records::open(StoredSnapshot::open(path, keys)?).with_context(|| path.display().to_string())
}

impl GraphSource for SnapshotFile {
    fn place(&self) -> &str {
        &self.place
    }

    fn graph(&self) -> &str {
        &self.graph
    }

    fn summary(&self) -> Result<Summary> {
        Ok(self.summary.clone())
    }

    fn stream(&self) -> Result<Box<dyn Read + Send>> {
        Ok(Box::new(StoredSnapshot::open(&self.path, &self.keys)?))
    }

    fn node(&self, id: &str) -> Result<Option<Vec<u8>>> {
        let mut found = None;
        self.for_each(&mut |item| match item {
            Item::Node { id: other, .. } if other.as_str() < id => Ok(ControlFlow::Continue(())),
            Item::Node { id: other, properties } => {
                found = (other == id).then_some(properties);
                Ok(ControlFlow::Break(()))
            }
            Item::Edge(_) | Item::Ledger { .. } | Item::Embedding { .. } => Ok(ControlFlow::Break(())),
        })?;
        Ok(found)
    }

    fn edges_between(&self, source: &str, target: &str) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        self.for_each_edge(&mut |edge| {
            if (edge.source.as_str(), edge.target.as_str()) == (source, target) {
                found.push(edge.properties);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    fn edges_at(&self, node: &str, direction: Direction, each: &mut Each<'_, Edge>) -> Result<()> {
        self.for_each_edge(&mut |edge| {
            let end = match direction {
                Direction::Out => &edge.source,
                Direction::In => &edge.target,
            };
            if end == node { each(edge) } else { Ok(ControlFlow::Continue(())) }
        })
    }

    fn ledger(&self, after: u64, each: &mut Each<'_, (u64, Vec<u8>)>) -> Result<()> {
        self.for_each(&mut |item| match item {
            Item::Node { .. } | Item::Edge(_) => Ok(ControlFlow::Continue(())),
            Item::Ledger { sequence, .. } if sequence <= after => Ok(ControlFlow::Continue(())),
            Item::Ledger { sequence, record } => each((sequence, record)),
            Item::Embedding { .. } => Ok(ControlFlow::Break(())),
        })
    }
}
