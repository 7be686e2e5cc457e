//! What can be asked, and the right answer on a state.

use std::collections::BTreeSet;

use super::answer::{billionths, rows, unordered};
use super::state::State;
use crate::wire::{Value, bin, params, unpack};

/// The query of [`Question::Similar`].
const QUERY: [f64; 2] = [1.0, 0.0];
/// More than there are embeddings.
const ALL_EMBEDDINGS: u64 = 1_000;

/// A read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// `GetNodeProperties`
    Node(String),
    /// `HasNode`
    HasNode(String),
    /// `GetNodePropertiesBatch`
    Nodes(Vec<String>),
    /// `HasNodesBatch`
    HaveNodes(Vec<String>),
    /// `HasEdge`
    HasEdge(String, String),
    /// `GetEdgePropertiesBatch`
    EdgesBetween(Vec<(String, String)>),
    /// `InDegree`
    InDegree(String),
    /// `OutDegree`
    OutDegree(String),
    /// `GetPredecessors`
    Predecessors(String),
    /// `GetSuccessors`
    Successors(String),
    /// `GetNeighbors`
    Neighbors(String),
    /// `DegreeCentrality`
    DegreeCentrality(String),
    /// `GetBlastRadius` of depth 1.
    BlastRadius(String),
    /// `DegreeCentralityAll`, which is computed on a projection.
    Centralities,
    /// `NodeIds`
    NodeIds,
    /// `GetNodes`
    AllNodes,
    /// `GetEdges`
    AllEdges,
    /// `GetSubgraph`
    Subgraph(Vec<String>),
    /// `GetNodesByLabel`
    Label(String),
    /// `SemanticSearch`
    Similar,
    /// `NodeCount`
    NodeCount,
    /// `EdgeCount`
    EdgeCount,
    /// `Metrics`
    Metrics,
    /// The graph's row of `GraphStats`.
    Stats,
    /// `GetLedger`
    Ledger,
    /// `LedgerRead` behind a sequence number.
    Changes(u64),
    /// `ToMsgpack`
    Document,
}

impl Question {
    /// Method and parameters.
    pub fn request(&self) -> (&'static str, Option<Value>) {
        let one = |id: &String| params([("node_id", id.as_str().into())]);
        let many = |ids: &[String]| {
            params([("node_ids", Value::Array(ids.iter().map(|id| id.as_str().into()).collect()))])
        };
        match self {
            Question::Node(id) => ("GetNodeProperties", one(id)),
            Question::HasNode(id) => ("HasNode", one(id)),
            Question::Nodes(ids) => ("GetNodePropertiesBatch", many(ids)),
            Question::HaveNodes(ids) => ("HasNodesBatch", many(ids)),
            Question::HasEdge(source, target) => {
                let ends = [("source_id", source.as_str().into()), ("target_id", target.as_str().into())];
                ("HasEdge", params(ends))
            }
            Question::EdgesBetween(pairs) => {
                let pair = |(source, target): &(String, String)| {
                    Value::Array(vec![source.as_str().into(), target.as_str().into()])
                };
                let pairs = Value::Array(pairs.iter().map(pair).collect());
                ("GetEdgePropertiesBatch", params([("edges", pairs)]))
            }
            Question::InDegree(id) => ("InDegree", one(id)),
            Question::OutDegree(id) => ("OutDegree", one(id)),
            Question::Predecessors(id) => ("GetPredecessors", one(id)),
            Question::Successors(id) => ("GetSuccessors", one(id)),
            Question::Neighbors(id) => ("GetNeighbors", one(id)),
            Question::DegreeCentrality(id) => ("DegreeCentrality", one(id)),
            Question::BlastRadius(id) => {
                ("GetBlastRadius", params([("node_id", id.as_str().into()), ("max_depth", 1.into())]))
            }
            Question::Centralities => ("DegreeCentralityAll", None),
            Question::NodeIds => ("NodeIds", None),
            Question::AllNodes => ("GetNodes", None),
            Question::AllEdges => ("GetEdges", None),
            Question::Subgraph(ids) => ("GetSubgraph", many(ids)),
            Question::Label(label) => {
                ("GetNodesByLabel", params([("label", label.as_str().into()), ("limit", 0.into())]))
            }
            Question::Similar => {
                let query = Value::Array(QUERY.map(Value::from).to_vec());
                ("SemanticSearch", params([("query_embedding", query), ("n_results", ALL_EMBEDDINGS.into())]))
            }
            Question::NodeCount => ("NodeCount", None),
            Question::EdgeCount => ("EdgeCount", None),
            Question::Metrics => ("Metrics", None),
            Question::Stats => ("GraphStats", None),
            Question::Ledger => ("GetLedger", None),
            Question::Changes(after) => {
                ("LedgerRead", params([("after", (*after).into()), ("max_bytes", (8 << 20).into())]))
            }
            Question::Document => ("ToMsgpack", None),
        }
    }

