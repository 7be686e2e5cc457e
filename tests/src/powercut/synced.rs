//! Content and names that are changed at once and become durable later.

use std::collections::BTreeMap;

use super::disk::Inode;

/// A durable state and the changes that no sync has covered yet, oldest first.
#[derive(Debug, Clone)]
pub(super) struct Synced<S, C> {
    pub(super) durable: S,
    pub(super) pending: Vec<C>,
    /// Number of changes that are part of `durable`.
    absorbed: u64,
}

#[derive(Debug, Clone)]
pub(super) enum FileChange {
    Write { offset: u64, data: Vec<u8> },
    SetSize(u64),
    GrowTo(u64),
    Zero { from: u64, to: u64 },
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Set(String, Inode),
    Remove(String),
    Rename { from: String, to: String },
}

/// A state that changes can be applied to.
pub(super) trait Apply<C> {
    fn apply(&mut self, change: &C);
}

impl<S: Apply<C> + Clone, C> Synced<S, C> {
    /// A state that is durable as it is.
    pub(super) fn new(durable: S) -> Synced<S, C> {
        Synced { durable, pending: Vec::new(), absorbed: 0 }
    }

    /// The durable state with the first `count` pending changes.
    pub(super) fn with_pending(&self, count: usize) -> S {
        let mut state = self.durable.clone();
        self.pending[..count].iter().for_each(|change| state.apply(change));
        state
    }

    /// Number of changes so far, durable or not.
    pub(super) fn total(&self) -> u64 {
        self.absorbed + self.pending.len() as u64
    }

    /// Makes the first `covered` of all changes durable.
    pub(super) fn absorb(&mut self, covered: u64) {
        let covered = covered.min(self.total()).saturating_sub(self.absorbed);
        let count = usize::try_from(covered).expect("no more than pending");
        for change in self.pending.drain(..count) {
            self.durable.apply(&change);
        }
        self.absorbed += covered;
    }
}

impl Apply<FileChange> for Vec<u8> {
    fn apply(&mut self, change: &FileChange) {
        let index = |at: u64| usize::try_from(at).expect("files of a test fit into memory");
        match change {
            FileChange::Write { offset, data } => {
                let (from, to) = (index(*offset), index(*offset) + data.len());
                self.resize(self.len().max(to), 0);
                self[from..to].copy_from_slice(data);
            }
            FileChange::SetSize(size) => self.resize(index(*size), 0),
            FileChange::GrowTo(size) => self.resize(self.len().max(index(*size)), 0),
            FileChange::Zero { from, to } => {
                let to = index(*to).min(self.len());
                let from = index(*from).min(to);
                self[from..to].fill(0);
            }
        }
    }
}

impl Apply<NameChange> for BTreeMap<String, Inode> {
    fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::Set(name, inode) => {
                self.insert(name.clone(), *inode);
            }
            NameChange::Remove(name) => {
                self.remove(name);
            }
            NameChange::Rename { from, to } => {
                if let Some(inode) = self.remove(from) {
                    self.insert(to.clone(), inode);
                }
            }
        }
    }
}
