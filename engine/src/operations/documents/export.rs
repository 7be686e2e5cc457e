//! `ToMsgpack`: the document form of a graph, streamed from storage.

use epistemic_protocol::ErrorCode;
use epistemic_storage::{
    StoreError,
    graph::{Graph, GraphCounters, GraphReader, LedgerRecord},
};

use crate::{
    request::{
        error::{OpError, ReadError},
        incoming::Request,
        off_thread::{ClientGone, Parts},
        pending::ResponsePart,
        response,
    },
    shard::Shard,
    wire::{
        NoParams, encode,
        response::{Response, ResponseTooLarge, integer_items, integers},
    },
};

/// Bytes of an answer sent at a time.
const PART_BYTES: usize = 256 << 10;

/// Sends the answer of `ToMsgpack` in parts, with bounded memory: the document is walked twice over one read view,
/// first to know its length, then to send it.
pub(crate) fn send(shard: &Shard, graph: &Graph, request: &Request<'_>, parts: &mut Parts) {
    let to = request.reply_to();
    let view = shard.graphs.read_view();
    let reader = GraphReader::new(&*view, graph);
    let measured = request
        .params()
        .map_err(ReadError::from)
        .and_then(|NoParams| Ok(reader.counters()?))
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
            response::error(&mut out, to, &error);
            parts.last(ResponsePart::Last(out));
            return;
        }
    };
    let mut out = head;
    let sent: Result<(), Unsent> = walk(&reader, &state, &mut |bytes| {
        integer_items(&mut out, bytes);
        if out.len() >= PART_BYTES {
            let full = std::mem::replace(&mut out, Vec::with_capacity(PART_BYTES + 4096));
            parts.more(full).map_err(|ClientGone| Unsent::ClientGone)?;
        }
        Ok(())
    });
    let last = match sent {
        Ok(()) => ResponsePart::Last(out),
        Err(error) => {
            tracing::warn!(graph = %graph.name(), %error, "ToMsgpack was not finished");
            ResponsePart::Broken
        }
    };
    parts.last(last);
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
    let response = Response::result(&mut out, id);
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
        integers(&mut piece, properties);
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
        integers(&mut piece, properties);
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
