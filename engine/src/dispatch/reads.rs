//! Point reads: answered on the connection's task, straight from storage. What takes more than one look at the store takes
//! all of them at one view.

use epistemic_storage::{
    StoreError,
    graph::{Graph, GraphError, GraphReader, GraphState},
    view,
};

use super::{OpError, Request, answer};
use crate::{
    shard::Shard,
    wire::{Method, encode, params, response},
};

/// Why a read failed, before it is known whose graph it was.
pub(crate) enum ReadError {
    Op(OpError),
    Store(StoreError),
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

impl ReadError {
    /// Names the graph, and quarantines it when its records are damaged.
    pub(crate) fn of(self, shard: &Shard, graph: &Graph) -> OpError {
        match self {
            ReadError::Op(error) => error,
            ReadError::Store(error) => OpError::Graph(shard.graphs.damage(graph.name(), error)),
        }
    }

    /// Damage of a second graph that the operation reads is charged to that one. Whatever else went wrong stays as it is.
    pub(crate) fn of_second(self, shard: &Shard, graph: &Graph) -> Self {
        match self {
            ReadError::Store(error) if error.is_corruption() => {
                ReadError::Store(error).of(shard, graph).into()
            }
            other @ (ReadError::Op(_) | ReadError::Store(_)) => other,
        }
    }
}

/// Edges that a read passes over on the connection's task.
const FEW_EDGES: usize = 2_000;
/// Bytes of stored records that are copied on the connection's task.
const FEW_BYTES_READ: usize = 1 << 20;
/// Bytes of stored records that are decoded there: each may stand for a list, which takes many times its byte.
pub(super) const FEW_DECODED_BYTES: usize = 64 << 10;
/// Parameters of a batch read that is answered on the connection's task.
const FEW_BYTES: usize = 8 << 10;
/// Keys that a batch read looks up at a time.
pub(super) const SLICE: usize = 32;
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
            | Method::ApplyMultisigMutation => {
                read(&few(shard.graphs.latest(&graph), request), request, SMALL_RESULT, out)
            }
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
            over = matches!(error, ReadError::Store(StoreError::OverBudget { .. }));
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
    let (GraphState { sequence, .. }, _) = shard.graphs.newest(graph)?;
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
    let view = shard.graphs.view();
    read(&few(GraphReader::new(&*view, graph), request), request, SMALL_RESULT, out)
}

/// A reader for the connection's task.
fn few<'r>(reader: GraphReader<'r>, request: &Request<'_>) -> GraphReader<'r> {
    let decodes = matches!(request.method, Method::GetEdgeProperties);
    reader.with_budget(FEW_EDGES).with_byte_budget(if decodes { FEW_DECODED_BYTES } else { FEW_BYTES_READ })
}

/// Fails with [`StoreError::OverBudget`] when an answer grows beyond `max` bytes.
pub(super) fn check_size(out: &[u8], max: usize) -> Result<(), StoreError> {
    if out.len() <= max { Ok(()) } else { Err(StoreError::OverBudget { entries: max }) }
}

/// Runs a point read on the state of `reader`, for an answer of at most `max` bytes or so.
pub(super) fn read(
    reader: &GraphReader<'_>,
    request: &Request<'_>,
    max: usize,
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
                for ids in node_ids.chunks(SLICE) {
                    for (id, node) in ids.iter().zip(reader.nodes(ids)?) {
                        encode::array(out, 2);
                        encode::str(out, id);
                        match node {
                            Some(node) => encode::bin(out, &node.properties),
                            None => encode::nil(out),
                        }
                    }
                    check_size(out, max)?;
                }
                Ok::<_, ReadError>(())
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
        Method::NodeCount | Method::EdgeCount | Method::Metrics => counters(request, &reader.state()?, out)?,
        Method::HasEdge => {
            let params::EdgeEnds { source_id, target_id } = params::params(method, raw)?;
            encode::bool(out, reader.has_edge(source_id, target_id)?);
        }
        Method::GetEdgeProperties => {
            let params::EdgeEnds { source_id, target_id } = params::params(method, raw)?;
            let (mut rows, mut count) = (Vec::new(), 0);
            reader.for_each_edge_between(source_id, target_id, |properties| {
                decoded_or_empty(&mut rows, properties);
                count += 1;
                check_size(&rows, max)
            })?;
            encode::array(out, count);
            out.extend_from_slice(&rows);
        }
        Method::GetEdgePropertiesBatch => {
            let params::EdgePairs { edges } = params::params(method, raw)?;
            edge_properties(reader, &edges, max, out)?;
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
            let others = reader.state()?.nodes.saturating_sub(1);
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
fn exists_if(has_edges: bool, reader: &GraphReader<'_>, node: &str) -> Result<(), ReadError> {
    if has_edges || reader.has_node(node)? {
        Ok(())
    } else {
        Err(GraphError::NodeNotFound(node.to_owned()).into())
    }
}

fn edge_properties(
    reader: &GraphReader<'_>,
    pairs: &[(&str, &str)],
    max: usize,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    response::bin_of(out, |out| {
        encode::array(out, pairs.len());
        for (source, target) in pairs {
            let (mut rows, mut count) = (Vec::new(), 0);
            reader.for_each_edge_between(source, target, |properties| {
                encode::bin(&mut rows, properties);
                count += 1;
                check_size(&rows, max)
            })?;
            encode::array(out, count);
            out.extend_from_slice(&rows);
            check_size(out, max)?;
        }
        Ok(())
    })
}

/// Appends the decoded view of property bytes, `{}` when they do not decode.
pub(super) fn decoded_or_empty(out: &mut Vec<u8>, properties: &[u8]) {
    if !view::write_view(properties, out) {
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
fn counters(request: &Request<'_>, state: &GraphState, out: &mut Vec<u8>) -> Result<(), ReadError> {
    params::no_params(request.method, request.envelope.params)?;
    if request.method == Method::Metrics {
        metrics(state, out);
    } else {
        encode::uint(out, if request.method == Method::NodeCount { state.nodes } else { state.edges });
    }
    Ok(())
}

fn metrics(state: &GraphState, out: &mut Vec<u8>) {
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
