//! Documents loaded beside the graph whose place they take.

use std::collections::{BTreeMap, HashMap, HashSet};

use epistemic_storage::{
    GraphStore, StoreError, clock,
    graph::{GraphLoader, LedgerRecord, LoadedGraph},
    limits::{OverLimit, check_bytes},
};

use crate::{
    memory::{Charge, NoRoom},
    request::error::OpError,
    wire::{DecodeError, document::Document},
};

/// Loads a document beside the graph it is to replace. The error is what clients are told.
pub(super) fn load(graphs: &GraphStore, bytes: &[u8], charge: &mut Charge) -> Result<LoadedGraph, OpError> {
    let document = Document::parse(bytes).map_err(Unloadable::from)?;
    let nodes = Nodes::of(&document, charge)?;
    load_parts(graphs.load(), &document, &nodes, graphs.name_limits().node).map_err(OpError::from)
}

/// Why a document cannot be loaded.
enum Unloadable {
    Document(DecodeError),
    Store(StoreError),
    Embedding(String),
    Name(OverLimit),
    NoRoom(NoRoom),
}

impl From<NoRoom> for Unloadable {
    fn from(error: NoRoom) -> Self {
        Unloadable::NoRoom(error)
    }
}

impl From<DecodeError> for Unloadable {
    fn from(error: DecodeError) -> Self {
        Unloadable::Document(error)
    }
}

impl From<StoreError> for Unloadable {
    fn from(error: StoreError) -> Self {
        Unloadable::Store(error)
    }
}

impl From<Unloadable> for OpError {
    fn from(error: Unloadable) -> Self {
        match error {
            Unloadable::Document(error) => OpError::Text(error.reason().to_owned()),
            Unloadable::Store(error) => OpError::Graph(error.into()),
            Unloadable::Embedding(text) => OpError::Text(text),
            Unloadable::Name(error) => OpError::Graph(error.into()),
            Unloadable::NoRoom(error) => error.into(),
        }
    }
}

/// The node ids of a document: of one that comes twice the first place counts, with the properties of the last.
#[derive(Default)]
struct Nodes<'a> {
    last: HashMap<&'a str, usize>,
    repeated: HashSet<&'a str>,
}

/// Bytes of a place in a table of ids, while the table grows: the old one is there, and one twice as large.
const GROWING: usize = 3 * 32;

impl<'a> Nodes<'a> {
    fn of(document: &Document<'a>, charge: &mut Charge) -> Result<Self, Unloadable> {
        let mut nodes = Self::default();
        document.for_each_node_place(|(id, place)| {
            if nodes.last.len() == nodes.last.capacity() {
                charge.set(GROWING * nodes.last.capacity())?;
            }
            if nodes.last.insert(id, place).is_some() {
                nodes.repeated.insert(id);
            }
            Ok::<_, Unloadable>(())
        })?;
        Ok(nodes)
    }

    fn contain(&self, id: &str) -> bool {
        self.last.contains_key(id)
    }
}

fn load_parts(
    mut loader: GraphLoader<'_>,
    document: &Document<'_>,
    nodes: &Nodes<'_>,
    longest_id: usize,
) -> Result<LoadedGraph, Unloadable> {
    let now = clock::unix_ms();
    let make_ledger = !document.has_ledger();
    let mut seen = HashSet::new();
    let mut sequence = 0;
    document.for_each_node(|(id, _), properties| {
        let last;
        let properties = match nodes.last.get(id).filter(|_| nodes.repeated.contains(id)) {
            None => properties,
            Some(_) if !seen.insert(id) => return Ok(()),
            Some(place) => {
                last = document.properties(*place)?;
                &*last.0
            }
        };
        check_bytes("node_id", id, longest_id).map_err(Unloadable::Name)?;
        sequence += 1;
        loader.node(id, sequence, properties)?;
        if make_ledger {
            loader.ledger(sequence, LedgerRecord::AddNode { id, properties }.encode(now))?;
        }
        Ok::<_, Unloadable>(())
    })?;
    document.for_each_edge(|(source, target, properties)| {
        let (source, target, properties) = (source.0, target.0, &*properties.0);
        if nodes.contain(source) && nodes.contain(target) {
            sequence += 1;
            loader.edge(source, target, sequence, properties)?;
            if make_ledger {
                let record = LedgerRecord::AddEdge { source, target, properties };
                loader.ledger(sequence, record.encode(now))?;
            }
        }
        Ok::<_, Unloadable>(())
    })?;
    let mut lines = 0;
    document.for_each_line(|line| {
        lines += 1;
        Ok::<_, Unloadable>(loader.ledger(lines, LedgerRecord::Text(line).encode(now))?)
    })?;
    load_vectors(&mut loader, document, nodes)?;
    Ok(loader.finish()?)
}

/// Embeddings of nodes that exist, of any length; their components must be finite. Empty ones are left out, of repeated
/// ones the last counts.
fn load_vectors(
    loader: &mut GraphLoader<'_>,
    document: &Document<'_>,
    nodes: &Nodes<'_>,
) -> Result<(), Unloadable> {
    let flat = document.flat();
    let flat: BTreeMap<&str, &[f32]> =
        flat.ids.iter().copied().zip(flat.data.chunks(flat.dim.max(1))).collect();
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    document.for_each_embedding_place(|(id, place)| {
        named.insert(id, place);
        Ok::<_, DecodeError>(())
    })?;
    let mut load = |id: &str, vector: &[f32]| {
        if vector.is_empty() || !nodes.contain(id) {
            return Ok(());
        }
        if vector.iter().any(|component| !component.is_finite()) {
            return Err(Unloadable::Embedding(format!(
                "embedding of '{id}' has a component that is no finite number; nothing was imported"
            )));
        }
        let bytes: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
        Ok(loader.embedding(id, &bytes)?)
    };
    for (id, place) in named {
        let vector = document.components(place)?;
        if !flat.contains_key(id) {
            load(id, &vector)?;
        }
    }
    flat.into_iter().try_for_each(|(id, vector)| load(id, vector))
}
