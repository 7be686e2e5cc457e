//! Tail digest. Given two copies equal at sequence S, equal tail digests after S prove them equal now.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::{
    error::Result,
    graph::{
        catalog::{counters::GraphCounters, graph::Graph},
        error::GraphError,
        ledger::{
            reader::{check_complete, for_each_change},
            record::LedgerRecord,
        },
        read::reader::GraphReader,
        store::GraphStore,
    },
    keys::{self, GraphId},
    space::Space,
    store::{KeyRange, Read, ScanOptions},
};

/// What changed behind a sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailDigest {
    /// Counters of the view it was computed on, the newest sequence number among them.
    pub counters: GraphCounters,
    /// Lower-case hexadecimal SHA-256 of the counters, of the ledger records from the sequence number on, its own included, and
    /// of all records, as they are now, that those behind it name: nodes, embeddings, edges of the pairs, all edges at removed
    /// nodes. Its own tells another graph of the name, created since, from this one.
    pub digest: String,
}

/// What ledger records name.
#[derive(Default)]
struct Named {
    nodes: BTreeSet<String>,
    removed: BTreeSet<String>,
    pairs: BTreeSet<(String, String)>,
}

impl Named {
    fn add(&mut self, record: &LedgerRecord<'_>) {
        match record {
            LedgerRecord::AddNode { id, .. }
            | LedgerRecord::SetNode { id, .. }
            | LedgerRecord::AddEmbedding { node: id, .. } => {
                self.nodes.insert((*id).to_owned());
            }
            LedgerRecord::RemoveNode { id } => {
                self.nodes.insert((*id).to_owned());
                self.removed.insert((*id).to_owned());
            }
            LedgerRecord::AddEdge { source, target, .. }
            | LedgerRecord::RemoveEdge { source, target }
            | LedgerRecord::SetEdge { source, target, .. }
            | LedgerRecord::RemoveParallel { source, target, .. } => {
                self.pairs.insert(((*source).to_owned(), (*target).to_owned()));
            }
            LedgerRecord::Text(_)
            | LedgerRecord::Created
            | LedgerRecord::Cleared
            | LedgerRecord::Replaced
            | LedgerRecord::LedgerCleared
            | LedgerRecord::Owned { .. } => {}
        }
    }
}

impl GraphStore {
    /// The digest of what changed in `graph`, in any migration state, behind `after`. Takes memory for the names that changed, and
    /// time for their records, whatever the size of the graph. Blocks.
    ///
    /// # Errors
    /// [`GraphError::LedgerTruncated`] when the ledger does not tell all changes behind `after`.
    pub fn tail_digest(&self, graph: &Graph, after: u64) -> Result<TailDigest, GraphError> {
        let view = self.read_view();
        let counters = GraphReader::new(&*view, graph).counters()?;
        check_complete(graph, &counters, after)?;
        graph.hold_ledger(after);
        let mut named = Named::default();
        let mut digest = Sha256::new();
        // How far back the ledgers go may differ between the copies.
        feed(&mut digest, Some(&GraphCounters { ledger_lines: 0, complete_from: 0, ..counters }.encode()));
        feed(&mut digest, view.get(Space::Ledger, &keys::ledger(graph.id(), after))?.as_deref());
        for_each_change(&*view, graph, &counters, after, |sequence, record| {
            digest.update(sequence.to_le_bytes());
            feed(&mut digest, Some(record));
            named.add(&LedgerRecord::decode(record)?.0);
            Ok(true)
        })?;
        feed_named(&mut digest, &*view, graph.id(), &named)?;
        Ok(TailDigest { counters, digest: hex::encode(digest.finalize()) })
    }
}

fn feed_named(digest: &mut Sha256, view: &dyn Read, id: GraphId, named: &Named) -> Result<()> {
    for node in &named.nodes {
        let key = keys::node(id, node);
        feed(digest, Some(node.as_bytes()));
        feed(digest, view.get(Space::Nodes, &key)?.as_deref());
        feed(digest, view.get(Space::Vectors, &key)?.as_deref());
    }
    for node in &named.removed {
        for space in [Space::OutEdges, Space::InEdges] {
            feed_range(digest, view, space, &keys::edges_at(id, node))?;
        }
    }
    for (source, target) in &named.pairs {
        feed_range(digest, view, Space::OutEdges, &keys::pair(id, source, target))?;
        feed_range(digest, view, Space::InEdges, &keys::pair(id, target, source))?;
    }
    Ok(())
}

/// Keys without the graph id, which differs between copies, and values.
fn feed_range(digest: &mut Sha256, view: &dyn Read, space: Space, prefix: &[u8]) -> Result<()> {
    let mut cursor = view.scan(space, KeyRange::prefix(prefix), ScanOptions::FORWARD)?;
    while let Some((key, value)) = cursor.next()? {
        feed(digest, keys::without_graph_id(key));
        feed(digest, Some(value));
    }
    feed(digest, None);
    Ok(())
}

/// Length and bytes, so that no two sequences of values run into each other; an absent value has a length of its own.
fn feed(digest: &mut Sha256, bytes: Option<&[u8]>) {
    let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
    digest.update(length.to_le_bytes());
    digest.update(bytes.unwrap_or_default());
}
