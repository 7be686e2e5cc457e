//! The document form of a graph: `ToMsgpack` streamed from storage, `FromMsgpack` loaded beside the old graph.

use std::collections::{BTreeMap, HashMap};

use epistemic_storage::{
    GraphStore, StoreError, clock,
    graph::{Graph, GraphLoader, GraphReader, GraphState, LedgerRecord, LoadedGraph},
};
use tokio::sync::mpsc::Sender;

use crate::{
    dispatch::{OpError, Part, ReadError, Request, answer},
    shard::Shard,
    wire::{
        document::{Document, SemanticStore},
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
    let view = shard.graphs.view();
    let reader = GraphReader::new(&*view, graph);
    let measured = params::no_params(request.method, request.envelope.params)
        .map_err(ReadError::from)
        .and_then(|()| Ok(reader.state()?))
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
    let sent = walk(&reader, &state, &mut |bytes| {
        response::integer_items(&mut out, bytes);
        if out.len() >= PART_BYTES {
            let full = std::mem::replace(&mut out, Vec::with_capacity(PART_BYTES + 4096));
            parts.blocking_send(Part::More(full)).map_err(|_| StoreError::Io("the client is gone".into()))?;
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

/// What is given out can be taken back: both have one limit.
fn check_size(bytes: usize, most: usize) -> Result<(), OpError> {
    if bytes <= most {
        return Ok(());
    }
    Err(OpError::Text(format!(
        "RESULT_TOO_LARGE: the document has {bytes} bytes, {most} are the most (--max-document-bytes); use egctl snapshot"
    )))
}

/// Length of a document, and how many of its bytes need two as integers.
#[derive(Default)]
struct Size {
    bytes: usize,
    wide: usize,
}

fn measure(reader: &GraphReader<'_>, state: &GraphState) -> Result<Size, StoreError> {
    let mut size = Size::default();
    walk(reader, state, &mut |bytes| {
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
fn walk(
    reader: &GraphReader<'_>,
    state: &GraphState,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
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
    reader.for_each_ledger(0, |_, record| {
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
    reader.for_each_vector(|id, components| {
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
pub(crate) fn load(graphs: &GraphStore, document: &[u8]) -> Result<LoadedGraph, OpError> {
    let document = Document::parse(document).map_err(|error| OpError::Text(error.reason().to_owned()))?;
    let mut loader = graphs.load();
    let now = clock::unix_ms();
    let make_ledger = document.ledger.is_none();
    let log = |loader: &mut GraphLoader<'_>, sequence, record: LedgerRecord<'_>| {
        if make_ledger { loader.ledger(sequence, record.encode(now)) } else { Ok(()) }
    };
    let mut last: HashMap<&str, &[u8]> = HashMap::with_capacity(document.nodes.len());
    for (id, properties) in &document.nodes {
        last.insert(id.0, &properties.0);
    }
    let mut sequence = 0;
    let mut seen = std::collections::HashSet::with_capacity(last.len());
    for (id, _) in &document.nodes {
        if let Some(properties) = last.get(id.0).filter(|_| seen.insert(id.0)) {
            sequence += 1;
            loader.node(id.0, sequence, properties).map_err(storage)?;
            log(&mut loader, sequence, LedgerRecord::AddNode { id: id.0, properties }).map_err(storage)?;
        }
    }
    for (source, target, properties) in &document.edges {
        if last.contains_key(source.0) && last.contains_key(target.0) {
            sequence += 1;
            let (source, target, properties) = (source.0, target.0, &*properties.0);
            loader.edge(source, target, sequence, properties).map_err(storage)?;
            log(&mut loader, sequence, LedgerRecord::AddEdge { source, target, properties })
                .map_err(storage)?;
        }
    }
    for (line, sequence) in document.ledger.iter().flatten().zip(1..) {
        loader.ledger(sequence, LedgerRecord::Text(line).encode(now)).map_err(storage)?;
    }
    load_vectors(&mut loader, &document.semantic_store, &last)?;
    loader.finish().map_err(storage)
}

fn storage(error: StoreError) -> OpError {
    OpError::Graph(error.into())
}

/// Embeddings of nodes that exist, of any length; their components must be finite. Empty ones are left out, of repeated
/// ones the last counts.
fn load_vectors(
    loader: &mut GraphLoader<'_>,
    store: &SemanticStore<'_>,
    nodes: &HashMap<&str, &[u8]>,
) -> Result<(), OpError> {
    let flat = store.ids.iter().copied().zip(store.data.chunks(store.dim.max(1)));
    let named = store.embeddings.iter().map(|(id, vector)| (*id, vector.as_slice()));
    let all = named.chain(flat).filter(|(id, vector)| nodes.contains_key(id) && !vector.is_empty());
    let last: BTreeMap<&str, &[f32]> = all.collect();
    for (id, vector) in last {
        if vector.iter().any(|component| !component.is_finite()) {
            return Err(OpError::Text(format!(
                "embedding of '{id}' has a component that is no finite number; nothing was imported"
            )));
        }
        let bytes: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
        loader.vector(id, &bytes).map_err(storage)?;
    }
    Ok(())
}
