//! Reads that begin somewhere and end when they have enough.

use std::ops::ControlFlow;

use crate::{
    error::StoreError,
    graph::read::{
        node_record::decode_node,
        reader::{GraphReader, known},
    },
    keys,
    space::Space,
    store::{KeyRange, ScanOptions},
};

/// Whether to go on.
pub type Enough = ControlFlow<()>;

/// From which end of edges one looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// At those that leave a node.
    Leaving,
    /// At those that reach it.
    Reaching,
}

impl<G: From<StoreError>> GraphReader<'_, G> {
    /// Calls `each` with id and property bytes of the nodes from the id `from` on, by id, until it has enough.
    pub fn each_node_from<E: From<G>>(
        &self,
        from: &str,
        mut each: impl FnMut(&str, &[u8]) -> Result<Enough, E>,
    ) -> Result<(), E> {
        let range = KeyRange { start: keys::node(self.id, from), ..keys::graph(self.id) };
        self.until_enough(Space::Nodes, range, ScanOptions::SWEEP, |key, value| {
            let id = known::<_, G>(keys::node_of(key), Space::Nodes, key)?;
            let (_, properties) = decode_node(value).map_err(G::from)?;
            each(id, properties)
        })
    }

    /// Calls `each` with the other end of every edge at `node`, by its id, from `from` on, until it has enough. Parallel edges come
    /// one after the other.
    pub fn each_end_from<E: From<G>>(
        &self,
        side: Side,
        node: &str,
        from: &str,
        mut each: impl FnMut(&str) -> Result<Enough, E>,
    ) -> Result<(), E> {
        let space = match side {
            Side::Leaving => Space::OutEdges,
            Side::Reaching => Space::InEdges,
        };
        let prefix = keys::edges_at(self.id, node);
        let range = KeyRange { start: keys::pair(self.id, node, from), ..KeyRange::prefix(&prefix) };
        self.until_enough(space, range, ScanOptions::FORWARD, |key, _| {
            let (end, _) = known::<_, G>(keys::edge_tail(key, &prefix), space, key)?;
            each(&end)
        })
    }

    /// Calls `each` with every label of every node, by label, until it has enough.
    pub fn each_label<E: From<G>>(&self, mut each: impl FnMut(&str) -> Result<Enough, E>) -> Result<(), E> {
        self.until_enough(Space::Labels, keys::graph(self.id), ScanOptions::SWEEP, |key, _| {
            let (label, _) = known::<_, G>(keys::label_parts(key), Space::Labels, key)?;
            each(&label)
        })
    }

    /// Calls `each` with sequence and stored form of the ledger records before `sequence`, newest first, until it has enough.
    pub fn each_ledger_before<E: From<G>>(
        &self,
        sequence: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<Enough, E>,
    ) -> Result<(), E> {
        let range = keys::ledger_before(self.id, sequence);
        self.until_enough(Space::Ledger, range, ScanOptions::REVERSE, |key, value| {
            each(known::<_, G>(keys::sequence_of(key), Space::Ledger, key)?, value)
        })
    }

    fn until_enough<E: From<G>>(
        &self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<Enough, E>,
    ) -> Result<(), E> {
        let mut cursor = self.read.scan(space, range, options).map_err(G::from)?;
        while let Some((key, value)) = cursor.next().map_err(G::from)? {
            self.pass(value.len())?;
            if each(key, value)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow::{Break, Continue};

    use super::*;
    use crate::{Graphs, graph::LedgerRecord};

    #[test]
    fn each_read_begins_where_it_is_told_and_ends_when_it_has_enough() {
        let graphs = Graphs::in_memory().unwrap();
        let graph = graphs.create("g").unwrap();
        for id in ["", "a", "a\0b", "b", "c"] {
            graph
                .add_node(id, &[("type", "T")].into_iter().collect::<std::collections::BTreeMap<_, _>>())
                .unwrap();
        }
        let none = std::collections::BTreeMap::<String, u8>::new();
        for (from, to) in [("a", "c"), ("a", ""), ("a", "a\0b"), ("a", "c"), ("b", "a")] {
            graph.add_edge(from, to, &none).unwrap();
        }
        let held = graphs.graph("g").unwrap();
        let reader = graphs.latest(&held);
        let mut found = Vec::new();
        let two = |found: &mut Vec<String>, id: &str| -> Result<Enough, StoreError> {
            found.push(id.to_owned());
            Ok(if found.len() == 2 { Break(()) } else { Continue(()) })
        };
        reader.each_node_from("a\0", |id, _| two(&mut found, id)).unwrap();
        assert_eq!(std::mem::take(&mut found), ["a\0b", "b"]);
        let all = |found: &mut Vec<String>, id: &str| -> Result<Enough, StoreError> {
            found.push(id.to_owned());
            Ok(Continue(()))
        };
        reader.each_end_from(Side::Leaving, "a", "", |end| all(&mut found, end)).unwrap();
        assert_eq!(std::mem::take(&mut found), ["", "a\0b", "c", "c"]);
        reader.each_end_from(Side::Leaving, "a", "b", |end| all(&mut found, end)).unwrap();
        assert_eq!(std::mem::take(&mut found), ["c", "c"]);
        reader.each_end_from(Side::Reaching, "a", "", |end| all(&mut found, end)).unwrap();
        assert_eq!(std::mem::take(&mut found), ["b"]);
        reader.each_label(|label| all(&mut found, label)).unwrap();
        assert_eq!(std::mem::take(&mut found), ["T"; 5]);
        let mut newest = Vec::new();
        reader
            .each_ledger_before(u64::MAX, |sequence, record| -> Result<Enough, StoreError> {
                newest.push((sequence, LedgerRecord::decode(record)?.0.line()));
                Ok(if newest.len() == 2 { Break(()) } else { Continue(()) })
            })
            .unwrap();
        assert!(newest[0].1.as_ref().unwrap().starts_with("ADD_EDGE|b|a|"), "{newest:?}");
        assert_eq!(newest[1].0 + 1, newest[0].0);
        reader
            .each_ledger_before(newest[1].0, |sequence, _| -> Result<Enough, StoreError> {
                assert_eq!(sequence + 1, newest[1].0);
                Ok(Break(()))
            })
            .unwrap();
    }
}
