//! Embeddings: their nodes and their length.

use super::{
    finding::{FindingKind, Found},
    node_ids::NodeIds,
    pass::Pass,
};
use crate::{error::Result, keys, space::Space, store::Direction};

/// Bytes of a component.
const COMPONENT: usize = size_of::<f32>();

/// What the embeddings add up to.
pub(super) struct Vectors {
    pub(super) count: u64,
    /// Components of each.
    pub(super) dimension: u64,
}

/// Reads all embeddings along with the nodes. `stated` is the dimension that the counters tell, 0 for none.
pub(super) fn check(pass: &mut Pass<'_, '_>, stated: u64) -> Result<Vectors> {
    let dimension = dimension(pass, stated)?;
    let mut count = 0;
    let mut nodes = NodeIds::new(pass.read, pass.id)?;
    pass.for_each(Space::Vectors, |pass, key, value| {
        count += 1;
        let Some(node) = keys::node_of(key) else {
            return pass.bad_record(Space::Vectors, key, "id that is not UTF-8");
        };
        if value.len() % COMPONENT != 0 || (value.len() / COMPONENT) as u64 != dimension {
            let detail = format!("{} bytes, the others have {}", value.len(), dimension * COMPONENT as u64);
            pass.found(Found::new(FindingKind::VectorLength, Space::Vectors, key, detail))?;
        }
        if nodes.contains(node)? {
            return Ok(());
        }
        pass.found(Found::new(FindingKind::VectorWithoutNode, Space::Vectors, key, "there is no such node"))
    })?;
    Ok(Vectors { count, dimension })
}

/// The stated dimension if an embedding has it, else that of the first embedding.
fn dimension(pass: &Pass<'_, '_>, stated: u64) -> Result<u64> {
    let mut first = None;
    let mut cursor = pass.read.scan(Space::Vectors, keys::graph(pass.id), Direction::Forward)?;
    while let Some((_, value)) = cursor.next()? {
        let found = (value.len() / COMPONENT) as u64;
        if found == stated {
            return Ok(stated);
        }
        first.get_or_insert(found);
    }
    Ok(first.unwrap_or(0))
}