    /// The answer on a state, in the form of [`Question::normalised`].
    pub(super) fn expected(&self, state: &State) -> Value {
        let there = |id: &String, answer: Value| if has(state, id) { answer } else { Value::Nil };
        match self {
            Question::Node(id) => state.nodes.get(id).map_or(Value::Nil, bytes),
            Question::HasNode(id) => has(state, id).into(),
            Question::Nodes(ids) => {
                let pair = |id: &String| {
                    let properties = state.nodes.get(id).map_or(Value::Nil, bytes);
                    Value::Array(vec![id.as_str().into(), properties])
                };
                Value::Array(ids.iter().map(pair).collect())
            }
            Question::HaveNodes(ids) => Value::Array(ids.iter().map(|id| has(state, id).into()).collect()),
            Question::HasEdge(source, target) => Value::from(!parallel(state, source, target).is_empty()),
            Question::EdgesBetween(pairs) => {
                let between = |(source, target): &(String, String)| {
                    Value::Array(parallel(state, source, target).iter().map(bytes).collect())
                };
                Value::Array(pairs.iter().map(between).collect())
            }
            Question::InDegree(id) => there(id, state.in_degree(id).into()),
            Question::OutDegree(id) => there(id, state.out_degree(id).into()),
            Question::Predecessors(id) => {
                there(id, names(state.edge_ends().filter(|(_, target)| target == id).map(|ends| ends.0)))
            }
            Question::Successors(id) => {
                there(id, names(state.edge_ends().filter(|(source, _)| source == id).map(|ends| ends.1)))
            }
            Question::Neighbors(id) => {
                let other = |(source, target)| match (source == id, target == id) {
                    (true, _) => Some(target),
                    (false, true) => Some(source),
                    (false, false) => None,
                };
                there(id, names(state.edge_ends().filter_map(other).collect::<BTreeSet<&str>>()))
            }
            Question::DegreeCentrality(id) => there(id, centrality(state, id)),
            Question::BlastRadius(id) => {
                let targets = state.edge_ends().filter(|(source, target)| source == id && target != id);
                names(targets.map(|ends| ends.1).collect::<BTreeSet<&str>>())
            }
            Question::Centralities => {
                rows(state.nodes.keys().map(|id| vec![id.as_str().into(), centrality(state, id)]))
            }
            Question::NodeIds => names(state.nodes.keys().map(String::as_str)),
            Question::AllNodes => rows(state.nodes.iter().map(|(id, properties)| node_view(id, properties))),
            Question::AllEdges => rows(edges(state)),
            Question::Subgraph(ids) => {
                let chosen = |id: &str| ids.iter().any(|chosen| chosen == id);
                let nodes = state.nodes.iter().filter(|(id, _)| chosen(id));
                let ends =
                    state.edges.iter().filter(|((source, target), _)| chosen(source) && chosen(target));
                let edges = ends.flat_map(|((source, target), parallel)| {
                    parallel.iter().map(move |properties| {
                        vec![source.as_str().into(), target.as_str().into(), view(properties)]
                    })
                });
                Value::Array(vec![rows(nodes.map(|(id, properties)| node_view(id, properties))), rows(edges)])
            }
            Question::Label(label) => {
                let views = state.nodes.iter().map(|(id, properties)| node_view(id, properties));
                rows(views.filter(|row| crate::wire::field(&row[1], "type") == Some(&label.as_str().into())))
            }
            Question::Similar => rows(
                state
                    .embeddings
                    .iter()
                    .map(|(id, components)| vec![id.as_str().into(), hundredths(cosine(components))]),
            ),
            Question::NodeCount => state.nodes.len().into(),
            Question::EdgeCount => state.edge_count().into(),
            Question::Metrics => Value::Array(vec![
                state.nodes.len().into(),
                state.edge_count().into(),
                state.lines.count.into(),
            ]),
            Question::Stats => Value::Array(vec![
                state.nodes.len().into(),
                state.edge_count().into(),
                state.sequence().into(),
            ]),
            Question::Ledger => lines(state),
            Question::Changes(after) => {
                Value::Array(vec![state.sequence().into(), state.digest_behind(*after).into()])
            }
            Question::Document => {
                let nodes = state.nodes.iter();
                let embeddings = state.embeddings.iter();
                Value::Array(vec![
                    rows(nodes.map(|(id, properties)| vec![id.as_str().into(), bytes(properties)])),
                    rows(edges(state)),
                    lines(state),
                    rows(
                        embeddings
                            .map(|(id, components)| vec![id.as_str().into(), hundredths(cosine(components))]),
                    ),
                ])
            }
        }
    }
}

fn has(state: &State, id: &str) -> bool {
    state.nodes.contains_key(id)
}

fn bytes(bytes: impl AsRef<[u8]>) -> Value {
    bin(bytes.as_ref())
}

fn parallel<'s>(state: &'s State, source: &str, target: &str) -> &'s [Vec<u8>] {
    state.edges.get(&(source.to_owned(), target.to_owned())).map_or(&[], Vec::as_slice)
}

fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> Value {
    unordered(names.into_iter().map(Value::from).collect())
}

fn lines(state: &State) -> Value {
    Value::Array(vec![state.lines.count.into(), state.lines.digest.into()])
}

fn edges(state: &State) -> impl Iterator<Item = Vec<Value>> {
    state.edges.iter().flat_map(|((source, target), parallel)| {
        parallel
            .iter()
            .map(|properties| vec![source.as_str().into(), target.as_str().into(), bytes(properties)])
    })
}

fn node_view(id: &str, properties: &[u8]) -> Vec<Value> {
    vec![id.into(), view(properties)]
}

/// The decoded view of properties that were written with sorted keys.
fn view(properties: &[u8]) -> Value {
    unpack(properties).expect("histories write whole MessagePack values")
}

fn centrality(state: &State, id: &str) -> Value {
    let degree = state.in_degree(id) + state.out_degree(id);
    let others = state.nodes.len().saturating_sub(1);
    billionths(if others == 0 { 0.0 } else { degree as f64 / others as f64 })
}

/// Cosine of the angle between an embedding and the query, the first axis.
pub(super) fn cosine(components: &[u8]) -> f64 {
    let component = |at: usize| {
        let bytes = components.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        f64::from(f32::from_le_bytes(bytes.expect("embeddings of histories have two components")))
    };
    let (x, y) = (component(0), component(4));
    x / x.hypot(y)
}

/// Scores come as float32. Histories write only embeddings whose cosine is a multiple of 0.01.
pub(super) fn hundredths(score: f64) -> Value {
    ((score * 100.0).round() as i64).into()
}
