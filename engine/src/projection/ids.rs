//! Node ids by number, and numbers by id.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::analytics::{Cancel, Cancelled};

/// Ids indexed between two looks at whether anybody still waits.
const CHECK_EVERY: usize = 4096;

/// Node ids in one buffer, with an index by id. Numbers are given in the order of [`IdsBuilder::finish`].
pub(crate) struct Ids {
    text: String,
    spans: Vec<(u32, u32)>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
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

/// The order in which ids were added.
pub(crate) struct Arrival {
    numbers: Vec<u32>,
    /// Where each id ends in the text.
    ends: Vec<u32>,
}

impl Arrival {
    /// The ids with their numbers in this order.
    pub(crate) fn iter<'a>(&'a self, ids: &'a Ids) -> impl Iterator<Item = (&'a str, u32)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(self.ends.iter().copied());
        spans.map(|place| span(&ids.text, place)).zip(self.numbers.iter().copied())
    }
}

/// Takes ids in any order.
#[derive(Default)]
pub(crate) struct IdsBuilder {
    text: String,
    /// Sequence and place of each id, in the order they came.
    nodes: Vec<(u64, u32)>,
    /// Where each id ends in `text`, in the same order.
    ends: Vec<u32>,
}

impl IdsBuilder {
    pub(crate) fn with_capacity(nodes: usize) -> Self {
        Self { text: String::new(), nodes: Vec::with_capacity(nodes), ends: Vec::with_capacity(nodes) }
    }

    /// Adds an id that was not added before. False when there is no room for more: 4 GiB of ids or 2^32 - 1 nodes.
    pub(crate) fn add(&mut self, id: &str, sequence: u64) -> bool {
        let (Ok(end), Ok(place)) =
            (u32::try_from(self.text.len() + id.len()), u32::try_from(self.nodes.len()))
        else {
            return false;
        };
        if place == u32::MAX {
            return false;
        }
        self.text.push_str(id);
        self.nodes.push((sequence, place));
        self.ends.push(end);
        true
    }

    /// Bytes of the ids so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.text.len() as u64
    }

    /// Numbers the nodes by sequence.
    pub(crate) fn finish(mut self, cancel: &Cancel) -> Result<(Ids, Arrival), Cancelled> {
        self.nodes.sort_unstable();
        cancel.check()?;
        self.text.shrink_to_fit();
        let (text, hasher) = (self.text, DefaultHashBuilder::default());
        let span_at = |place: usize| {
            let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
            (start, self.ends[place])
        };
        let spans: Vec<_> = self.nodes.iter().map(|&(_, place)| span_at(place as usize)).collect();
        let mut by_place = vec![0; spans.len()];
        for (number, &(_, place)) in self.nodes.iter().enumerate() {
            by_place[place as usize] = number as u32;
        }
        drop(self.nodes);
        // Indexed in the order of the text, which is read one after the other.
        let mut numbers = HashTable::with_capacity(spans.len());
        for (place, &number) in by_place.iter().enumerate() {
            if place.is_multiple_of(CHECK_EVERY) {
                cancel.check()?;
            }
            let hash_of = |&node: &u32| hasher.hash_one(span(&text, spans[node as usize]));
            numbers.insert_unique(hasher.hash_one(span(&text, span_at(place))), number, hash_of);
        }
        Ok((Ids { text, spans, numbers, hasher }, Arrival { numbers: by_place, ends: self.ends }))
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
        let (ids, arrival) = builder.finish(&Cancel::default()).unwrap();
        assert_eq!(ids.iter().collect::<Vec<_>>(), ["", "é\0", "a"]);
        assert_eq!((ids.number("a"), ids.number(""), ids.number("b")), (Some(2), Some(0), None));
        assert_eq!((ids.get(1), ids.len()), ("é\0", 3));
        assert_eq!(arrival.iter(&ids).collect::<Vec<_>>(), [("a", 2), ("", 0), ("é\0", 1)]);
    }
}
