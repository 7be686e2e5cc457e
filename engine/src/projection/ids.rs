//! Node ids by number, and numbers by id.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// Node ids in one buffer, with an index by id. Numbers are given in the order of [`IdsBuilder::finish`].
pub(crate) struct Ids {
    text: String,
    spans: Vec<(u32, u32)>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl Ids {
    /// Number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The id of a node.
    pub(crate) fn get(&self, node: u32) -> &str {
        span(&self.text, self.spans[node as usize])
    }

    /// The number of a node.
    pub(crate) fn number(&self, id: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(id);
        self.numbers.find(hash, |&node| self.get(node) == id).copied()
    }

    /// All ids in the order of their numbers.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.spans.iter().map(|&place| span(&self.text, place))
    }

    /// All numbers in the order in which the ids were added, which is by id where they came from storage.
    pub(crate) fn by_addition(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..self.spans.len() as u32).collect();
        numbers.sort_unstable_by_key(|&number| (self.spans[number as usize], number));
        numbers
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.text.capacity()
            + self.spans.capacity() * size_of::<(u32, u32)>()
            + self.numbers.allocation_size()
    }
}

fn span(text: &str, (start, end): (u32, u32)) -> &str {
    &text[start as usize..end as usize]
}

/// Takes ids in any order.
#[derive(Default)]
pub(crate) struct IdsBuilder {
    text: String,
    nodes: Vec<(u64, u32, u32)>,
}

impl IdsBuilder {
    pub(crate) fn with_capacity(nodes: usize) -> Self {
        Self { text: String::new(), nodes: Vec::with_capacity(nodes) }
    }

    /// Adds an id that was not added before. False when there is no room for more: 4 GiB of ids or 2^32 - 1 nodes.
    pub(crate) fn add(&mut self, id: &str, sequence: u64) -> bool {
        let (start, end) = (self.text.len(), self.text.len() + id.len());
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) else { return false };
        if self.nodes.len() >= u32::MAX as usize {
            return false;
        }
        self.text.push_str(id);
        self.nodes.push((sequence, start, end));
        true
    }

    /// Numbers the nodes by sequence.
    pub(crate) fn finish(mut self) -> Ids {
        self.nodes.sort_unstable();
        self.text.shrink_to_fit();
        let spans: Vec<_> = self.nodes.iter().map(|&(_, start, end)| (start, end)).collect();
        let hasher = RandomState::new();
        let mut numbers = HashTable::with_capacity(spans.len());
        for (number, &place) in spans.iter().enumerate() {
            let hash_of = |&node: &u32| hasher.hash_one(span(&self.text, spans[node as usize]));
            numbers.insert_unique(hasher.hash_one(span(&self.text, place)), number as u32, hash_of);
        }
        Ids { text: self.text, spans, numbers, hasher }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbered_by_sequence_and_found_by_name() {
        let mut builder = IdsBuilder::with_capacity(3);
        for (id, sequence) in [("a", 9), ("", 2), ("é\0", 5)] {
            assert!(builder.add(id, sequence));
        }
        let ids = builder.finish();
        assert_eq!(ids.iter().collect::<Vec<_>>(), ["", "é\0", "a"]);
        assert_eq!((ids.number("a"), ids.number(""), ids.number("b")), (Some(2), Some(0), None));
        assert_eq!((ids.get(1), ids.len()), ("é\0", 3));
    }
}
