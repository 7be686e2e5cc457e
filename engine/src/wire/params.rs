//! The parameters of the operations, one struct per shape. Strings borrow from the frame, bytes too unless they
//! came as a list of integers.
//!
//! The order of fields is the order in which missing ones are reported. Unknown parameters are ignored, repeated
//! ones are errors.

use std::borrow::Cow;

use epistemic_storage::view::token::{Reader, Token};
use serde::Deserialize;
use serde::de::Error;

use super::bytes_field::bytes;
use super::error::DecodeError;
use super::floats::components;
use super::method::Method;
use super::text::{pairs, text, texts};
use super::value::{Value, invalid_type};
use epistemic_storage::graph::GraphType;

/// Decodes the parameters of a method that takes some; `raw` is [`super::Envelope::params`].
///
/// # Errors
/// They are absent, no map, or do not fit `T`.
pub fn params<'a, T: Deserialize<'a>>(method: Method, raw: Option<&'a [u8]>) -> Result<T, DecodeError> {
    let raw = raw.ok_or_else(|| DecodeError::missing_field("params"))?;
    let mut reader = Reader::new(raw);
    let token = Reader::new(raw).token()?;
    if let Token::Map(_) = token {
        return T::deserialize(Value::new(&mut reader, 1));
    }
    Err(invalid_type(token, &format!("struct variant Method::{method}").as_str()))
}

/// Checks that a method without parameters got none: absent, nil or an empty map.
///
/// # Errors
/// It got some.
pub fn no_params(method: Method, raw: Option<&[u8]>) -> Result<(), DecodeError> {
    match raw.map(|raw| Reader::new(raw).token()).transpose()? {
        None | Some(Token::Nil | Token::Map(0)) => Ok(()),
        Some(other) => Err(invalid_type(other, &format!("unit variant Method::{method}").as_str())),
    }
}

/// `AddNode`
#[derive(Debug, Deserialize)]
pub struct AddNode<'a> {
    /// Id of the node, new or existing.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
    /// Stored as they are.
    #[serde(borrow, deserialize_with = "bytes")]
    pub properties_msgpack: Cow<'a, [u8]>,
}

/// `RemoveNode`, `HasNode`, `GetNodeProperties`, `InDegree`, `OutDegree`, `GetPredecessors`, `GetSuccessors`,
/// `GetNeighbors`
#[derive(Debug, Deserialize)]
pub struct NodeId<'a> {
    /// Id of the node.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
}

/// `GetNodePropertiesBatch`, `HasNodesBatch`, `GetSubgraph`
#[derive(Debug, Deserialize)]
pub struct NodeIds<'a> {
    /// Ids in the order of the request, repeats kept.
    #[serde(borrow, deserialize_with = "texts")]
    pub node_ids: Vec<&'a str>,
}

/// `GetNodesByLabel`
#[derive(Debug, Deserialize)]
pub struct NodesByLabel<'a> {
    /// Upper and lower case differ.
    #[serde(borrow, deserialize_with = "text")]
    pub label: &'a str,
    /// Most nodes to return; 0 is no limit.
    pub limit: usize,
}

/// `AddEdge`
#[derive(Debug, Deserialize)]
pub struct AddEdge<'a> {
    /// Id of an existing node.
    #[serde(borrow, deserialize_with = "text")]
    pub source_id: &'a str,
    /// Id of an existing node.
    #[serde(borrow, deserialize_with = "text")]
    pub target_id: &'a str,
    /// Stored as they are.
    #[serde(borrow, deserialize_with = "bytes")]
    pub properties_msgpack: Cow<'a, [u8]>,
}

/// `RemoveEdge`, `HasEdge`, `GetEdgeProperties`
#[derive(Debug, Deserialize)]
pub struct EdgeEnds<'a> {
    /// Where the edge starts.
    #[serde(borrow, deserialize_with = "text")]
    pub source_id: &'a str,
    /// Where it ends.
    #[serde(borrow, deserialize_with = "text")]
    pub target_id: &'a str,
}

