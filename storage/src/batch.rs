//! One atomic set of changes.

use crate::space::Space;

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Stores a value, replacing any other.
    Put(Space, Vec<u8>, Vec<u8>),
    /// Removes a key; a missing key is fine.
    Delete(Space, Vec<u8>),
    /// Removes every key `>= start` and `< end`.
    DeleteRange(Space, Vec<u8>, Vec<u8>),
}

/// Changes that become visible and durable together, applied in the order they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteBatch {
    changes: Vec<Change>,
    bytes: usize,
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a put.
    pub fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.changes.push(Change::Put(space, key, value));
    }

    /// Adds a delete.
    pub fn delete(&mut self, space: Space, key: Vec<u8>) {
        self.bytes += key.len();
        self.changes.push(Change::Delete(space, key));
    }

    /// Adds the removal of every key `>= start` and `< end`.
    pub fn delete_range(&mut self, space: Space, start: Vec<u8>, end: Vec<u8>) {
        self.bytes += start.len() + end.len();
        self.changes.push(Change::DeleteRange(space, start, end));
    }

    /// Appends all changes of `other` behind these.
    pub fn append(&mut self, mut other: WriteBatch) {
        self.bytes += other.bytes;
        self.changes.append(&mut other.changes);
    }

    /// Drops every change behind the first `len`: undoes the additions since [`WriteBatch::len`] was `len`.
    pub fn truncate(&mut self, len: usize) {
        self.changes.truncate(len);
    }

    /// Number of changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Bytes of all keys and values, at least.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The changes in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Takes the changes out.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}
