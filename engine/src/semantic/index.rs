//! The embeddings of one state of a graph, in memory, by length.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{Match, SemanticError, kernel, rows::Rows};
use crate::{analytics::Cancel, graph_cache::Kept};

/// Embeddings by length. Zero vectors, which have no direction, are left out.
#[derive(Clone)]
pub(crate) struct Index {
    /// The index holds every change up to this one.
    pub(super) sequence: u64,
    by_length: BTreeMap<usize, Rows>,
    places: HashMap<Arc<str>, Place>,
}

/// Where the embedding of a node is.
#[derive(Clone, Copy)]
struct Place {
    dimension: u32,
    row: u32,
}

impl Index {
    /// An empty index with room for embeddings that have so many components together.
    pub(super) fn new(sequence: u64, vectors: usize, components: usize) -> Self {
        // Most graphs have embeddings of one length, and others need a little more time.
        let expected = components.checked_div(vectors).filter(|length| length * vectors == components);
        let rows = expected.map(|length| (length, Rows::new(length, vectors)));
        Self {
            sequence,
            by_length: rows.into_iter().filter(|(length, _)| *length > 0).collect(),
            places: HashMap::with_capacity(vectors),
        }
    }

    /// Bytes of an index in memory.
    pub(super) fn estimate(vectors: u64, components: u64) -> usize {
        const WITHOUT_COMPONENTS: u64 = 120;
        let others = vectors.saturating_mul(WITHOUT_COMPONENTS);
        usize::try_from(components.saturating_mul(4).saturating_add(others)).unwrap_or(usize::MAX)
    }

    /// Number of embeddings.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Number of embeddings of one length.
    pub(crate) fn len_of(&self, dimension: usize) -> usize {
        self.by_length.get(&dimension).map_or(0, Rows::len)
    }

    pub(super) fn lengths(&self) -> impl Iterator<Item = &Rows> {
        self.by_length.values().filter(|rows| rows.len() > 0)
    }

    /// The embeddings of a length that there is.
    pub(super) fn rows(&self, dimension: usize) -> &Rows {
        &self.by_length[&dimension]
    }

    /// Adds a stored embedding or puts it in place of the node's old one.
    pub(super) fn set(&mut self, id: &str, stored: &[u8]) {
        let components = kernel::components(stored);
        let dimension = components.len();
        let old = self.places.get(id).copied();
        if old.is_some_and(|old| old.dimension as usize != dimension) {
            self.remove(id);
        }
        if components.into_iter().all(|component| component == 0.0) {
            return self.remove(id);
        }
        let rows = self.by_length.entry(dimension).or_insert_with(|| Rows::new(dimension, 0));
        let row = match self.places.get(id) {
            Some(place) => place.row,
            None => {
                let id: Arc<str> = id.into();
                let row = rows.add(Arc::clone(&id));
                self.places.insert(id, Place { dimension: dimension as u32, row });
                row
            }
        };
        rows.set(row, stored);
    }

    /// Drops the node's embedding, if there is one.
    pub(super) fn remove(&mut self, id: &str) {
        let Some(place) = self.places.remove(id) else { return };
        let dimension = place.dimension as usize;
        let Some(rows) = self.by_length.get_mut(&dimension) else { return };
        if let Some(moved) = rows.remove(place.row)
            && let Some(moved) = self.places.get_mut(moved)
        {
            *moved = place;
        }
        if rows.len() == 0 {
            self.by_length.remove(&dimension);
        }
    }

    /// The nodes with the highest cosines to the query among the embeddings of its length, at most `count`, best first.
    /// Parallel on the calling pool.
    pub(crate) fn search(
        &self,
        query: &[f32],
        count: usize,
        cancel: &Cancel,
    ) -> Result<Vec<Match<&str>>, SemanticError> {
        match self.by_length.get(&query.len()) {
            Some(rows) => rows.search(query, count, cancel),
            None => Ok(Vec::new()),
        }
    }
}

impl Kept for Arc<Index> {
    fn bytes(&self) -> usize {
        const PLACE: usize = 512;
        const ID: usize = size_of::<Arc<str>>() + size_of::<Place>() + 24;
        let ids: usize = self.places.keys().map(|id| ID + id.len()).sum();
        PLACE + ids + self.by_length.values().map(Rows::bytes).sum::<usize>()
    }
}