/// `GetEdgePropertiesBatch`
#[derive(Debug, Deserialize)]
pub struct EdgePairs<'a> {
    /// Sources and targets in the order of the request, repeats kept.
    #[serde(borrow, deserialize_with = "pairs")]
    pub edges: Vec<(&'a str, &'a str)>,
}

/// `BatchUpdate`
#[derive(Debug, Deserialize)]
pub struct BatchUpdate<'a> {
    /// See [`super::BatchOps`].
    #[serde(borrow, deserialize_with = "bytes")]
    pub operations_msgpack: Cow<'a, [u8]>,
}

/// `FromMsgpack`
#[derive(Debug, Deserialize)]
pub struct Document<'a> {
    /// A document (wire.md section 8.3).
    #[serde(borrow, deserialize_with = "bytes")]
    pub msgpack: Cow<'a, [u8]>,
}

/// `ApplyLedger`
#[derive(Debug, Deserialize)]
pub struct Transactions<'a> {
    /// Ledger lines (wire.md section 8.2).
    #[serde(borrow, deserialize_with = "texts")]
    pub transactions: Vec<&'a str>,
}

/// `AddEmbedding`
#[derive(Debug, Deserialize)]
pub struct AddEmbedding<'a> {
    /// Id of an existing node.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
    /// Components, not checked to be finite.
    #[serde(deserialize_with = "components")]
    pub embedding: Vec<f32>,
}

/// `SemanticSearch`
#[derive(Debug, Deserialize)]
pub struct SemanticSearch {
    /// Components, not checked to be finite.
    #[serde(deserialize_with = "components")]
    pub query_embedding: Vec<f32>,
    /// Most nodes to return.
    pub n_results: usize,
}

/// `ComputeSimilarityEdges`
#[derive(Debug, Deserialize)]
pub struct SimilarityEdges {
    /// Least cosine of a pair.
    pub threshold: f64,
}

/// `CreateGraph`
#[derive(Debug, Deserialize)]
pub struct CreateGraph<'a> {
    /// Any name, also the empty one.
    #[serde(borrow, deserialize_with = "text")]
    pub graph_name: &'a str,
    /// Decides who may use it.
    pub graph_type: GraphType,
}

/// `DeleteGraph`
#[derive(Debug, Deserialize)]
pub struct DeleteGraph<'a> {
    /// Name of the graph.
    #[serde(borrow, deserialize_with = "text")]
    pub graph_name: &'a str,
}

/// `SnapshotRead`
#[derive(Debug, Deserialize)]
pub struct SnapshotRead {
    /// From `SnapshotOpen`.
    pub cursor: u64,
    /// Most bytes to return.
    pub max_bytes: u64,
}

/// `SnapshotClose`
#[derive(Debug, Deserialize)]
pub struct SnapshotClose {
    /// From `SnapshotOpen`.
    pub cursor: u64,
}

/// `RestoreOpen`
#[derive(Debug, Deserialize)]
pub struct RestoreOpen<'a> {
    /// Name under which the graph is restored.
    #[serde(borrow, deserialize_with = "text")]
    pub graph_name: &'a str,
    /// Whether an existing graph of that name is replaced; an error otherwise. Off by default.
    #[serde(default)]
    pub replace: bool,
}

/// `RestoreWrite`
#[derive(Debug, Deserialize)]
pub struct RestoreWrite<'a> {
    /// From `RestoreOpen`.
    pub upload: u64,
    /// The next bytes of the snapshot.
    #[serde(borrow, deserialize_with = "bytes")]
    pub data: Cow<'a, [u8]>,
}

/// `RestoreCommit`, `RestoreAbort`
#[derive(Debug, Deserialize)]
pub struct Upload {
    /// From `RestoreOpen`.
    pub upload: u64,
}
