//! All pairs of similar embeddings.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::{SemanticError, index::Index, kernel, rows::Rows};
use crate::analytics::Cancel;

/// Products of one tile at most, a few milliseconds.
const PRODUCTS_PER_TILE: usize = 1 << 26;
/// Rows of a tile at most.
const MAX_ROWS: usize = 256;

/// Two similar embeddings of one length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair {
    /// Rows of two nodes, that of the lower id first.
    rows: (u32, u32),
    dimension: u32,
    pub(crate) score: f32,
}

impl Index {
    /// The pairs with a cosine of `threshold` or more, by the ids of both. Parallel on the calling pool.
    ///
    /// # Errors
    /// [`SemanticError::TooManyPairs`] when they would take more than `limit` bytes.
    pub(crate) fn similar_pairs(
        &self,
        threshold: f32,
        limit: usize,
        cancel: &Cancel,
    ) -> Result<Vec<Pair>, SemanticError> {
        let (mut pairs, bytes) = (Vec::new(), AtomicUsize::new(0));
        let mut lengths = 0;
        for rows in self.lengths() {
            let found = rows.similar_pairs(threshold, limit, &bytes, cancel)?;
            lengths += usize::from(!found.is_empty());
            pairs.extend(found);
        }
        if lengths > 1 {
            pairs.par_sort_unstable_by(|a, b| self.ids_of(a).cmp(&self.ids_of(b)));
        }
        Ok(pairs)
    }

    /// The nodes of a pair.
    pub(crate) fn ids_of(&self, pair: &Pair) -> (&str, &str) {
        let rows = self.rows(pair.dimension as usize);
        (rows.id(pair.rows.0), rows.id(pair.rows.1))
    }
}

impl Rows {
    /// The pairs among these rows. Products come from a matrix multiplication in float32; what it lets through is decided
    /// by the exact cosine. `bytes` is what all pairs found so far take.
    fn similar_pairs(
        &self,
        threshold: f32,
        limit: usize,
        bytes: &AtomicUsize,
        cancel: &Cancel,
    ) -> Result<Vec<Pair>, SemanticError> {
        let rows = (PRODUCTS_PER_TILE / self.dimension).isqrt().clamp(1, MAX_ROWS);
        let tiles: Vec<Tile<'_>> =
            (0..self.len()).step_by(rows).map(|first| self.tile(first, rows)).collect();
        let ranks = self.ranks();
        let found: Result<Vec<Vec<Pair>>, SemanticError> = (0..tiles.len())
            .into_par_iter()
            .map(|number| {
                let mut pairs = Vec::new();
                for other in &tiles[..=number] {
                    cancel.check()?;
                    let known = pairs.len();
                    self.compare(&tiles[number], other, threshold, &ranks, &mut pairs);
                    let new: usize = pairs[known..].iter().map(|pair| self.bytes_of(pair)).sum();
                    if bytes.fetch_add(new, Ordering::Relaxed) + new > limit {
                        return Err(SemanticError::TooManyPairs { limit });
                    }
                }
                Ok(pairs)
            })
            .collect();
        let mut pairs = found?.concat();
        pairs.par_sort_unstable_by_key(|pair| (ranks[pair.rows.0 as usize], ranks[pair.rows.1 as usize]));
        Ok(pairs)
    }

    fn tile(&self, first: usize, rows: usize) -> Tile<'_> {
        let end = (first + rows).min(self.len());
        let components = &self.components()[first * self.dimension..end * self.dimension];
        let matrix = ArrayView2::from_shape((end - first, self.dimension), components)
            .expect("a tile holds whole rows");
        Tile { first: first as u32, matrix }
    }

    /// Places of the rows in the order of their ids.
    fn ranks(&self) -> Vec<u32> {
        let mut by_id: Vec<u32> = (0..self.len() as u32).collect();
        by_id.par_sort_unstable_by_key(|&row| self.id(row));
        let mut ranks = vec![0; by_id.len()];
        for (rank, row) in (0..).zip(by_id) {
            ranks[row as usize] = rank;
        }
        ranks
    }

    fn compare(&self, a: &Tile<'_>, b: &Tile<'_>, threshold: f32, ranks: &[u32], pairs: &mut Vec<Pair>) {
        // More than a float32 dot product of that many components can be off.
        let margin = self.dimension as f64 * f64::from(f32::EPSILON);
        let floor = f64::from(threshold) - margin;
        let norms = self.norms();
        let dots = a.matrix.dot(&b.matrix.t());
        for (row, dots) in (a.first..).zip(dots.outer_iter()) {
            let floor = floor * norms[row as usize];
            for (other, dot) in (b.first..row).zip(&dots) {
                if f64::from(*dot) >= floor * norms[other as usize] {
                    let dot = kernel::exact_dot(self.row(row), self.row(other));
                    let score = kernel::cosine(dot, norms[row as usize], norms[other as usize]);
                    if score >= threshold {
                        let ordered = ranks[row as usize] < ranks[other as usize];
                        let rows = if ordered { (row, other) } else { (other, row) };
                        pairs.push(Pair { rows, dimension: self.dimension as u32, score });
                    }
                }
            }
        }
    }

    /// Bytes of a pair here and in the answer.
    fn bytes_of(&self, pair: &Pair) -> usize {
        const FRAME: usize = 16;
        size_of::<Pair>() + FRAME + self.id(pair.rows.0).len() + self.id(pair.rows.1).len()
    }
}

/// Some rows in a sequence.
struct Tile<'a> {
    first: u32,
    matrix: ArrayView2<'a, f32>,
}
