//! Whether sequence numbers repeat: in few passes with the same memory, however many there are and however far apart.

use std::collections::BTreeSet;

/// Numbers that one pass compares at one bit each.
const WINDOW: u64 = 1 << 26;
/// The smallest numbers behind the window that the same pass compares.
const BEYOND: usize = 1 << 20;

/// One pass over all numbers.
pub(super) struct Pass {
    first: u64,
    window: Vec<u64>,
    /// Numbers behind the window up to `limit`, at most twice [`BEYOND`].
    beyond: Vec<u64>,
    limit: u64,
    /// Numbers that were found twice.
    repeated: BTreeSet<u64>,
}

impl Pass {
    /// Compares the numbers from `first` on.
    pub(super) fn new(first: u64) -> Self {
        Self { first, window: Vec::new(), beyond: Vec::new(), limit: u64::MAX, repeated: BTreeSet::new() }
    }

    /// Takes the next number.
    pub(super) fn add(&mut self, sequence: u64) {
        let Some(at) = sequence.checked_sub(self.first) else { return };
        if at >= WINDOW {
            return self.add_beyond(sequence);
        }
        let (word, bit) = ((at / 64) as usize, 1 << (at % 64));
        if self.window.len() <= word {
            self.window.resize(word + 1, 0);
        }
        if self.window[word] & bit != 0 {
            self.repeated.insert(sequence);
        }
        self.window[word] |= bit;
    }

    fn add_beyond(&mut self, sequence: u64) {
        if sequence > self.limit {
            return;
        }
        self.beyond.push(sequence);
        if self.beyond.len() == 2 * BEYOND {
            self.sort();
            if self.beyond.len() > BEYOND {
                self.beyond.truncate(BEYOND);
                self.limit = self.beyond[BEYOND - 1];
            }
        }
    }

    fn sort(&mut self) {
        self.beyond.sort_unstable();
        let repeated = &mut self.repeated;
        self.beyond.dedup_by(|later, earlier| {
            let same = later == earlier;
            if same {
                repeated.insert(*earlier);
            }
            same
        });
    }

    /// The numbers that were there more than once, and where another pass has to begin if one is needed.
    pub(super) fn end(mut self) -> (BTreeSet<u64>, Option<u64>) {
        self.sort();
        (self.repeated, self.limit.checked_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(sequences: &[u64]) -> (Vec<u64>, u32) {
        let (mut all, mut next, mut passes) = (BTreeSet::new(), Some(0), 0);
        while let Some(first) = next {
            let mut pass = Pass::new(first);
            sequences.iter().for_each(|sequence| pass.add(*sequence));
            let (found, behind) = pass.end();
            all.extend(found);
            (next, passes) = (behind, passes + 1);
        }
        (all.into_iter().collect(), passes)
    }

    #[test]
    fn numbers_of_any_size_are_compared() {
        let sequences = [5, WINDOW + 3, 5, u64::MAX, WINDOW + 3, 0, u64::MAX];
        assert_eq!(repeated(&sequences), (vec![5, WINDOW + 3, u64::MAX], 1));
        assert_eq!(repeated(&[]), (vec![], 1));
    }

    #[test]
    fn far_apart_numbers_take_few_passes() {
        let apart = WINDOW + 1;
        let mut sequences: Vec<u64> = (0..4 * BEYOND as u64).rev().map(|number| number * apart).collect();
        let twice = [apart, 3 * BEYOND as u64 * apart];
        sequences.extend(twice);
        let (found, passes) = repeated(&sequences);
        assert_eq!(found, twice);
        assert!(passes <= 5, "{passes} passes");
    }
}
