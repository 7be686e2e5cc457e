//! Point reads: answered on the connection's task, straight from storage. What takes more than one look at the store takes
//! all of them at one view.

use std::cell::Cell;

use epistemic_storage::{
    StoreError,
    graph::{Graph, GraphCounters, GraphError, GraphReader},
    properties,
};

use super::{OpError, Request, answer};
use crate::{
    memory::{Room, TooLarge},
    shard::Shard,
    wire::{Method, encode, params, response},
};

/// Why a read failed, before it is known whose graph it was.
pub(crate) enum ReadError {
    Op(OpError),
    Store(StoreError),
    /// It looked at more than it may here, or its answer has no room.
    OverBudget,
}

impl<E: Into<OpError>> From<E> for ReadError {
    fn from(error: E) -> Self {
        ReadError::Op(error.into())
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        ReadError::Store(error)
    }
}

impl From<TooLarge> for ReadError {
    fn from(TooLarge: TooLarge) -> Self {
        ReadError::OverBudget
    }
}

impl ReadError {
    /// Names the graph, and quarantines it when its records are damaged.
    pub(crate) fn of(self, shard: &Shard, graph: &Graph) -> OpError {
        match self {
            ReadError::Op(error) => error,
            ReadError::Store(error) => {
                OpError::Graph(shard.graphs.quarantine_if_corrupt(graph.name(), error))
            }
            ReadError::OverBudget => OpError::Text("the read is larger than it may be".into()),
        }
    }

    /// Damage of a second graph that the operation reads is charged to that one. Whatever else went wrong stays as it is.
    pub(crate) fn of_second(self, shard: &Shard, graph: &Graph) -> Self {
        match self {
            ReadError::Store(error) if error.is_corruption() => {
                ReadError::Store(error).of(shard, graph).into()
            }
            other @ (ReadError::Op(_) | ReadError::Store(_) | ReadError::OverBudget) => other,
        }
    }
}

/// Records that a read passes over on the connection's task.
const FEW_RECORDS: usize = 4_000;
/// Bytes of stored records that are copied on the connection's task.
const FEW_BYTES_READ: usize = 1 << 20;
/// Bytes of stored records that are decoded there: each may stand for a list, which takes many times its byte.
pub(super) const FEW_DECODED_BYTES: usize = 64 << 10;
/// Parameters of a batch read that is answered on the connection's task.
const FEW_BYTES: usize = 8 << 10;
/// Keys that a batch read looks up at a time, at first and at most: each may be of a large record.
const FIRST_SLICE: usize = 8;
const SLICE: usize = 32;
/// Bytes of an answer that is built on the connection's task.
pub(super) const SMALL_RESULT: usize = 1 << 20;

/// Whether a point read asks for few things.
pub(super) fn is_short(request: &Request<'_>) -> bool {
    request.envelope.params.is_none_or(|params| params.len() <= FEW_BYTES)
}

/// Runs a point read into the outbox; false when it turned out to be long, or may be, with nothing in the outbox.
pub(super) fn run(shard: &Shard, request: &Request<'_>, outbox: &mut Vec<u8>) -> bool {
    let graph = match shard.graphs.graph(request.envelope.graph) {
        Ok(graph) => graph,
        Err(error) => {
            answer::error(outbox, request.envelope.reply_to(), &error.into());
            return true;
        }
    };
    if graph.has_large_records() && !matches!(request.method, Method::NodeCount | Method::EdgeCount) {
        return false;
    }
    let answered = answer_within_budget(shard, &graph, request, outbox, |out| {
        #[expect(clippy::wildcard_enum_match_arm, reason = "one view is right for every read")]
        match request.method {
            Method::GetNeighbors => neighbors(shard, &graph, request, out),
            Method::NodeCount | Method::EdgeCount | Method::Metrics => {
                let (state, _) = shard.graphs.newest(&graph)?;
                counters(request, &state, out)
            }
            Method::HasNode
            | Method::GetNodeProperties
            | Method::HasEdge
            | Method::GetEdgeProperties
            | Method::ApplyMutation
            | Method::ApplyMultisigMutation => read_few(shard.graphs.latest(&graph), request, out),
            _ => read_on_view(shard, &graph, request, out),
        }
    });
    if answered {
        shard.metrics.graph_op(graph.name());
        if matches!(request.method, Method::ApplyMutation | Method::ApplyMultisigMutation) {
            shard.metrics.unsupported(request.method);
        }
    }
    answered
}

