//! Search over embeddings in storage, for those that do not fit into memory.

use epistemic_storage::graph::GraphReader;

use super::{
    Match, SemanticError,
    best::{self, Best},
    kernel,
};
use crate::{analytics::Cancel, compute_pool::scan_on};

/// As [`super::index::Index::search`], in the memory of the answer: every embedding is read. Also how many were passed
/// over for their length.
pub(crate) fn search_stored(
    reader: &GraphReader<'_>,
    query: &[f32],
    count: usize,
    cancel: &Cancel,
) -> Result<(Vec<Match<String>>, u64), SemanticError> {
    let norm = kernel::norm(query);
    let mut best = Best::new(count);
    let mut passed_over = 0;
    let mut row = Vec::with_capacity(query.len());
    let scanned = reader.for_each_vector(|id, stored| {
        scan_on(cancel)?;
        let components = kernel::components(stored);
        if components.len() != query.len() {
            passed_over += 1;
            return Ok(());
        }
        row.clear();
        row.extend(components);
        let length = kernel::norm(&row);
        if length > 0.0 {
            best.offer(kernel::cosine(kernel::exact_dot(&row, query), length, norm), || id.to_owned());
        }
        Ok(())
    });
    cancel.check()?;
    scanned?;
    let mut matches = best.into_matches();
    best::sort(&mut matches);
    Ok((matches, passed_over))
}
