//! Search over embeddings in storage, for those that do not fit into memory.

use epistemic_storage::{StoreError, graph::GraphReader};

use super::{
    Match, SemanticError,
    best::{self, Best},
    kernel,
};
use crate::analytics::Cancel;

/// As [`super::index::Index::search`], in the memory of the answer: every embedding is read.
pub(crate) fn search_stored(
    reader: &GraphReader<'_>,
    query: &[f32],
    count: usize,
    cancel: &Cancel,
) -> Result<Vec<Match<String>>, SemanticError> {
    let norm = kernel::norm(query);
    let mut best = Best::new(count);
    let mut wrong = None;
    let mut row = Vec::with_capacity(query.len());
    let scanned = reader.for_each_vector(|id, stored| {
        cancel.check()?;
        row.clear();
        row.extend(kernel::components(stored));
        if row.len() != query.len() {
            wrong = Some(row.len());
            return Err(StoreError::Stopped);
        }
        let length = kernel::norm(&row);
        if length > 0.0 {
            best.offer(kernel::cosine(kernel::exact_dot(&row, query), length, norm), || id.to_owned());
        }
        Ok(())
    });
    cancel.check()?;
    if let Some(expected) = wrong {
        return Err(SemanticError::Length { found: query.len(), expected });
    }
    scanned?;
    let mut matches = best.into_matches();
    best::sort(&mut matches);
    Ok(matches)
}
