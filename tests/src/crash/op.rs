//! The requests that write.

use super::aging;
use super::graph::{Change, GraphState};
use crate::wire::{Value, bin, ints, map, pack, params};

/// One request that writes.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// `AddNode`, `RemoveNode`, `AddEdge` or `RemoveEdge`.
    One { graph: String, change: Change },
    /// `BatchUpdate`.
    Batch { graph: String, changes: Vec<Change> },
    /// `CreateGraph`.
    CreateGraph { name: String },
    /// `DeleteGraph`.
    DeleteGraph { name: String },
    /// Any other write of one graph.
    Whole { graph: String, kind: Whole },
    /// `Fork`.
    Fork { graph: String, name: String },
    /// `RestoreCommit` of a snapshot of `content`, uploaded before; in place of the graph if there is one.
    Import { name: String, content: GraphState, upload: Value },
    /// A write of the service, beside all graphs.
    Service(Service),
}

/// A write of one graph that may change all of it.
#[derive(Debug, Clone)]
pub(super) enum Whole {
    /// `AddEmbedding`, with the bits of the components.
    AddEmbedding { node: String, components: Vec<u32> },
    /// `TouchNodes`.
    Touch { ids: Vec<String> },
    /// `DecaySweep` with pruning.
    Decay,
    /// `PruneByLifecycle`.
    Prune,
    /// `EvictLRU`; `touched` nodes stay.
    Evict { touched: usize },
    /// `CompactNodesByType`.
    Compact { label: String, left: usize },
    /// `RunDatalogReasoning`.
    Reason { property: String },
    /// `FromMsgpack`.
    Document(GraphState),
    /// `ClearGraph`.
    Clear,
    /// `ClearLedger`.
    ClearLedger,
}

/// A write of channels or identities.
#[derive(Debug, Clone)]
pub(super) enum Service {
    /// `CreateChannel` of the type `Group`.
    CreateChannel { channel: String, members: Vec<String> },
    /// `JoinChannel`.
    Join { channel: String, agent: String },
    /// `LeaveChannel`.
    Leave { channel: String, agent: String },
    /// `CloseChannel`.
    Close { channel: String },
    /// `SendMessage`.
    Send { channel: String, sender: String, payload: String },
    /// `RegisterIdentity`: a manager of `subordinates`.
    Register { agent: String, subordinates: Vec<String>, teams: Vec<String> },
}

impl Op {
    /// Whether an answer means that it is synced, whatever `--durability` says.
    pub(super) fn is_always_synced(&self) -> bool {
        matches!(self, Op::Import { .. } | Op::Whole { kind: Whole::Document(_), .. })
    }

    /// Graph, method and parameters of the request.
    pub(super) fn request(&self) -> (String, &'static str, Option<Value>) {
        match self {
            Op::One { graph, change } => {
                let (method, params) = change.request();
                (graph.clone(), method, params)
            }
            Op::Batch { graph, changes } => {
                let payload = pack(&Value::Array(changes.iter().map(Change::batch_entry).collect()));
                (graph.clone(), "BatchUpdate", params([("operations_msgpack", bin(payload))]))
            }
            Op::CreateGraph { name } => {
                let fields = [("graph_name", text(name)), ("graph_type", "Agent".into())];
                (name.clone(), "CreateGraph", params(fields))
            }
            Op::DeleteGraph { name } => (name.clone(), "DeleteGraph", params([("graph_name", text(name))])),
            Op::Whole { graph, kind } => {
                let (method, params) = kind.request();
                (graph.clone(), method, params)
            }
            Op::Fork { graph, name } => (graph.clone(), "Fork", params([("graph_name", text(name))])),
            Op::Import { name, upload, .. } => {
                (name.clone(), "RestoreCommit", params([("upload", upload.clone())]))
            }
            Op::Service(service) => {
                let (method, params) = service.request();
                ("__commons__".into(), method, params)
            }
        }
    }
}

impl Change {
    fn request(&self) -> (&'static str, Option<Value>) {
        match self {
            Change::AddNode { id, properties } => {
                let fields = [("node_id", text(id)), ("properties_msgpack", bin(pack(properties)))];
                ("AddNode", params(fields))
            }
            Change::RemoveNode { id } => ("RemoveNode", params([("node_id", text(id))])),
            Change::AddEdge { source, target, properties } => {
                let ends = [("source_id", text(source)), ("target_id", text(target))];
                let properties = ("properties_msgpack", bin(pack(properties)));
                ("AddEdge", params(ends.into_iter().chain([properties])))
            }
            Change::RemoveEdge { source, target } => {
                ("RemoveEdge", params([("source_id", text(source)), ("target_id", text(target))]))
            }
        }
    }

