//! Embeddings of one length in memory, one behind the other.

use std::sync::Arc;

use rayon::prelude::*;

use super::{
    Match, SemanticError,
    best::{self, Best},
    kernel,
};
use crate::analytics::{Cancel, Cancelled};

/// Components looked at between two looks at whether anybody still waits: below a millisecond.
const COMPONENTS_PER_STEP: usize = 1 << 20;
/// Rows from which on room is made by an eighth: doubling would cost much of the memory for nothing.
const MANY_ROWS: usize = 16;

/// Embeddings of one length, by row.
#[derive(Clone)]
pub(super) struct Rows {
    pub(super) dimension: usize,
    /// Components of all rows, each row scaled by a power of two.
    components: Vec<f32>,
    norms: Vec<f64>,
    ids: Vec<Arc<str>>,
}

impl Rows {
    /// None, with room for so many.
    pub(super) fn new(dimension: usize, rows: usize) -> Self {
        Self {
            dimension,
            components: Vec::with_capacity(rows * dimension),
            norms: Vec::with_capacity(rows),
            ids: Vec::with_capacity(rows),
        }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.norms.len()
    }

    pub(super) fn components(&self) -> &[f32] {
        &self.components
    }

    pub(super) fn row(&self, row: u32) -> &[f32] {
        &self.components[row as usize * self.dimension..][..self.dimension]
    }

    pub(super) fn norms(&self) -> &[f64] {
        &self.norms
    }

    /// The node of a row.
    pub(super) fn id(&self, row: u32) -> &Arc<str> {
        &self.ids[row as usize]
    }

    /// Appends the row of a node, to be [set](Self::set).
    pub(super) fn add(&mut self, id: Arc<str>) -> u32 {
        let row = self.len();
        if self.components.capacity() == self.components.len() {
            let more = if row < MANY_ROWS { row.max(1) } else { MANY_ROWS.max(row / 8) };
            self.components.reserve_exact(more * self.dimension);
        }
        self.components.resize(self.components.len() + self.dimension, 0.0);
        self.norms.push(0.0);
        self.ids.push(id);
        row as u32
    }

    /// Puts a stored embedding of this length into a row.
    pub(super) fn set(&mut self, row: u32, stored: &[u8]) {
        let row = row as usize;
        let slice = &mut self.components[row * self.dimension..][..self.dimension];
        slice.iter_mut().zip(kernel::components(stored)).for_each(|(to, from)| *to = from);
        kernel::scale(slice);
        self.norms[row] = kernel::norm(slice);
    }

    /// Drops a row. The last row takes its place: the node of that one, if there is one.
    pub(super) fn remove(&mut self, row: u32) -> Option<&Arc<str>> {
        let (row, last) = (row as usize, self.len() - 1);
        self.norms.swap_remove(row);
        self.ids.swap_remove(row);
        self.components.copy_within(last * self.dimension.., row * self.dimension);
        self.components.truncate(last * self.dimension);
        self.ids.get(row)
    }

    /// The nodes with the highest cosines to the query, which has the length of the rows: at most `count`, best first.
    /// Parallel on the calling pool.
    pub(super) fn search(
        &self,
        query: &[f32],
        count: usize,
        cancel: &Cancel,
    ) -> Result<Vec<Match<&str>>, SemanticError> {
        let mut query = query.to_vec();
        kernel::scale(&mut query);
        let norm = kernel::norm(&query);
        let rows = (COMPONENTS_PER_STEP / self.dimension).max(1);
        let best = self
            .components
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

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        const ID: usize = size_of::<Arc<str>>();
        self.components.capacity() * 4
            + self.norms.capacity() * 8
            + self.ids.capacity() * ID
            + size_of::<Self>()
    }
}
