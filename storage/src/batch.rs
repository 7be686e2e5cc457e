//! One atomic set of changes.

use crate::space::Space;

/// One change of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'b> {
    /// Stores a value, replacing any other.
    Put(Space, &'b [u8], &'b [u8]),
    /// Removes a key; a missing key is fine.
    Delete(Space, &'b [u8]),
    /// Removes every key `>= start` and `< end`.
    DeleteRange(Space, &'b [u8], &'b [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Put,
    Delete,
    DeleteRange,
}

/// Where a change lies in the data of its batch: first part up to `split`, second part up to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    space: Space,
    start: usize,
    split: usize,
    end: usize,
}

/// Changes that become visible and durable together, applied in the order they were added.
///
/// Keys and values lie one behind the other in one buffer: a change costs no allocation of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteBatch {
    entries: Vec<Entry>,
    data: Vec<u8>,
    frees_room: bool,
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    fn add(&mut self, kind: Kind, space: Space, first: &[u8], second: impl FnOnce(&mut Vec<u8>)) {
        let start = self.data.len();
        self.data.extend_from_slice(first);
        let split = self.data.len();
        second(&mut self.data);
        self.entries.push(Entry { kind, space, start, split, end: self.data.len() });
    }

    /// Adds a put.
    pub fn put(&mut self, space: Space, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.put_with(space, key.as_ref(), |out| out.extend_from_slice(value.as_ref()));
    }

    /// Adds a put whose value `value` appends to the buffer.
    pub fn put_with(&mut self, space: Space, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
        self.add(Kind::Put, space, key, value);
    }

    /// Adds a delete.
    pub fn delete(&mut self, space: Space, key: impl AsRef<[u8]>) {
        self.add(Kind::Delete, space, key.as_ref(), |_| {});
    }

    /// Adds the removal of every key `>= start` and `< end`.
    pub fn delete_range(&mut self, space: Space, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) {
        self.add(Kind::DeleteRange, space, start.as_ref(), |out| out.extend_from_slice(end.as_ref()));
    }

    /// Appends all changes of `other` behind these.
    pub fn append(&mut self, other: &WriteBatch) {
        let shift = self.data.len();
        self.data.extend_from_slice(&other.data);
        self.entries.extend(other.entries.iter().map(|entry| Entry {
            start: entry.start + shift,
            split: entry.split + shift,
            end: entry.end + shift,
            ..*entry
        }));
    }

    /// Drops all changes but the first `changes`.
    pub(crate) fn truncate(&mut self, changes: usize) {
        self.entries.truncate(changes);
        self.data.truncate(self.entries.last().map_or(0, |entry| entry.end));
    }

    /// Says whether the batch gives more room back than it takes, now or when its records are removed for good: it may use
    /// the room that is kept in reserve.
    pub fn set_frees_room(&mut self, frees_room: bool) {
        self.frees_room = frees_room;
    }

    /// Whether it gives more room back than it takes.
    pub fn frees_room(&self) -> bool {
        self.frees_room
    }

    /// Number of changes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// The changes in order.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = Change<'_>> {
        self.entries.iter().map(|entry| {
            let (first, second) = (&self.data[entry.start..entry.split], &self.data[entry.split..entry.end]);
            match entry.kind {
                Kind::Put => Change::Put(entry.space, first, second),
                Kind::Delete => Change::Delete(entry.space, first),
                Kind::DeleteRange => Change::DeleteRange(entry.space, first, second),
            }
        })
    }

    /// The value of the put that was added as number `index`.
    pub(crate) fn value(&self, index: usize) -> &[u8] {
        let entry = &self.entries[index];
        &self.data[entry.split..entry.end]
    }
}
