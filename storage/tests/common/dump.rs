//! Everything a graph store holds, read from the records themselves and checked for consistency.
//!
//! Keys are taken apart here by code of its own (`docs/format.md`), not by the crate's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use epistemic_storage::{
    GraphStore, Space, StoreError,
    backend::{KeyRange, Read, ScanOptions},
    graph::{Graph, GraphCounters, GraphType, LedgerRecord, MigrationState},
    properties,
};

type Result<T, E = StoreError> = std::result::Result<T, E>;
type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// One graph without what the clock decides and without its number in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphDump {
    pub kind: GraphType,
    pub owner: Option<String>,
    pub tenant: Option<String>,
    pub standing: Option<MigrationState>,
    pub arrived: Option<String>,
    pub epoch: u64,
    pub state: GraphCounters,
    /// Node id: sequence, properties.
    pub nodes: BTreeMap<String, (u64, Vec<u8>)>,
    /// Source, target, sequence: properties.
    pub out_edges: BTreeMap<(String, String, u64), Vec<u8>>,
    /// Target, source, sequence.
    pub in_edges: BTreeSet<(String, String, u64)>,
    /// Label, sequence: node id.
    pub labels: BTreeMap<(String, u64), String>,
    /// Sequence: record without its time.
    pub ledger: BTreeMap<u64, Vec<u8>>,
    pub vectors: Records,
}

/// All graphs by name.
pub type Dump = BTreeMap<String, GraphDump>;

/// Reads and checks everything, on one view.
pub fn dump(graphs: &GraphStore) -> Result<Dump> {
    let view = graphs.read_view();
    let mut all = Dump::new();
    for graph in all_graphs(graphs) {
        let found = dump_graph(&*view, &graph)?;
        found.check(graph.name());
        all.insert(graph.name().to_string(), found);
    }
    Ok(all)
}

/// The graphs of any standing.
fn all_graphs(graphs: &GraphStore) -> impl Iterator<Item = Arc<Graph>> {
    graphs.graphs().into_iter().chain(graphs.migrating_graphs())
}

/// Demands that every record belongs to a graph of the catalog.
pub fn check_nothing_unowned(graphs: &GraphStore) -> Result<()> {
    let known: BTreeSet<u64> = all_graphs(graphs).map(|graph| id(&graph)).collect();
    for space in Space::OF_GRAPHS {
        for key in records(graphs.store(), space, KeyRange::all())?.keys() {
            let owner = u64::from_be_bytes(*key.first_chunk().expect("a graph id"));
            assert!(known.contains(&owner), "a record of {space} belongs to {owner}, which no graph is");
        }
    }
    Ok(())
}

/// The number of a graph.
pub fn id(graph: &Graph) -> u64 {
    graph.id().number()
}

fn records(read: &dyn Read, space: Space, range: KeyRange) -> Result<Records> {
    let mut found = Records::new();
    let mut cursor = read.scan(space, range, ScanOptions::FORWARD)?;
    while let Some((key, value)) = cursor.next()? {
        assert!(found.insert(key.to_vec(), value.to_vec()).is_none(), "a scan repeats a key");
    }
    Ok(found)
}

