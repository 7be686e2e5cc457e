//! The embeddings of one state of a graph, in memory, one behind the other.

use std::{collections::HashMap, sync::Arc};

use rayon::prelude::*;

use super::{
    Match, SemanticError,
    best::{self, Best},
    kernel,
};
use crate::{
    analytics::{Cancel, Cancelled},
    graph_cache::Kept,
};

/// Components looked at between two looks at whether anybody still waits: below a millisecond.
const COMPONENTS_PER_STEP: usize = 1 << 20;

/// Embeddings by row. Zero vectors, which have no direction, are left out.
#[derive(Clone)]
pub(crate) struct Index {
    /// The index holds every change up to this one.
    pub(super) sequence: u64,
    pub(super) dimension: usize,
    /// Components of all rows, each row scaled by a power of two.
    rows: Vec<f32>,
    norms: Vec<f64>,
    ids: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32>,
}

impl Index {
    /// An empty index with room for so many rows.
    pub(super) fn new(sequence: u64, dimension: usize, rows: usize) -> Self {
        Self {
            sequence,
            dimension,
            rows: Vec::with_capacity(rows * dimension),
            norms: Vec::with_capacity(rows),
            ids: Vec::with_capacity(rows),
            places: HashMap::with_capacity(rows),
        }
    }

    /// Bytes of an index in memory.
    pub(super) fn estimate(rows: u64, dimension: u64) -> usize {
        const ROW_WITHOUT_COMPONENTS: u64 = 120;
        let row = dimension.saturating_mul(4).saturating_add(ROW_WITHOUT_COMPONENTS);
        usize::try_from(rows.saturating_mul(row)).unwrap_or(usize::MAX)
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.norms.len()
    }

    pub(super) fn rows(&self) -> &[f32] {
        &self.rows
    }

    pub(super) fn row(&self, row: u32) -> &[f32] {
        &self.rows[row as usize * self.dimension..][..self.dimension]
    }

    pub(super) fn norms(&self) -> &[f64] {
        &self.norms
    }

    /// The node of a row.
    pub(crate) fn id(&self, row: u32) -> &str {
        &self.ids[row as usize]
    }

    /// Adds a stored embedding or puts it in place of the node's old one.
    pub(super) fn set(&mut self, id: &str, stored: &[u8]) {
        if kernel::components(stored).all(|component| component == 0.0) {
            return self.remove(id);
        }
        let row = match self.places.get(id) {
            Some(&row) => row as usize,
            None => self.add(id),
        };
        let slice = &mut self.rows[row * self.dimension..][..self.dimension];
        slice.iter_mut().zip(kernel::components(stored)).for_each(|(to, from)| *to = from);
        kernel::scale(slice);
        self.norms[row] = kernel::norm(slice);
    }

    /// Appends a row of zeros.
    fn add(&mut self, id: &str) -> usize {
        let row = self.len();
        if self.rows.capacity() == self.rows.len() {
            // By an eighth: doubling would cost much of the memory for nothing.
            self.rows.reserve_exact((row / 8 + 16) * self.dimension);
        }
        let id: Arc<str> = id.into();
        self.rows.resize(self.rows.len() + self.dimension, 0.0);
        self.norms.push(0.0);
        self.places.insert(Arc::clone(&id), row as u32);
        self.ids.push(id);
        row
    }

    /// Drops the node's embedding, if there is one. The last row takes its place.
    pub(super) fn remove(&mut self, id: &str) {
        let Some(row) = self.places.remove(id) else { return };
        let (row, last) = (row as usize, self.len() - 1);
        self.norms.swap_remove(row);
        self.ids.swap_remove(row);
        self.rows.copy_within(last * self.dimension.., row * self.dimension);
        self.rows.truncate(last * self.dimension);
        if let Some(moved) = self.ids.get(row)
            && let Some(place) = self.places.get_mut(moved)
        {
            *place = row as u32;
        }
    }

    /// The nodes with the highest cosines to the query, at most `count`, best first. Parallel on the calling pool.
    pub(crate) fn search(
        &self,
        query: &[f32],
        count: usize,
        cancel: &Cancel,
    ) -> Result<Vec<Match<&str>>, SemanticError> {
        if self.len() == 0 {
            return Ok(Vec::new());
        }
        if query.len() != self.dimension {
            return Err(SemanticError::Length { found: query.len(), expected: self.dimension });
        }
        let mut query = query.to_vec();
        kernel::scale(&mut query);
        let norm = kernel::norm(&query);
        let rows = (COMPONENTS_PER_STEP / self.dimension).max(1);
        let best = self
            .rows
            .par_chunks(rows * self.dimension)
            .zip(self.norms.par_chunks(rows))
            .enumerate()
            .try_fold(
                || Best::new(count),
                |mut best, (step, (chunk, norms))| {
                    cancel.check()?;
                    let numbered = (step * rows..).zip(chunk.chunks_exact(self.dimension).zip(norms));
                    for (row, (components, norm)) in numbered {
                        let score = (f64::from(kernel::dot(components, &query)) / norm) as f32;
                        best.offer(score, || (&*self.ids[row], row as u32));
                    }
                    Ok(best)
                },
            )
            .try_reduce(|| Best::new(count), |a, b| Ok::<_, Cancelled>(a.merge(b)))?;
        let chosen = best.into_matches().into_par_iter();
        let mut matches: Vec<_> = chosen
            .map(|Match { id: (id, row), .. }| {
                let dot = kernel::exact_dot(self.row(row), &query);
                Match { id, score: kernel::cosine(dot, self.norms[row as usize], norm) }
            })
            .collect();
        cancel.check()?;
        best::sort(&mut matches);
        Ok(matches)
    }
}

impl Kept for Arc<Index> {
    fn bytes(&self) -> usize {
        const PLACE: usize = 512;
        const ID: usize = 2 * size_of::<Arc<str>>() + size_of::<u32>() + 24;
        let ids: usize = self.ids.iter().map(|id| id.len()).sum();
        PLACE + self.rows.capacity() * 4 + self.norms.capacity() * 8 + self.ids.capacity() * ID + ids
    }
}
