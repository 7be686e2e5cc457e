//! What each part of the memory holds now.

use super::budget::Part;

/// Bytes of each part, as far as it is counted.
pub(crate) struct Usage {
    parts: [u64; Part::ALL.len()],
}

impl Usage {
    /// With what `held` tells of each part.
    pub(crate) fn new(held: impl FnMut(Part) -> u64) -> Self {
        Self { parts: Part::ALL.map(held) }
    }

    /// The parts that are counted, with their bytes.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Part, u64)> {
        let counted = |part: &Part| !matches!(part, Part::Base | Part::Commits);
        Part::ALL.into_iter().filter(counted).map(|part| (part, self.parts[part as usize]))
    }
}