fn dump_graph(read: &dyn Read, graph: &Graph) -> Result<GraphDump> {
    let prefix = id(graph).to_be_bytes();
    let of = |space| {
        let found = records(read, space, KeyRange::prefix(&prefix))?;
        Ok::<_, StoreError>(found.into_iter().map(|(key, value)| (key[8..].to_vec(), value)))
    };
    let node = |(key, value): (Vec<u8>, Vec<u8>)| (text(&key), (number(&value[..8]), value[8..].to_vec()));
    let label = |(key, value): (Vec<u8>, Vec<u8>)| {
        let (label, rest) = unescape(&key);
        ((label, number(rest)), text(&value))
    };
    Ok(GraphDump {
        kind: graph.kind(),
        owner: graph.owner().map(|owner| owner.to_string()),
        tenant: graph.tenant().map(str::to_owned),
        standing: graph.migration_state(),
        arrived: graph.arrived(),
        epoch: graph.epoch(),
        state: graph.counters(),
        nodes: of(Space::Nodes)?.map(node).collect(),
        out_edges: of(Space::OutEdges)?.map(|(key, value)| (edge(&key), value)).collect(),
        in_edges: of(Space::InEdges)?.map(|(key, _)| edge(&key)).collect(),
        labels: of(Space::Labels)?.map(label).collect(),
        ledger: of(Space::Ledger)?.map(|(key, value)| (number(&key), timeless(&value))).collect(),
        vectors: of(Space::Vectors)?.collect(),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().expect("eight bytes"))
}

fn timeless(record: &[u8]) -> Vec<u8> {
    [&record[..1], &record[9..]].concat()
}

fn edge(key: &[u8]) -> (String, String, u64) {
    let (near, rest) = unescape(key);
    let (far, rest) = unescape(rest);
    (near, far, number(rest))
}

/// A string with `00 ff` for each zero byte that ends with `00 01`, and what follows it.
fn unescape(bytes: &[u8]) -> (String, &[u8]) {
    let mut plain = Vec::new();
    let mut rest = bytes;
    loop {
        match rest {
            [0, 1, behind @ ..] => return (text(&plain), behind),
            [0, 0xff, behind @ ..] => {
                plain.push(0);
                rest = behind;
            }
            [0, ..] | [] => panic!("no escaped string: {bytes:?}"),
            [byte, behind @ ..] => {
                plain.push(*byte);
                rest = behind;
            }
        }
    }
}

impl GraphDump {
    /// Derived records mirror what they are derived from, counters count, the ledger is in order.
    fn check(&self, name: &str) {
        let state = &self.state;
        assert_eq!(state.nodes, self.nodes.len() as u64, "node counter of '{name}'");
        assert_eq!(state.edges, self.out_edges.len() as u64, "edge counter of '{name}'");
        assert_eq!(state.vectors, self.vectors.len() as u64, "vector counter of '{name}'");
        let mirrored: BTreeSet<_> =
            self.in_edges.iter().map(|(near, far, seq)| (far.clone(), near.clone(), *seq)).collect();
        assert!(self.out_edges.keys().eq(mirrored.iter()), "edges of '{name}' in both directions");
        for (source, target, _) in self.out_edges.keys() {
            assert!(
                self.nodes.contains_key(source) && self.nodes.contains_key(target),
                "{source:?} -> {target:?}"
            );
        }
        let expected: BTreeMap<(String, u64), String> = self
            .nodes
            .iter()
            .flat_map(|(id, (seq, properties))| {
                properties::labels(properties)
                    .into_iter()
                    .map(move |label| ((label.to_owned(), *seq), id.clone()))
            })
            .collect();
        assert_eq!(self.labels, expected, "label index of '{name}'");
        let shown = self.ledger.values().filter(|record| is_shown(record)).count();
        assert_eq!(state.ledger_lines, shown as u64, "ledger lines of '{name}'");
        let nodes = self.nodes.values().map(|(sequence, _)| sequence);
        let edges = self.out_edges.keys().map(|(_, _, sequence)| sequence);
        let newest = nodes.chain(edges).chain(self.ledger.keys()).max().copied().unwrap_or(0);
        assert!(
            newest <= state.sequence,
            "'{name}' has a record {newest} behind its sequence {}",
            state.sequence
        );
        if state.complete_from > 0 {
            let complete = self.ledger.range(state.complete_from..).count() as u64;
            assert_eq!(complete, state.sequence + 1 - state.complete_from, "gaps in the ledger of '{name}'");
        }
    }
}

fn is_shown(timeless: &[u8]) -> bool {
    let whole = [&timeless[..1], &[0; 8], &timeless[1..]].concat();
    LedgerRecord::decode(&whole).expect("a ledger record").0.line().is_some()
}

/// Panics with the first difference.
pub fn assert_same(left: &Dump, right: &Dump, told: &str) {
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>(), "graphs, {told}");
    for (name, graph) in left {
        assert_eq!(graph, &right[name], "graph '{name}', {told}");
    }
}
