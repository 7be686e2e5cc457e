//! What each part of the memory holds now.

use super::budget::Part;
use crate::shard::Shard;

/// Bytes of each part, as far as it is counted.
pub(crate) struct Usage {
    parts: [u64; Part::ALL.len()],
}

impl Usage {
    /// What is held now. Reads figures of the store.
    pub(crate) fn of(shard: &Shard) -> Self {
        let stored = shard.graphs.store().stats().unwrap_or_default();
        let parts = Part::ALL.map(|part| match part {
            Part::Base | Part::Commits => 0,
            Part::Blocks => stored.cache_bytes,
            Part::WriteBuffers => stored.write_buffer_bytes,
            Part::Projections => shard.projections.all_bytes() as u64,
            Part::Vectors => shard.vectors.bytes() as u64,
            Part::Neighbors => shard.neighbors.bytes() as u64,
            Part::Names => shard.access.identities.name_bytes() + shard.channels.name_bytes(),
            Part::Strangers => shard.unauthenticated.held() as u64,
            Part::Requests | Part::Answers | Part::Transfers | Part::Transactions => {
                shard.memory.held(part) as u64
            }
        });
        Self { parts }
    }

    /// The parts that are counted, with their bytes.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Part, u64)> {
        let counted = |part: &Part| !matches!(part, Part::Base | Part::Commits);
        Part::ALL.into_iter().filter(counted).map(|part| (part, self.parts[part as usize]))
    }
}