/// Appends the answer that `read` makes, or its error; false, with nothing appended, when it went over its budget.
pub(super) fn answer_within_budget(
    shard: &Shard,
    graph: &Graph,
    request: &Request<'_>,
    out: &mut Vec<u8>,
    read: impl FnOnce(&mut Vec<u8>) -> Result<(), ReadError>,
) -> bool {
    let start = out.len();
    let mut over = false;
    answer::result(out, request.envelope.reply_to(), |out| {
        read(out).map_err(|error| {
            over = matches!(error, ReadError::OverBudget);
            error.of(shard, graph)
        })
    });
    if over {
        out.truncate(start);
    }
    !over
}

/// `GetNeighbors`, from the cache or from a view: both directions of one state.
fn neighbors(
    shard: &Shard,
    graph: &Graph,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let params::NodeId { node_id } = params::params(request.method, request.envelope.params)?;
    let (GraphCounters { sequence, .. }, _) = shard.graphs.newest(graph)?;
    if shard.neighbors.get(graph, sequence, node_id, out) {
        return Ok(());
    }
    let start = out.len();
    read_on_view(shard, graph, request, out)?;
    shard.neighbors.put(graph, sequence, node_id, &out[start..]);
    Ok(())
}

fn read_on_view(
    shard: &Shard,
    graph: &Graph,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let view = shard.graphs.read_view();
    read_few(GraphReader::new(&*view, graph), request, out)
}

/// As [`read`], within what may be done on the connection's task.
fn read_few(reader: GraphReader<'_>, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let decodes = matches!(request.method, Method::GetEdgeProperties);
    let budget = Budget::of(FEW_RECORDS, if decodes { FEW_DECODED_BYTES } else { FEW_BYTES_READ });
    let guard = |bytes| budget.pass(bytes);
    read(&reader.guarded(&guard), request, &Room::small(SMALL_RESULT), out)
}

/// Records that a read may still look at, and bytes of them.
pub(super) struct Budget {
    records: Cell<usize>,
    bytes: Cell<usize>,
}

impl Budget {
    pub(super) fn of(records: usize, bytes: usize) -> Self {
        Self { records: Cell::new(records), bytes: Cell::new(bytes) }
    }

    /// Counts a record.
    pub(super) fn pass(&self, bytes: usize) -> Result<(), ReadError> {
        self.records.set(self.records.get().checked_sub(1).ok_or(ReadError::OverBudget)?);
        self.bytes.set(self.bytes.get().checked_sub(bytes).ok_or(ReadError::OverBudget)?);
        Ok(())
    }
}

/// Calls `look` with some of the keys at a time, which it looks up at once; it tells how many bytes it found.
pub(super) fn in_slices<'k, K>(
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

/// Runs a point read on the state of `reader`, for an answer that has `room`.
pub(super) fn read(
    reader: &GraphReader<'_, ReadError>,
    request: &Request<'_>,
    room: &Room,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let Request { method, envelope, .. } = *request;
    let raw = envelope.params;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only point reads here")]
    match method {
        Method::HasNode => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            encode::bool(out, reader.has_node(node_id)?);
        }
        Method::GetNodeProperties => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            match reader.node(node_id)? {
                Some(node) => encode::bin(out, &node.properties),
                None => encode::nil(out),
            }
        }
        Method::GetNodePropertiesBatch => {
            let params::NodeIds { node_ids } = params::params(method, raw)?;
            response::bin_of(out, |out| {
                encode::array(out, node_ids.len());
                in_slices(&node_ids, |ids| {
                    let before = out.len();
                    for (id, node) in ids.iter().zip(reader.nodes(ids)?) {
                        encode::array(out, 2);
                        encode::str(out, id);
                        match node {
                            Some(node) => encode::bin(out, &node.properties),
                            None => encode::nil(out),
                        }
                    }
                    room.check(out.len())?;
                    Ok(out.len() - before)
                })
            })?;
        }
        Method::HasNodesBatch => {
            let params::NodeIds { node_ids } = params::params(method, raw)?;
            response::bin_of(out, |out| {
                encode::array(out, node_ids.len());
                for ids in node_ids.chunks(SLICE) {
                    reader.have_nodes(ids)?.into_iter().for_each(|found| encode::bool(out, found));
                }
                Ok::<_, ReadError>(())
            })?;
        }
        Method::NodeCount | Method::EdgeCount | Method::Metrics => {
            counters(request, &reader.counters()?, out)?
        }
        Method::HasEdge => {
            let params::EdgeEnds { source_id, target_id } = params::params(method, raw)?;
            encode::bool(out, reader.has_edge(source_id, target_id)?);
        }
        Method::GetEdgeProperties => {
            let params::EdgeEnds { source_id, target_id } = params::params(method, raw)?;
            let (mut rows, mut count) = (Vec::new(), 0);
            reader.for_each_edge_between(source_id, target_id, |properties| -> Result<(), ReadError> {
                decoded_or_empty(&mut rows, properties);
                count += 1;
                Ok(room.check(rows.len())?)
            })?;
            encode::array(out, count);
            out.extend_from_slice(&rows);
        }
        Method::GetEdgePropertiesBatch => {
            let params::EdgePairs { edges } = params::params(method, raw)?;
            edge_properties(reader, &edges, room, out)?;
        }
        Method::InDegree | Method::OutDegree => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            let degree = if method == Method::InDegree {
                reader.in_degree(node_id)?
            } else {
                reader.out_degree(node_id)?
            };
            exists_if(degree > 0, reader, node_id)?;
            encode::uint(out, degree);
        }
        Method::GetPredecessors | Method::GetSuccessors => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            let ends = if method == Method::GetPredecessors {
                reader.predecessors(node_id)?
            } else {
                reader.successors(node_id)?
            };
            exists_if(!ends.is_empty(), reader, node_id)?;
            strings(out, &ends);
        }
        Method::GetNeighbors => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            let neighbors = reader.neighbors(node_id)?;
            exists_if(!neighbors.is_empty(), reader, node_id)?;
            strings(out, neighbors.iter());
        }
        Method::DegreeCentrality => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            let degree = reader.in_degree(node_id)? + reader.out_degree(node_id)?;
            exists_if(degree > 0, reader, node_id)?;
            let others = reader.counters()?.nodes.saturating_sub(1);
            encode::float(out, if others == 0 { 0.0 } else { degree as f64 / others as f64 });
        }
        Method::ApplyMutation => {
            let params::ApplyMutation { .. } = params::params(method, raw)?;
            encode::str(out, "mutation_applied");
        }
        Method::ApplyMultisigMutation => {
            let params::ApplyMultisigMutation { signatures, threshold, .. } = params::params(method, raw)?;
            if signatures.len() < threshold {
                let text = format!("Insufficient signatures: {} < {threshold}", signatures.len());
                return Err(OpError::Text(text).into());
            }
            encode::str(out, "mutation_applied");
        }
        other => return Err(OpError::Text(format!("{other} is no point read")).into()),
    }
    Ok(())
}

