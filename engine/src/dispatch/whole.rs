//! Reads of much of a graph, on one read view each. Small graphs are answered at once, others on a blocking thread.

use std::{collections::HashSet, sync::Arc};

use epistemic_protocol::ErrorCode;
use epistemic_storage::{
    StoreError,
    graph::{Graph, GraphError, GraphReader, LedgerRecord},
    view,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    OpError, Part, Pending, Request, answer,
    compute::{self, Computation},
    reads::{self, ReadError, decoded_or_empty},
};
use crate::{
    account::Account,
    admission::{Kind, Permit},
    analytics::Cancel,
    compute_pool::scan_on,
    document,
    memory::{Body, Room, decoded},
    shard::Shard,
    wire::{Envelope, Method, encode, params, response},
};

/// Up to this many nodes, edges and ledger lines a graph is read on the connection's task.
const SMALL: u64 = 256;
/// Parts of an answer that may wait for their client.
const PARTS: usize = 2;

/// Runs a whole-graph read: into the outbox when it is small, or as a promise. Without `first_try` it is known to be long.
pub(super) fn run(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    first_try: bool,
    outbox: &mut Vec<u8>,
) -> Option<Pending> {
    let to = request.envelope.reply_to();
    let graph = answer::accepted(outbox, to, shard.graphs.graph(request.envelope.graph))?;
    shard.metrics.graph_op(graph.name());
    let state = graph.state();
    let small = state.nodes + state.edges + state.ledger_lines <= SMALL && reads::is_short(request);
    let try_here = small && first_try && request.method != Method::ToMsgpack && !graph.has_large_records();
    if try_here {
        let room = Room::small(reads::SMALL_RESULT);
        let bounds = Bounds { room: &room, stored: reads::FEW_DECODED_BYTES, watch: &|| Ok(()) };
        if answer_whole(shard, &graph, request, &bounds, outbox) {
            return None;
        }
    }
    let account = request.account(graph.name(), Some(&graph));
    let (permit, stream) = answer::accepted(outbox, to, places(shard, &account, request, body))?;
    let (parts, receiver) = mpsc::channel(PARTS);
    let (owned, body) = (Arc::clone(shard), body.clone());
    let Request { method, begun, connection, .. } = *request;
    let peer = Arc::clone(request.peer);
    let cancel = Cancel::default();
    let (own, charged) = (cancel.clone(), account.clone());
    let work = move || {
        // It was parsed from the same bytes before.
        let Ok(envelope) = Envelope::parse(&body) else { return };
        let request = Request { envelope, method, begun, peer: &peer, connection };
        if method == Method::ToMsgpack {
            document::send(&owned, &graph, &request, &parts);
            drop(stream);
        } else {
            let room = request.room(&owned, &charged);
            let mut out = Vec::new();
            let watch = || scan_on(&own);
            let bounds = Bounds { room: &room, stored: usize::MAX, watch: &watch };
            match decoded(&owned.memory, &charged.tenant, envelope.params) {
                Err(no_room) => answer::error(&mut out, envelope.reply_to(), &no_room.into()),
                Ok(_decoded) => {
                    if !answer_whole(&owned, &graph, &request, &bounds, &mut out) {
                        out = Vec::new();
                        answer::error(&mut out, envelope.reply_to(), &OpError::Text(room.refusal()));
                    }
                }
            }
            if own.check().is_err() {
                out = Vec::new();
                answer::error(&mut out, envelope.reply_to(), &compute::ended(&owned, &request, &own));
            }
            // A client that has gone needs no answer.
            let _ = parts.blocking_send(Part::whole(room, &request, out));
        }
        owned.metrics.answered(method, begun.elapsed());
    };
    if method == Method::ToMsgpack {
        // A slow client keeps its thread: it must not be one of those that others wait for.
        tokio::task::spawn_blocking(work);
        return Some(Pending::task(receiver, Some(permit)));
    }
    shard.reads.submit(&account, &cancel, work);
    Some(Pending::read(to, receiver, permit, cancel))
}

/// How far a read goes.
struct Bounds<'a> {
    room: &'a Room,
    /// Bytes of stored records that are looked at.
    stored: usize,
    /// Asked at each record.
    watch: &'a dyn Fn() -> Result<(), StoreError>,
}

/// A place in flight, and for a streamed answer one of the threads.
fn places(
    shard: &Shard,
    account: &Account,
    request: &Request<'_>,
    body: &Body,
) -> Result<(Permit, Option<OwnedSemaphorePermit>), OpError> {
    let stream = if request.method == Method::ToMsgpack {
        let place = Arc::clone(&shard.streams).try_acquire_owned();
        Some(place.map_err(|_| {
            let text = "as many ToMsgpack as can be are running, retry with backoff";
            OpError::Refused(ErrorCode::Busy, text.into())
        })?)
    } else {
        None
    };
    Ok((shard.admission.admit(account, Kind::Long, body.len())?, stream))
}

