//! Compares two sets of records that are read in different orders.

use std::hash::{DefaultHasher, Hasher};

/// Number of records and the sum of their hashes: equal for equal sets, and for unequal ones only by accident, once in
/// 2^64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SetHash {
    pub(super) count: u64,
    sum: u64,
}

impl SetHash {
    /// Adds the record made of these parts.
    pub(super) fn add(&mut self, first: &[u8], second: &[u8], number: u64) {
        let mut hash = DefaultHasher::new();
        hash.write_usize(first.len());
        hash.write(first);
        hash.write(second);
        hash.write_u64(number);
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_matter_and_each_part_does() {
        let records: [(&[u8], &[u8], u64); 4] =
            [(b"a", b"b", 1), (b"ab", b"", 1), (b"b", b"a", 1), (b"a", b"b", 2)];
        let fold = |records: &[(&[u8], &[u8], u64)]| {
            let mut fold = SetHash::default();
            records.iter().for_each(|&(first, second, number)| fold.add(first, second, number));
            fold
        };
        let mut backwards = records;
        backwards.reverse();
        assert_eq!(fold(&records), fold(&backwards));
        for (index, record) in records.iter().enumerate() {
            for other in &records[index + 1..] {
                assert_ne!(fold(&[*record]), fold(&[*other]));
            }
        }
    }
}
