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
use super::method::Method;
use super::text::{optional_text, pairs, text, texts};
use super::value::{Value, invalid_type};
use epistemic_storage::channels::ChannelType;
use epistemic_storage::graph::GraphType;
use epistemic_storage::identities::Role;

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

/// `CreateChannel`
#[derive(Debug, Deserialize)]
pub struct CreateChannel<'a> {
    /// Id of the channel, free or that of a closed one.
    #[serde(borrow, deserialize_with = "text")]
    pub channel_id: &'a str,
    /// Who may take part.
    pub channel_type: ChannelType,
    /// The first member.
    #[serde(borrow, deserialize_with = "text")]
    pub creator: &'a str,
    /// The other members; the creator may be among them.
    #[serde(borrow, deserialize_with = "texts")]
    pub initial_members: Vec<&'a str>,
}

/// `JoinChannel`, `LeaveChannel`
#[derive(Debug, Deserialize)]
pub struct ChannelAgent<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    pub channel_id: &'a str,
    /// Who joins or leaves.
    #[serde(borrow, deserialize_with = "text")]
    pub agent_id: &'a str,
}

/// `CloseChannel`
#[derive(Debug, Deserialize)]
pub struct CloseChannel<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    pub channel_id: &'a str,
    /// Returned with the closing record.
    #[serde(default)]
    pub summary_embedding: Option<Vec<f32>>,
    /// Returned with the closing record.
    #[serde(borrow, default, deserialize_with = "optional_text")]
    pub topic_metadata: Option<&'a str>,
}

/// `SendMessage`
#[derive(Debug, Deserialize)]
pub struct SendMessage<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    pub channel_id: &'a str,
    /// A member of the channel.
    #[serde(borrow, deserialize_with = "text")]
    pub sender: &'a str,
    /// Kept as it is.
    #[serde(borrow, deserialize_with = "text")]
    pub payload: &'a str,
}

/// `GetChannelMessages`
#[derive(Debug, Deserialize)]
pub struct ChannelMessages<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    pub channel_id: &'a str,
    /// Most messages to return, the newest; all without it.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// `GetChannelMembers`
#[derive(Debug, Deserialize)]
pub struct Channel<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    pub channel_id: &'a str,
}

/// `RegisterIdentity`
#[derive(Debug, Deserialize)]
pub struct RegisterIdentity<'a> {
    /// Who is registered.
    #[serde(borrow, deserialize_with = "text")]
    pub agent_id: &'a str,
    /// As what.
    pub role: Role,
    /// In which teams.
    #[serde(borrow, deserialize_with = "texts")]
    pub teams: Vec<&'a str>,
    /// Has to be there; nothing says what it would prove.
    #[serde(borrow, deserialize_with = "text")]
    pub signature: &'a str,
}

/// `UnionGetNodeProperties`, `UnionGetNeighbors`
#[derive(Debug, Deserialize)]
pub struct UnionNode<'a> {
    /// Names of graphs; those that are missing are passed over.
    #[serde(borrow, deserialize_with = "texts")]
    pub graphs: Vec<&'a str>,
    /// Id of the node.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
}

/// `UnionGetNodesByLabel`
#[derive(Debug, Deserialize)]
pub struct UnionByLabel<'a> {
    /// Names of graphs; those that are missing are passed over.
    #[serde(borrow, deserialize_with = "texts")]
    pub graphs: Vec<&'a str>,
    /// Upper and lower case differ.
    #[serde(borrow, deserialize_with = "text")]
    pub label: &'a str,
    /// Most nodes to return of all graphs together; 0 is no limit.
    pub limit: usize,
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