/// Fails when the node does not exist. A node with edges does: asking is spared then.
fn exists_if(has_edges: bool, reader: &GraphReader<'_, ReadError>, node: &str) -> Result<(), ReadError> {
    if has_edges || reader.has_node(node)? {
        Ok(())
    } else {
        Err(GraphError::NodeNotFound(node.to_owned()).into())
    }
}

fn edge_properties(
    reader: &GraphReader<'_, ReadError>,
    pairs: &[(&str, &str)],
    room: &Room,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    response::bin_of(out, |out| {
        encode::array(out, pairs.len());
        for (source, target) in pairs {
            let (mut rows, mut count) = (Vec::new(), 0);
            reader.for_each_edge_between(source, target, |properties| -> Result<(), ReadError> {
                encode::bin(&mut rows, properties);
                count += 1;
                Ok(room.check(out.len() + rows.len())?)
            })?;
            encode::array(out, count);
            out.extend_from_slice(&rows);
            room.check(out.len())?;
        }
        Ok(())
    })
}

/// Appends the decoded view of property bytes, `{}` when they do not decode.
pub(super) fn decoded_or_empty(out: &mut Vec<u8>, properties: &[u8]) {
    if !properties::write_view(properties, out) {
        encode::map(out, 0);
    }
}

/// Appends an array of strings.
pub(super) fn strings<I>(out: &mut Vec<u8>, texts: I)
where
    I: IntoIterator<IntoIter: ExactSizeIterator, Item: AsRef<str>>,
{
    let texts = texts.into_iter();
    encode::array(out, texts.len());
    texts.for_each(|text| encode::str(out, text.as_ref()));
}

/// `NodeCount`, `EdgeCount` and `Metrics`.
fn counters(request: &Request<'_>, state: &GraphCounters, out: &mut Vec<u8>) -> Result<(), ReadError> {
    params::no_params(request.method, request.envelope.params)?;
    if request.method == Method::Metrics {
        metrics(state, out);
    } else {
        encode::uint(out, if request.method == Method::NodeCount { state.nodes } else { state.edges });
    }
    Ok(())
}

fn metrics(state: &GraphCounters, out: &mut Vec<u8>) {
    let fields = [
        ("node_count", state.nodes),
        ("active_nodes", state.nodes),
        ("edge_count", state.edges),
        ("archived_nodes", 0),
        ("compacted_nodes", 0),
        ("last_prune_removed", 0),
        ("total_mutations", state.ledger_lines),
    ];
    encode::map(out, fields.len());
    for (name, value) in fields {
        encode::str(out, name);
        encode::uint(out, value);
    }
}
