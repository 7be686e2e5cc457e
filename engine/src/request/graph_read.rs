//! Reads of one graph. Those of one node or edge, a point read, and those of small graphs are answered on the connection's task,
//! straight from storage; what turns out to be long, or may be, on a thread for reads. All are, where the store says that its
//! reads wait.

use std::{cell::Cell, sync::Arc};

use epistemic_protocol::ErrorCode;
use epistemic_storage::graph::{Graph, GraphCounters, GraphReader};
use tokio::sync::mpsc::Sender;

use super::{
    error::{OpError, ReadError},
    incoming::Request,
    off_thread::{Job, Threads},
    pending::{PendingResponse, ResponsePart},
    response,
};
use crate::{
    admission::Kind,
    analytics::Cancel,
    memory::{Body, Room},
    shard::Shard,
    wire::NoParams,
};

/// Records that a read passes over on the connection's task.
const FEW_RECORDS: usize = 4_000;
/// Bytes of stored records that are copied on the connection's task.
const FEW_BYTES_READ: usize = 1 << 20;
/// Bytes of stored records that are decoded there: each may stand for a list, which takes many times its byte.
const FEW_DECODED_BYTES: usize = 64 << 10;
/// Parameters of a read that is answered on the connection's task.
const FEW_BYTES: usize = 8 << 10;
/// Bytes of an answer that is built on the connection's task.
const SMALL_RESULT: usize = 1 << 20;
/// Up to this many nodes, edges and ledger lines a graph is read on the connection's task.
const SMALL_GRAPH: u64 = 256;
/// Keys that a batch read looks up at a time, at first and at most: each may be of a large record.
const FIRST_SLICE: usize = 8;
pub(crate) const SLICE: usize = 32;

/// Appends the result of a read.
pub(crate) type ReadFn = fn(&GraphRead<'_>, &mut Vec<u8>) -> Result<(), ReadError>;
/// Appends the result of a read of a graph's counters.
pub(crate) type CountersFn = fn(&GraphCounters, &mut Vec<u8>);
/// Sends the whole response in parts.
pub(crate) type StreamFn = fn(&Shard, &Graph, &Request<'_>, &Sender<ResponsePart>);

/// What a read works with.
pub(crate) struct GraphRead<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) graph: &'a Graph,
    pub(crate) request: &'a Request<'a>,
    /// For the response.
    pub(crate) room: &'a Room,
    bounds: Bounds<'a>,
}

/// How far a read goes.
#[derive(Clone, Copy)]
struct Bounds<'a> {
    /// Records that it passes over.
    records: usize,
    /// Bytes of stored records that it copies, and of those that it decodes.
    stored: usize,
    decoded: usize,
    /// Asked at each record.
    cancel: Option<&'a Cancel>,
}

/// Of a point read on the connection's task.
const POINT: Bounds<'static> =
    Bounds { records: FEW_RECORDS, stored: FEW_BYTES_READ, decoded: FEW_DECODED_BYTES, cancel: None };
/// Of a read of a whole graph there.
const SMALL: Bounds<'static> =
    Bounds { records: usize::MAX, stored: FEW_DECODED_BYTES, decoded: FEW_DECODED_BYTES, cancel: None };

impl GraphRead<'_> {
    /// Looks at the newest state once: a second look might see a later one.
    pub(crate) fn latest<T>(
        &self,
        look: impl FnOnce(&GraphReader<'_, ReadError>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let guard = self.bounds.guard(self.bounds.stored);
        look(&self.shard.graphs.latest(self.graph).guarded(&guard))
    }

    /// As [`GraphRead::latest`], for what decodes the records.
    pub(crate) fn latest_decoded<T>(
        &self,
        look: impl FnOnce(&GraphReader<'_, ReadError>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let guard = self.bounds.guard(self.bounds.decoded);
        look(&self.shard.graphs.latest(self.graph).guarded(&guard))
    }

    /// Takes several looks at one state.
    pub(crate) fn view<T>(
        &self,
        look: impl FnOnce(&GraphReader<'_, ReadError>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let view = self.shard.graphs.read_view();
        let guard = self.bounds.guard(self.bounds.stored);
        look(&GraphReader::new(&*view, self.graph).guarded(&guard))
    }
}

impl Bounds<'_> {
    /// Counts each record, and ends the read beyond the bounds.
    fn guard(self, bytes: usize) -> impl Fn(usize) -> Result<(), ReadError> {
        let (records, bytes) = (Cell::new(self.records), Cell::new(bytes));
        move |read| {
            records.set(records.get().checked_sub(1).ok_or(ReadError::OverBudget)?);
            bytes.set(bytes.get().checked_sub(read).ok_or(ReadError::OverBudget)?);
            Ok(self.cancel.map_or(Ok(()), Cancel::check)?)
        }
    }
}

/// Calls `look` with some of the keys at a time, which it looks up at once; it tells how many bytes it found.
pub(crate) fn in_slices<'k, K>(
    keys: &'k [K],
    mut look: impl FnMut(&'k [K]) -> Result<usize, ReadError>,
) -> Result<(), ReadError> {
    let (mut rest, mut count) = (keys, FIRST_SLICE);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(count.min(rest.len()));
        count = if look(now)? > FEW_BYTES_READ { 1 } else { SLICE.min(count * 2) };
        rest = later;
    }
    Ok(())
}

