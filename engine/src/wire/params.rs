//! The parameters of the operations, one struct per shape. Strings borrow from the frame, bytes too unless they
//! came as a list of integers.
//!
//! The order of fields is the order in which missing ones are reported. Unknown parameters are ignored, repeated
//! ones are errors.

mod moves;
mod transactions;

use std::borrow::Cow;

use epistemic_storage::properties::token::{Reader, Token};
use serde::Deserialize;
use serde::de::Error;

use super::bytes_field::{bytes, some_bytes};
use super::error::DecodeError;
use super::floats::components;
use super::method::Method;
use super::text::{WeightedEdge, items, pairs, some_text, text, text_or_nil, texts, triples, weights};
use super::value::{Value, invalid_type};
use epistemic_storage::channels::ChannelType;
use epistemic_storage::graph::GraphType;
use epistemic_storage::identities::Role;

pub use moves::{
    GraphOwners, MoveAdmit, MoveArrive, MoveDepart, MoveFence, MoveId, MoveOutcomes, MoveRefuse, MoveRelease,
    MoveRenew, MoveReplay, MoveStatus, OwnerGiveWay, OwnerHold,
};
pub use transactions::{
    BeginTransaction, CommitTransaction, TransactionAddEdge, TransactionAddEmbedding, TransactionAddNode,
    TransactionCompareAndSet, TransactionEdge, TransactionId, TransactionNode,
};

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

/// `AddNode`, `CreateNodeIfAbsent`
#[derive(Debug, Deserialize)]
pub struct AddNode<'a> {
    /// Id of the node, new or existing.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
    /// Stored as they are.
    #[serde(borrow, deserialize_with = "bytes")]
    pub properties_msgpack: Cow<'a, [u8]>,
}

/// `CompareAndSetNodeFields`
#[derive(Debug, Deserialize)]
pub struct CompareAndSet<'a> {
    /// Id of the node.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
    /// A map of the fields that are expected; a missing field is nil.
    #[serde(borrow, deserialize_with = "bytes")]
    pub conditions_msgpack: Cow<'a, [u8]>,
    /// A map of the fields to set.
    #[serde(borrow, deserialize_with = "bytes")]
    pub updates_msgpack: Cow<'a, [u8]>,
}

/// `ClaimNext`
#[derive(Debug, Deserialize)]
pub struct ClaimNext<'a> {
    /// Label of the nodes.
    #[serde(borrow, deserialize_with = "text")]
    pub label: &'a str,
    /// A map of the fields to set.
    #[serde(borrow, deserialize_with = "bytes")]
    pub updates_msgpack: Cow<'a, [u8]>,
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
    /// The node behind which to go on; from the first one without it.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub after: Option<&'a str>,
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
    /// See [`epistemic_storage::properties::batch::BatchOps`].
    #[serde(borrow, deserialize_with = "bytes")]
    pub operations_msgpack: Cow<'a, [u8]>,
}

/// `FromMsgpack`
#[derive(Debug, Deserialize)]
pub struct Document<'a> {
    /// A document (`docs/reference-protocol.md` section 8.3).
    #[serde(borrow, deserialize_with = "bytes")]
    pub msgpack: Cow<'a, [u8]>,
}

/// `ApplyLedger`
#[derive(Debug, Deserialize)]
pub struct Transactions<'a> {
    /// Ledger lines (`docs/reference-protocol.md` section 8.2).
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

/// `GetBlastRadius`
#[derive(Debug, Deserialize)]
pub struct BlastRadius<'a> {
    /// Where it starts.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
    /// Hops.
    pub max_depth: usize,
}

/// `PageRank`
#[derive(Debug, Deserialize)]
pub struct PageRank {
    /// Share of rank that follows edges.
    pub damping: f64,
    /// Rounds.
    pub iterations: usize,
}

/// `PersonalizedPageRank`
#[derive(Debug, Deserialize)]
pub struct PersonalizedPageRank<'a> {
    /// Node ids and their weights.
    #[serde(borrow, deserialize_with = "weights")]
    pub seed_nodes: Vec<(&'a str, f64)>,
    /// Share of rank that follows edges.
    pub damping: f64,
    /// Rounds.
    pub iterations: usize,
}

/// `CommunityDetection`
#[derive(Debug, Deserialize)]
pub struct Communities {
    /// Larger values make smaller communities; 1.0 is modularity.
    pub resolution: f64,
}