    fn batch_entry(&self) -> Value {
        match self {
            Change::AddNode { id, properties } => {
                map([("op", "add_node".into()), ("id", text(id)), ("properties", properties.clone())])
            }
            Change::RemoveNode { id } => map([("op", "remove_node".into()), ("id", text(id))]),
            Change::AddEdge { source, target, properties } => map([
                ("op", "add_edge".into()),
                ("source", text(source)),
                ("target", text(target)),
                ("properties", properties.clone()),
            ]),
            Change::RemoveEdge { source, target } => {
                map([("op", "remove_edge".into()), ("source", text(source)), ("target", text(target))])
            }
        }
    }
}

impl Whole {
    fn request(&self) -> (&'static str, Option<Value>) {
        match self {
            Whole::AddEmbedding { node, components } => {
                ("AddEmbedding", params([("node_id", text(node)), ("embedding", floats(components))]))
            }
            Whole::Touch { ids } => ("TouchNodes", params([("node_ids", texts(ids))])),
            Whole::Decay => {
                let (half_life, floor) = aging::SWEEP;
                let fields =
                    [("half_life_secs", half_life.into()), ("floor", floor.into()), ("prune", true.into())];
                ("DecaySweep", params(fields))
            }
            Whole::Prune => {
                let (age, score) = aging::PRUNE;
                ("PruneByLifecycle", params([("max_age_secs", age.into()), ("min_score", score.into())]))
            }
            Whole::Evict { touched } => ("EvictLRU", params([("max_nodes", (*touched).into())])),
            Whole::Compact { label, left } => {
                ("CompactNodesByType", params([("node_type", text(label)), ("threshold", (*left).into())]))
            }
            Whole::Reason { property } => {
                let properties = Value::Array(vec![text(property)]);
                ("RunDatalogReasoning", params([("symmetric_properties", properties)]))
            }
            Whole::Document(content) => ("FromMsgpack", params([("msgpack", bin(pack(&document(content))))])),
            Whole::Clear => ("ClearGraph", None),
            Whole::ClearLedger => ("ClearLedger", None),
        }
    }
}

impl Service {
    fn request(&self) -> (&'static str, Option<Value>) {
        let channel_agent = |channel: &String, agent: &String| {
            params([("channel_id", text(channel)), ("agent_id", text(agent))])
        };
        match self {
            Service::CreateChannel { channel, members } => (
                "CreateChannel",
                params([
                    ("channel_id", text(channel)),
                    ("channel_type", "Group".into()),
                    ("creator", members.first().map_or(Value::Nil, text)),
                    ("initial_members", texts(members)),
                ]),
            ),
            Service::Join { channel, agent } => ("JoinChannel", channel_agent(channel, agent)),
            Service::Leave { channel, agent } => ("LeaveChannel", channel_agent(channel, agent)),
            Service::Close { channel } => ("CloseChannel", params([("channel_id", text(channel))])),
            Service::Send { channel, sender, payload } => (
                "SendMessage",
                params([("channel_id", text(channel)), ("sender", text(sender)), ("payload", text(payload))]),
            ),
            Service::Register { agent, subordinates, teams } => (
                "RegisterIdentity",
                params([
                    ("agent_id", text(agent)),
                    ("role", map([("Manager", map([("subordinates", texts(subordinates))]))])),
                    ("teams", texts(teams)),
                    ("signature", "".into()),
                ]),
            ),
        }
    }
}

/// The document of `FromMsgpack`: nodes in the order of their insertion, with the ledger.
fn document(content: &GraphState) -> Value {
    let mut nodes: Vec<_> = content.nodes.iter().collect();
    nodes.sort_by_key(|(_, node)| node.inserted);
    let nodes = nodes.into_iter().map(|(id, node)| Value::Array(vec![text(id), ints(&node.properties)]));
    let edges = content.edges.iter().flat_map(|((source, target), parallel)| {
        parallel
            .iter()
            .map(move |properties| Value::Array(vec![text(source), text(target), ints(properties)]))
    });
    let embeddings = content.embeddings.iter().map(|(id, components)| (text(id), floats(components)));
    map([
        ("nodes", Value::Array(nodes.collect())),
        ("edges", Value::Array(edges.collect())),
        ("ledger", texts(&content.ledger)),
        ("semantic_store", map([("embeddings", Value::Map(embeddings.collect()))])),
    ])
}

fn text(text: impl AsRef<str>) -> Value {
    text.as_ref().into()
}

fn texts(texts: &[String]) -> Value {
    Value::Array(texts.iter().map(text).collect())
}

fn floats(bits: &[u32]) -> Value {
    Value::Array(bits.iter().map(|bits| f64::from(f32::from_bits(*bits)).into()).collect())
}
