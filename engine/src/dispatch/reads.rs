//! Point reads: answered on the connection's task, straight from storage.

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
}

/// Runs a point read into the outbox.
pub(super) fn run(shard: &Shard, request: &Request<'_>, outbox: &mut Vec<u8>) {
    answer::result(outbox, request.envelope.id, |out| {
        let graph = shard.graphs.graph(request.envelope.graph)?;
        shard.metrics.graph_op(graph.name());
        read(shard, &graph, request, out).map_err(|error| error.of(shard, &graph))
    });
}

fn read(shard: &Shard, graph: &Graph, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let Request { method, envelope, .. } = *request;
    let raw = envelope.params;
    let reader = shard.graphs.latest(graph);
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
            let nodes = reader.nodes(&node_ids)?;
            response::bin_of(out, |out| {
                encode::array(out, nodes.len());
                for (id, node) in node_ids.iter().zip(nodes) {
                    encode::array(out, 2);
                    encode::str(out, id);
                    match node {
                        Some(node) => encode::bin(out, &node.properties),
                        None => encode::nil(out),
                    }
                }
            });
        }
        Method::HasNodesBatch => {
            let params::NodeIds { node_ids } = params::params(method, raw)?;
            let nodes = reader.nodes(&node_ids)?;
            response::bin_of(out, |out| {
                encode::array(out, nodes.len());
                nodes.iter().for_each(|node| encode::bool(out, node.is_some()));
            });
        }
        Method::NodeCount => {
            params::no_params(method, raw)?;
            encode::uint(out, graph.state().nodes);
        }
        Method::EdgeCount => {
            params::no_params(method, raw)?;
            encode::uint(out, graph.state().edges);
        }
        Method::HasEdge => {
            let params::EdgeEnds { source_id, target_id } = params::params(method, raw)?;
            encode::bool(out, reader.has_edge(source_id, target_id)?);
        }
        Method::GetEdgeProperties => {
            let params::EdgeEnds { source_id, target_id } = params::params(method, raw)?;
            let edges = reader.edges_between(source_id, target_id)?;
            encode::array(out, edges.len());
            edges.iter().for_each(|edge| decoded_or_empty(out, &edge.properties));
        }
        Method::GetEdgePropertiesBatch => {
            let params::EdgePairs { edges } = params::params(method, raw)?;
            edge_properties(&reader, &edges, out)?;
        }
        Method::InDegree | Method::OutDegree => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            let degree = if method == Method::InDegree {
                reader.in_degree(node_id)?
            } else {
                reader.out_degree(node_id)?
            };
            exists_if(degree > 0, &reader, node_id)?;
            encode::uint(out, degree);
        }
        Method::GetPredecessors | Method::GetSuccessors => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            let ends = if method == Method::GetPredecessors {
                reader.predecessors(node_id)?
            } else {
                reader.successors(node_id)?
            };
            exists_if(!ends.is_empty(), &reader, node_id)?;
            strings(out, &ends);
        }
        Method::GetNeighbors => {
            let params::NodeId { node_id } = params::params(method, raw)?;
            // Both directions of one state.
            let view = shard.graphs.view();
            let reader = GraphReader::new(&*view, graph);
            let mut neighbours = reader.successors(node_id)?;
            neighbours.append(&mut reader.predecessors(node_id)?);
            neighbours.sort_unstable();
            neighbours.dedup();
            exists_if(!neighbours.is_empty(), &reader, node_id)?;
            strings(out, &neighbours);
        }
        Method::Metrics => {
            params::no_params(method, raw)?;
            counters(out, &graph.state());
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
    out: &mut Vec<u8>,
) -> Result<(), StoreError> {
    response::bin_of(out, |out| {
        encode::array(out, pairs.len());
        for (source, target) in pairs {
            let edges = reader.edges_between(source, target)?;
            encode::array(out, edges.len());
            edges.iter().for_each(|edge| encode::bin(out, &edge.properties));
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

fn counters(out: &mut Vec<u8>, state: &GraphState) {
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