/// Appends the answer; false, with nothing appended, when it goes beyond its bounds.
fn answer_whole(
    shard: &Shard,
    graph: &Graph,
    request: &Request<'_>,
    bounds: &Bounds<'_>,
    out: &mut Vec<u8>,
) -> bool {
    reads::answer_within_budget(shard, graph, request, out, |out| {
        let view = shard.graphs.view();
        let reader = GraphReader::new(&*view, graph).with_byte_budget(bounds.stored).watched(bounds.watch);
        read(&reader, request, bounds.room, out)
    })
}

fn read(
    reader: &GraphReader<'_>,
    request: &Request<'_>,
    room: &Room,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let Request { method, envelope, .. } = *request;
    let raw = envelope.params;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes nothing else here")]
    match method {
        Method::GetNodes => {
            params::no_params(method, raw)?;
            let mut rows = Rows::new(room);
            reader.for_each_node(|id, sequence, properties| {
                rows.add(sequence, |out| {
                    encode::array(out, 2);
                    encode::str(out, id);
                    decoded_or_empty(out, properties);
                })
            })?;
            rows.write(out);
        }
        Method::NodeIds => {
            params::no_params(method, raw)?;
            let mut rows = Rows::new(room);
            reader.for_each_node(|id, sequence, _| rows.add(sequence, |out| encode::str(out, id)))?;
            rows.write(out);
        }
        Method::GetNodesByLabel => {
            let params::NodesByLabel { label, after, limit } = params::params(method, raw)?;
            let behind = match after {
                None => 0,
                Some(id) => {
                    let node = reader.node(id)?;
                    node.ok_or_else(|| GraphError::NodeNotFound(id.to_owned()))
                        .map_err(OpError::from)?
                        .sequence
                }
            };
            let (mut rows, mut count) = (Vec::new(), 0);
            reader.for_each_by_label(label, behind, limit, |id, properties| {
                encode::array(&mut rows, 2);
                encode::str(&mut rows, id);
                decoded_or_empty(&mut rows, properties);
                count += 1;
                room.check(rows.len())
            })?;
            encode::array(out, count);
            out.extend_from_slice(&rows);
        }
        Method::GetEdges => {
            params::no_params(method, raw)?;
            let mut rows = Rows::new(room);
            reader.for_each_edge(|source, target, sequence, properties| {
                rows.add(sequence, |out| {
                    encode::array(out, 3);
                    encode::str(out, source);
                    encode::str(out, target);
                    response::integers(out, properties);
                })
            })?;
            rows.write(out);
        }
        Method::GetTriples => {
            params::no_params(method, raw)?;
            triples(reader, room, out)?;
        }
        Method::GetSubgraph => {
            let params::NodeIds { node_ids } = params::params(method, raw)?;
            subgraph(reader, node_ids, room, out)?;
        }
        Method::GetLedger => {
            params::no_params(method, raw)?;
            let mut rows = Rows::new(room);
            reader.for_each_ledger(0, |sequence, record| {
                if let Some(line) = LedgerRecord::decode(record)?.0.line() {
                    rows.add(sequence, |out| encode::str(out, &line))?;
                }
                Ok(())
            })?;
            if request.envelope.reply_to().coded {
                // Counted in changes, which are never fewer than lines.
                let before = reader.state()?.complete_from.saturating_sub(1);
                encode::map(out, 3);
                encode::str(out, "populated");
                encode::bool(out, true);
                encode::str(out, "watermark");
                encode::uint(out, before);
                encode::str(out, "entries");
            }
            rows.write(out);
        }
        // A point read that turned out to be long.
        _ => reads::read(reader, request, room, out)?,
    }
    Ok(())
}

/// Encoded rows that are answered in insertion order although storage yields them in key order.
struct Rows<'r> {
    bytes: Vec<u8>,
    ends: Vec<(u64, usize, usize)>,
    /// Bytes of the answer beside these rows.
    beside: usize,
    room: &'r Room,
}

impl<'r> Rows<'r> {
    fn new(room: &'r Room) -> Self {
        Self::beside(0, room)
    }

    fn beside(bytes: usize, room: &'r Room) -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), beside: bytes, room }
    }

    fn add(&mut self, sequence: u64, encode_row: impl FnOnce(&mut Vec<u8>)) -> Result<(), StoreError> {
        let start = self.bytes.len();
        encode_row(&mut self.bytes);
        self.ends.push((sequence, start, self.bytes.len()));
        // A place in the list is kept for each, whatever it says.
        self.room
            .check(self.beside + self.bytes.len() + self.ends.len() * size_of::<(u64, usize, usize)>() / 2)
    }

