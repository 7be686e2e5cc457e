//! Limits of single requests that follow from the parts of the budget, so that one of each fits.

use epistemic_storage::limits::RequestLimits;

use super::budget::{Budget, Part};
use crate::config::Config;

const MIB: usize = 1 << 20;

/// What one request, answer or write may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) frame: usize,
    pub(crate) document: usize,
    pub(crate) answer: usize,
    pub(crate) transfers: usize,
    pub(crate) written: RequestLimits,
}

impl Limits {
    /// Those of the flags, and for what is not given as much as the budget allows.
    pub(crate) fn of(config: &Config, budget: &Budget) -> Self {
        let part = |part, shares: usize, most: usize| (budget.bytes(part) / shares).min(most);
        let given = |flag: Option<u32>, otherwise| flag.map_or(otherwise, |value| value as usize);
        let written = &config.written;
        Self {
            // It takes its size once more when it is decoded, and about as much for its items.
            frame: given(config.max_frame_bytes, part(Part::Requests, 3, 64 * MIB)),
            // As a list of integers it takes twice its size.
            document: given(config.max_document_bytes, (budget.bytes(Part::Requests) / 5 * 2).min(512 * MIB)),
            // It takes twice its size while it is made.
            answer: part(Part::Answers, 2, 512 * MIB),
            transfers: given(config.max_transfers, part(Part::Transfers, 2 * MIB, 64).max(1)),
            written: RequestLimits {
                value_bytes: given(written.max_property_bytes, part(Part::Commits, 3, 16 * MIB)),
                labels: written.max_node_labels as usize,
                batch_bytes: given(written.max_batch_bytes, part(Part::Commits, 3, 64 * MIB)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::memory::MemoryBudget;

    fn limits(budget: u64, flags: &[&str]) -> Limits {
        let config = Config::parse_from([&["server"][..], flags].concat());
        Limits::of(&config, &Budget::of(MemoryBudget::Bytes(budget), &config.memory.given()).unwrap())
    }

    #[test]
    fn with_much_memory_they_are_what_they_were_before_there_was_a_budget() {
        let Limits { frame, document, answer, transfers, written } = limits(8 << 30, &[]);
        assert_eq!((frame, document, answer, transfers), (64 * MIB, 512 * MIB, 512 * MIB, 64));
        assert_eq!((written.value_bytes, written.batch_bytes), (16 * MIB, 64 * MIB));
    }

    #[test]
    fn with_little_memory_they_are_smaller_unless_they_are_given() {
        let small = limits(300 << 20, &[]);
        assert!(small.frame < 20 * MIB && small.frame > 8 * MIB, "{small:?}");
        assert!(small.answer < 20 * MIB && small.answer > 8 * MIB, "{small:?}");
        assert!(small.written.batch_bytes < 16 * MIB && small.written.batch_bytes > 4 * MIB, "{small:?}");
        assert!(small.transfers >= 4, "{small:?}");
        let given = limits(300 << 20, &["--max-frame-bytes", "1048576", "--max-transfers", "7"]);
        assert_eq!((given.frame, given.transfers), (MIB, 7));
    }
}
