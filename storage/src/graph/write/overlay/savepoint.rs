//! Savepoints: roll the newest changes of the running group back.

use crate::{graph::write::overlay::Overlay, space::Space};

/// What an index had under a key before a change: nothing, or the put or removal before it.
type Before = Option<Option<usize>>;

/// Where the group was, and what was changed in the indexes since.
pub(crate) struct Savepoint {
    changes: usize,
    undo: Vec<(Space, Vec<u8>, Before)>,
}

impl Savepoint {
    /// Notes a change of an index.
    pub(crate) fn note(&mut self, space: Space, key: &[u8], before: Before) {
        self.undo.push((space, key.to_vec(), before));
    }
}

impl Overlay<'_> {
    /// Changes from here on can be taken back, until [`Overlay::release`]. There is one savepoint at a time.
    pub(crate) fn save(&mut self) {
        self.savepoint = Some(Savepoint { changes: self.batch.len(), undo: Vec::new() });
    }

    /// Keeps what was changed since the savepoint.
    pub(crate) fn release(&mut self) {
        self.savepoint = None;
    }

    /// Takes back what was changed since the savepoint.
    pub(crate) fn roll_back(&mut self) {
        let Some(Savepoint { changes, undo }) = self.savepoint.take() else { return };
        for (space, key, before) in undo.into_iter().rev() {
            match before {
                Some(put) => drop(self.index(space, key, put)),
                None => self.forget(space, &key),
            }
        }
        self.batch.truncate(changes);
    }

    fn forget(&mut self, space: Space, key: &[u8]) {
        match space {
            Space::Nodes => drop(self.nodes.remove(key)),
            Space::OutEdges => drop(self.out_edges.remove(key)),
            Space::InEdges => drop(self.in_edges.remove(key)),
            Space::Vectors => drop(self.vectors.remove(key)),
            Space::Catalog | Space::Labels | Space::Ledger | Space::Channels => {}
        }
    }
}