/// Answers a read of the graph's counters into the outbox, or promises its response where reads wait.
pub(crate) fn counters(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    read: CountersFn,
    outbox: &mut Vec<u8>,
) -> Option<PendingResponse> {
    let to = request.reply_to();
    let graph = response::accepted(outbox, to, shard.graphs.graph(request.envelope.graph))?;
    shard.metrics.graph_op(graph.name());
    let run = move |shard: &Shard, graph: &Graph, request: &Request<'_>, out: &mut Vec<u8>| {
        let (state, _) = shard.graphs.newest(graph)?;
        let NoParams = request.params()?;
        read(&state, out);
        Ok::<_, ReadError>(())
    };
    if shard.reads_wait {
        let run =
            move |call: &GraphRead<'_>, out: &mut Vec<u8>| run(call.shard, call.graph, call.request, out);
        return on_thread(shard, graph, request, body, run, outbox);
    }
    let result = |out: &mut _| run(shard, &graph, request, out).map_err(|error| error.of(shard, &graph));
    response::result(outbox, to, result);
    None
}

/// Answers a point read into the outbox, or promises its response when it is long.
pub(crate) fn point(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    read: ReadFn,
    outbox: &mut Vec<u8>,
) -> Option<PendingResponse> {
    let found = shard.graphs.graph(request.envelope.graph);
    let graph = response::accepted(outbox, request.reply_to(), found)?;
    shard.metrics.graph_op(graph.name());
    let try_here = !shard.reads_wait && is_short(request) && !graph.has_large_records();
    if try_here && is_answered(shard, &graph, request, POINT, read, outbox) {
        return None;
    }
    on_thread(shard, graph, request, body, read, outbox)
}

/// As [`point`], for a read of much of a graph.
pub(crate) fn scan(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    read: ReadFn,
    outbox: &mut Vec<u8>,
) -> Option<PendingResponse> {
    let found = shard.graphs.graph(request.envelope.graph);
    let graph = response::accepted(outbox, request.reply_to(), found)?;
    shard.metrics.graph_op(graph.name());
    let state = graph.counters();
    let small = state.nodes + state.edges + state.ledger_lines <= SMALL_GRAPH;
    let try_here = !shard.reads_wait && small && is_short(request) && !graph.has_large_records();
    if try_here && is_answered(shard, &graph, request, SMALL, read, outbox) {
        return None;
    }
    on_thread(shard, graph, request, body, read, outbox)
}

/// Whether a read asks for few things.
fn is_short(request: &Request<'_>) -> bool {
    request.envelope.params.is_none_or(|params| params.len() <= FEW_BYTES)
}

/// Appends the result of a read, or its error; false, with nothing appended, when it went beyond its bounds.
fn is_answered(
    shard: &Shard,
    graph: &Graph,
    request: &Request<'_>,
    bounds: Bounds<'_>,
    read: ReadFn,
    outbox: &mut Vec<u8>,
) -> bool {
    let room = Room::small(SMALL_RESULT);
    let call = GraphRead { shard, graph, request, room: &room, bounds };
    let start = outbox.len();
    let mut over = false;
    response::result(outbox, request.reply_to(), |out| {
        read(&call, out).map_err(|error| {
            over = matches!(error, ReadError::OverBudget);
            error.of(shard, graph)
        })
    });
    if over {
        outbox.truncate(start);
    }
    !over
}

/// Promises the response to a read, which runs on a thread for reads.
fn on_thread(
    shard: &Arc<Shard>,
    graph: Arc<Graph>,
    request: &Request<'_>,
    body: &Body,
    read: impl FnOnce(&GraphRead<'_>, &mut Vec<u8>) -> Result<(), ReadError> + Send + 'static,
    outbox: &mut Vec<u8>,
) -> Option<PendingResponse> {
    let account = request.account(graph.name(), Some(&graph));
    let admitted = shard.admission.admit(&account, Kind::Long, body.len());
    let permit = response::accepted(outbox, request.reply_to(), admitted)?;
    let job = Job::new(shard, request, body, account);
    Some(job.run(Threads::Reads, Some(permit), move |running, out| {
        let cancel = Some(running.cancel);
        let bounds = Bounds { records: usize::MAX, stored: usize::MAX, decoded: usize::MAX, cancel };
        let (shard, request, room) = (running.shard, &running.request, running.room);
        let call = GraphRead { shard, graph: &graph, request, room, bounds };
        read(&call, out).map_err(|error| running.failure(error, &graph))?;
        Ok(running.cancel.check()?)
    }))
}

/// Promises a response that is sent in parts.
pub(crate) fn stream(
    shard: &Arc<Shard>,
    request: &Request<'_>,
    body: &Body,
    send: StreamFn,
    outbox: &mut Vec<u8>,
) -> Option<PendingResponse> {
    let to = request.reply_to();
    let graph = response::accepted(outbox, to, shard.graphs.graph(request.envelope.graph))?;
    shard.metrics.graph_op(graph.name());
    let place = Arc::clone(&shard.streams).try_acquire_owned().map_err(|_| {
        let text = format!("as many {} as can be are running, retry with backoff", request.method());
        OpError::Refused(ErrorCode::Busy, text)
    });
    let place = response::accepted(outbox, to, place)?;
    let account = request.account(graph.name(), Some(&graph));
    let admitted = shard.admission.admit(&account, Kind::Long, body.len());
    let permit = response::accepted(outbox, to, admitted)?;
    let job = Job::new(shard, request, body, account);
    Some(job.stream(permit, move |shard, request, parts| {
        send(shard, &graph, request, parts);
        drop(place);
    }))
}