/// `CommunityDetectEphemeral`
#[derive(Debug, Deserialize)]
pub struct EphemeralCommunities<'a> {
    /// Nodes; repeats are dropped.
    #[serde(borrow, deserialize_with = "texts")]
    pub node_ids: Vec<&'a str>,
    /// Sources and targets, with a weight or without; those at other nodes are dropped.
    #[serde(borrow, deserialize_with = "items")]
    pub edges: Vec<WeightedEdge<'a>>,
    /// Larger values make smaller communities; 1.0 is modularity.
    pub resolution: f64,
    /// What is to be high: `modularity`, if anything.
    #[serde(borrow, default, deserialize_with = "some_text")]
    pub quality: Option<&'a str>,
}

/// `Vf2SubgraphMatch`
#[derive(Debug, Deserialize)]
pub struct SubgraphMatch<'a> {
    /// Graph to be found.
    #[serde(borrow, deserialize_with = "text")]
    pub pattern_graph_name: &'a str,
    /// Matches to end with; 0 is the server's bound.
    #[serde(default)]
    pub max_results: usize,
}

/// `DiffAgainst`
#[derive(Debug, Deserialize)]
pub struct DiffAgainst<'a> {
    /// The graph to compare with.
    #[serde(borrow, deserialize_with = "text")]
    pub other_graph: &'a str,
}

/// `Fork`
#[derive(Debug, Deserialize)]
pub struct Fork<'a> {
    /// Name of the copy; no graph may have it.
    #[serde(borrow, deserialize_with = "text")]
    pub graph_name: &'a str,
}

/// `GetContextView`
#[derive(Debug, Deserialize)]
pub struct ContextView<'a> {
    /// The node to start from.
    #[serde(borrow, deserialize_with = "text")]
    pub agent_id: &'a str,
    /// Tokens of 4 bytes.
    pub max_tokens: u32,
}

/// `DecaySweep`
#[derive(Debug, Deserialize)]
pub struct DecaySweep {
    /// Seconds in which confidence halves.
    #[serde(default = "week")]
    pub half_life_secs: f64,
    /// Confidence below which is pruned.
    #[serde(default)]
    pub floor: f64,
    /// Whether anything is pruned.
    #[serde(default)]
    pub prune: bool,
}

fn week() -> f64 {
    604_800.0
}

/// `EvictLRU`
#[derive(Debug, Deserialize)]
pub struct EvictLru {
    /// Nodes to keep.
    pub max_nodes: usize,
}

/// `PruneByLifecycle`
#[derive(Debug, Deserialize)]
pub struct PruneByLifecycle {
    /// Seconds since something was last seen.
    pub max_age_secs: u64,
    /// Confidence below which it goes.
    pub min_score: f64,
}

/// `CompactNodesByType`
#[derive(Debug, Deserialize)]
pub struct CompactByType<'a> {
    /// Label of the nodes.
    #[serde(borrow, deserialize_with = "text")]
    pub node_type: &'a str,
    /// Nodes to keep.
    pub threshold: usize,
}

/// `Reconcile`
#[derive(Debug, Deserialize)]
pub struct Reconcile<'a> {
    /// Must be the graph of the request.
    #[serde(borrow, deserialize_with = "text")]
    pub graph_name: &'a str,
    /// A document (`docs/reference-protocol.md` section 8.3).
    #[serde(borrow, default, deserialize_with = "some_bytes")]
    pub msgpack: Option<Cow<'a, [u8]>>,
    /// The same as JSON, which is what the published client sends.
    #[serde(borrow, default, deserialize_with = "some_text")]
    pub json_str: Option<&'a str>,
}

/// `ApplyMutation`
#[derive(Debug, Deserialize)]
pub struct ApplyMutation<'a> {
    /// Not looked at.
    #[serde(borrow, deserialize_with = "text")]
    pub event_type: &'a str,
    /// Not looked at.
    #[serde(borrow, deserialize_with = "text")]
    pub query: &'a str,
}

/// `ApplyMultisigMutation`
#[derive(Debug, Deserialize)]
pub struct ApplyMultisigMutation<'a> {
    /// Counted only.
    #[serde(borrow, deserialize_with = "texts")]
    pub signatures: Vec<&'a str>,
    /// How many there must be.
    pub threshold: usize,
    /// Not looked at.
    #[serde(borrow, deserialize_with = "text")]
    pub mutation_type: &'a str,
    /// Not looked at.
    #[serde(borrow, deserialize_with = "text")]
    pub query: &'a str,
}

