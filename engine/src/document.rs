//! The document form of a graph: `ToMsgpack` streamed from storage, `FromMsgpack` loaded beside the old graph.

use std::collections::{BTreeMap, HashMap, HashSet};

use epistemic_protocol::ErrorCode;
use epistemic_storage::{
    GraphStore, StoreError, clock,
    graph::{Graph, GraphCounters, GraphLoader, GraphReader, LedgerRecord, LoadedGraph},
    limits::{OverLimit, check_bytes},
};
use tokio::sync::mpsc::Sender;

use crate::{
    dispatch::{OpError, Part, ReadError, Request, answer},
    memory::{Charge, NoRoom},
    shard::Shard,
    wire::{
        DecodeError,
        document::Document,
        encode, params,
        response::{self, ResponseTooLarge},
    },
};

/// Bytes of an answer sent at a time.
const PART_BYTES: usize = 256 << 10;

/// Sends the answer of `ToMsgpack` in parts, with bounded memory: the document is walked twice over one read view,
/// first to know its length, then to send it.
pub(crate) fn send(shard: &Shard, graph: &Graph, request: &Request<'_>, parts: &Sender<Part>) {
    let to = request.envelope.reply_to();
    let view = shard.graphs.read_view();
    let reader = GraphReader::new(&*view, graph);
    let measured = params::no_params(request.method, request.envelope.params)
        .map_err(ReadError::from)
        .and_then(|()| Ok(reader.counters()?))
        .and_then(|state| Ok((state, measure(&reader, &state)?)));
    let begun = measured.map_err(|error| error.of(shard, graph)).and_then(|(state, size)| {
        check_size(size.bytes, shard.limits.max_document_bytes)?;
        let head = begin_answer(to.id, &size).map_err(|error| OpError::Text(error.to_string()))?;
        Ok((state, head))
    });
    let (state, head) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let mut out = Vec::new();
            answer::error(&mut out, to, &error);
            let _ = parts.blocking_send(Part::Last(out));
            return;
        }
    };
    let mut out = head;
    let sent: Result<(), Unsent> = walk(&reader, &state, &mut |bytes| {
        response::integer_items(&mut out, bytes);
        if out.len() >= PART_BYTES {
            let full = std::mem::replace(&mut out, Vec::with_capacity(PART_BYTES + 4096));
            parts.blocking_send(Part::More(full)).map_err(|_| Unsent::ClientGone)?;
        }
        Ok(())
    });
    let last = match sent {
        Ok(()) => Part::Last(out),
        Err(error) => {
            tracing::warn!(graph = %graph.name(), %error, "ToMsgpack was not finished");
            Part::Broken
        }
    };
    let _ = parts.blocking_send(last);
}

/// Why a document was not sent to its end.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the client is gone")]
    ClientGone,
}

/// What is given out can be taken back: both have one limit.
fn check_size(bytes: usize, most: usize) -> Result<(), OpError> {
    if bytes <= most {
        return Ok(());
    }
    Err(OpError::Refused(
        ErrorCode::ResultTooLarge,
        format!(
            "the document has {bytes} bytes, {most} are the most (--max-document-bytes); use egctl snapshot"
        ),
    ))
}

/// Length of a document, and how many of its bytes need two as integers.
#[derive(Default)]
struct Size {
    bytes: usize,
    wide: usize,
}

fn measure(reader: &GraphReader<'_>, state: &GraphCounters) -> Result<Size, StoreError> {
    let mut size = Size::default();
    walk(reader, state, &mut |bytes| -> Result<(), StoreError> {
        size.bytes += bytes.len();
        size.wide += bytes.iter().filter(|byte| **byte > 0x7f).count();
        Ok(())
    })?;
    Ok(size)
}

/// The frame of the answer up to the first integer.
fn begin_answer(id: u64, size: &Size) -> Result<Vec<u8>, ResponseTooLarge> {
    let mut out = Vec::with_capacity(PART_BYTES + 4096);
    let response = response::Response::result(&mut out, id);
    encode::array(&mut out, size.bytes);
    response.finish_with(&mut out, size.bytes + size.wide)?;
    Ok(out)
}

/// Calls `sink` with the document's bytes, piece by piece.
fn walk<E: From<StoreError>>(
    reader: &GraphReader<'_>,
    state: &GraphCounters,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut piece = Vec::new();
    encode::map(&mut piece, 4);
    encode::str(&mut piece, "nodes");
    encode::array(&mut piece, state.nodes as usize);
    sink(&piece)?;
    reader.for_each_node(|id, _, properties| {
        piece.clear();
        encode::array(&mut piece, 2);
        encode::str(&mut piece, id);
        response::integers(&mut piece, properties);
        sink(&piece)
    })?;
    piece.clear();
    encode::str(&mut piece, "edges");
    encode::array(&mut piece, state.edges as usize);
    sink(&piece)?;
    reader.for_each_edge(|source, target, _, properties| {
        piece.clear();
        encode::array(&mut piece, 3);
        encode::str(&mut piece, source);
        encode::str(&mut piece, target);
        response::integers(&mut piece, properties);
        sink(&piece)
    })?;
    piece.clear();
    encode::str(&mut piece, "ledger");
    encode::array(&mut piece, state.ledger_lines as usize);
    sink(&piece)?;
    reader.for_each_ledger(0, |_, record| -> Result<(), E> {
        if let Some(line) = LedgerRecord::decode(record)?.0.line() {
            piece.clear();
            encode::str(&mut piece, &line);
            sink(&piece)?;
        }
        Ok(())
    })?;
    piece.clear();
    encode::str(&mut piece, "semantic_store");
    encode::map(&mut piece, 1);
    encode::str(&mut piece, "embeddings");
    encode::map(&mut piece, state.vectors as usize);
    sink(&piece)?;
    reader.for_each_embedding(|id, components| {
        piece.clear();
        encode::str(&mut piece, id);
        let (components, _) = components.as_chunks::<4>();
        encode::array(&mut piece, components.len());
        for component in components {
            encode::float32(&mut piece, f32::from_le_bytes(*component));
        }
        sink(&piece)
    })
}

/// Loads a document beside the graph it is to replace. The error is what clients are told.
pub(crate) fn load(graphs: &GraphStore, bytes: &[u8], charge: &mut Charge) -> Result<LoadedGraph, OpError> {
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