    /// Appends an array of all rows.
    fn write(mut self, out: &mut Vec<u8>) {
        encode::array(out, self.ends.len());
        if self.ends.is_sorted() {
            out.extend_from_slice(&self.bytes);
            return;
        }
        self.ends.sort_unstable();
        out.reserve(self.bytes.len());
        for (_, start, end) in self.ends {
            out.extend_from_slice(&self.bytes[start..end]);
        }
    }
}

/// Nodes and edges with their properties, and the ledger, of one state.
pub(super) fn copy(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let view = computation.shard.graphs.view();
    let reader = GraphReader::new(&*view, computation.graph);
    let mut nodes = Rows::new(computation.room);
    reader.for_each_node(|id, sequence, properties| {
        scan_on(computation.cancel)?;
        nodes.add(sequence, |out| {
            encode::array(out, 2);
            encode::str(out, id);
            decoded_or_empty(out, properties);
        })
    })?;
    let mut edges = Rows::beside(nodes.bytes.len(), computation.room);
    reader.for_each_edge(|source, target, sequence, properties| {
        scan_on(computation.cancel)?;
        edges.add(sequence, |out| {
            encode::array(out, 3);
            encode::str(out, source);
            encode::str(out, target);
            decoded_or_empty(out, properties);
        })
    })?;
    let mut ledger = Rows::beside(nodes.bytes.len() + edges.bytes.len(), computation.room);
    reader.for_each_ledger(0, |sequence, record| match LedgerRecord::decode(record)?.0.line() {
        Some(line) => ledger.add(sequence, |out| encode::str(out, &line)),
        None => Ok(()),
    })?;
    encode::map(out, 3);
    for (name, rows) in [("nodes", nodes), ("edges", edges), ("ledger", ledger)] {
        encode::str(out, name);
        rows.write(out);
    }
    Ok(())
}

fn triples(reader: &GraphReader<'_>, room: &Room, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let mut edges = Rows::new(room);
    reader.for_each_edge(|source, target, sequence, properties| {
        edges.add(sequence, |out| triple(out, source, view::edge_predicate(properties), target))
    })?;
    let (mut nodes, mut count) = (Rows::beside(edges.bytes.len(), room), edges.ends.len());
    reader.for_each_node(|id, sequence, properties| {
        nodes.add(sequence, |out| {
            for (predicate, object) in view::node_triples(properties) {
                triple(out, id, predicate, &object);
                count += 1;
            }
        })
    })?;
    encode::array(out, count);
    for rows in [&mut edges, &mut nodes] {
        rows.ends.sort_unstable();
        for (_, start, end) in &rows.ends {
            out.extend_from_slice(&rows.bytes[*start..*end]);
        }
    }
    Ok(())
}

fn triple(out: &mut Vec<u8>, subject: &str, predicate: &str, object: &str) {
    encode::array(out, 3);
    for text in [subject, predicate, object] {
        encode::str(out, text);
    }
}

/// The nodes asked for that exist, each once, and every edge between two of them.
fn subgraph(
    reader: &GraphReader<'_>,
    node_ids: Vec<&str>,
    room: &Room,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let mut wanted = HashSet::new();
    let ids: Vec<&str> = node_ids.into_iter().filter(|id| wanted.insert(*id)).collect();
    let (mut present, mut nodes) = (Vec::new(), Vec::new());
    reads::in_slices(&ids, |ids| {
        let mut read = 0;
        for (id, node) in ids.iter().zip(reader.nodes(ids)?) {
            let Some(node) = node else { continue };
            read += node.properties.len();
            present.push(*id);
            encode::map(&mut nodes, 2);
            encode::str(&mut nodes, "id");
            encode::str(&mut nodes, id);
            encode::str(&mut nodes, "properties");
            decoded_or_nil(&mut nodes, &node.properties);
            room.check(nodes.len())?;
        }
        Ok(read)
    })?;
    let inside: HashSet<&str> = present.iter().copied().collect();
    let mut edges = Rows::beside(nodes.len(), room);
    for source in &present {
        reader.for_each_edge_from(source, |target, sequence, properties| {
            if inside.contains(target) {
                edges.add(sequence, |out| {
                    encode::map(out, 3);
                    encode::str(out, "source");
                    encode::str(out, source);
                    encode::str(out, "target");
                    encode::str(out, target);
                    encode::str(out, "properties");
                    decoded_or_nil(out, properties);
                })?;
            }
            Ok(())
        })?;
    }
    encode::map(out, 2);
    encode::str(out, "nodes");
    encode::array(out, present.len());
    out.extend_from_slice(&nodes);
    encode::str(out, "edges");
    edges.write(out);
    Ok(())
}

fn decoded_or_nil(out: &mut Vec<u8>, properties: &[u8]) {
    if !view::write_view(properties, out) {
        encode::nil(out);
    }
}