/// `RunDatalogReasoning`; every list may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DatalogReasoning<'a> {
    /// (class, class above it)
    #[serde(borrow, deserialize_with = "pairs")]
    pub subclass_relations: Vec<(&'a str, &'a str)>,
    /// (property, property above it)
    #[serde(borrow, deserialize_with = "pairs")]
    pub subproperty_relations: Vec<(&'a str, &'a str)>,
    /// Properties that hold both ways.
    #[serde(borrow, deserialize_with = "texts")]
    pub symmetric_properties: Vec<&'a str>,
    /// Properties that hold over paths.
    #[serde(borrow, deserialize_with = "texts")]
    pub transitive_properties: Vec<&'a str>,
    /// (property, the same the other way round)
    #[serde(borrow, deserialize_with = "pairs")]
    pub inverse_properties: Vec<(&'a str, &'a str)>,
    /// (property, class of its sources)
    #[serde(borrow, deserialize_with = "pairs")]
    pub domain_rules: Vec<(&'a str, &'a str)>,
    /// (property, class of its targets)
    #[serde(borrow, deserialize_with = "pairs")]
    pub range_rules: Vec<(&'a str, &'a str)>,
    /// (first property, second property, property of the whole)
    #[serde(borrow, deserialize_with = "triples")]
    pub property_chains: Vec<(&'a str, &'a str, &'a str)>,
}

/// `CreateGraph`
#[derive(Debug, Deserialize)]
pub struct CreateGraph<'a> {
    /// Any name, also the empty one.
    #[serde(borrow, deserialize_with = "text")]
    pub graph_name: &'a str,
    /// Decides who may use it.
    pub graph_type: GraphType,
    /// The tenant whose graph it is to be; reference clients give none.
    #[serde(borrow, default, deserialize_with = "some_text")]
    pub tenant: Option<&'a str>,
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
    /// Whether everybody may join when there is access control; an addition of ours.
    #[serde(default)]
    pub open: bool,
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
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
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

/// `UnregisterIdentity`
#[derive(Debug, Deserialize)]
pub struct Agent<'a> {
    /// Who is removed.
    #[serde(borrow, deserialize_with = "text")]
    pub agent_id: &'a str,
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

/// `GraphStats`, which takes none as well
#[derive(Debug, Default, Deserialize)]
pub struct GraphStats {
    /// Whether to tell how much room each graph takes, which looks at the tables of all of them. Off by default.
    #[serde(default)]
    pub sizes: bool,
}

/// `LedgerKeep`
#[derive(Debug, Deserialize)]
pub struct LedgerKeep<'a> {
    /// The rule as text; without it, or nil, the graph is kept as the shard keeps others.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub keep: Option<&'a str>,
}

/// `QuotaShow`, which takes none as well
#[derive(Debug, Default, Deserialize)]
pub struct QuotaShow<'a> {
    /// Only this tenant.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub tenant: Option<&'a str>,
}

/// `QuotaSet`
#[derive(Debug, Deserialize)]
pub struct QuotaSet<'a> {
    /// Pattern of tenants.
    #[serde(borrow, deserialize_with = "text")]
    pub tenant: &'a str,
    /// Texts `LIMIT=VALUE`; none drops what was set for the pattern.
    #[serde(borrow, deserialize_with = "texts")]
    pub limits: Vec<&'a str>,
}

/// `SnapshotOpen`, which takes none as well
#[derive(Debug, Default, Deserialize)]
pub struct SnapshotOpen {
    /// Whether the snapshot is to be without the ledger, which is not read then. Off by default.
    #[serde(default)]
    pub without_ledger: bool,
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
    /// The move that reserved the name; the graph is not served before that move admits it.
    #[serde(default, borrow, deserialize_with = "some_text")]
    pub move_id: Option<&'a str>,
    /// Of a move: the graph that the snapshot was taken of, as `SnapshotOpen` named it.
    #[serde(default)]
    pub origin_id: Option<u64>,
    /// Of a move: its ownership term.
    #[serde(default)]
    pub origin_epoch: u64,
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

/// `GraphDigest`
#[derive(Debug, Default, Deserialize)]
pub struct GraphDigest {
    /// Only what changed behind this sequence number; the whole content without it.
    #[serde(default)]
    pub after: Option<u64>,
}

/// `LedgerRead`
#[derive(Debug, Deserialize)]
pub struct LedgerRead {
    /// Records behind this sequence number.
    pub after: u64,
    /// Bytes after which no further record is added; at least one comes if there is one.
    pub max_bytes: u64,
}

/// `GraphHeads`
#[derive(Debug, Default, Deserialize)]
pub struct GraphHeads<'a> {
    /// Graphs behind this name; from the first one without it.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub after: Option<&'a str>,
    /// Graphs at most.
    #[serde(default)]
    pub limit: Option<u64>,
}

/// `ServiceImport`
#[derive(Debug, Deserialize)]
pub struct ServiceImport {
    /// Whether to take the identities.
    #[serde(default)]
    pub identities: bool,
    /// Whether to take the channels.
    #[serde(default)]
    pub channels: bool,
}
