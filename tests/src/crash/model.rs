//! What the server must hold: the operations, and their effect on an expected state.

use std::collections::BTreeMap;

use crate::wire::{Value, bin, map, pack, params};

/// The graph in which all domains have nodes.
pub(super) const MAIN_GRAPH: &str = "crash";

/// One change of a graph.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Adds a node or replaces its properties.
    AddNode { id: String, properties: Value },
    /// Removes a node and its edges.
    RemoveNode { id: String },
    /// Adds a parallel edge between existing nodes.
    AddEdge { source: String, target: String, properties: Value },
    /// Removes all parallel edges of a pair.
    RemoveEdge { source: String, target: String },
}

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
}

/// Content of one graph, or of one domain's part of the main graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GraphState {
    /// Property bytes by node.
    pub(super) nodes: BTreeMap<String, Vec<u8>>,
    /// Property bytes of the parallel edges, oldest first, by source and target.
    pub(super) edges: BTreeMap<(String, String), Vec<Vec<u8>>>,
    /// Ledger lines, oldest first.
    pub(super) ledger: Vec<String>,
}

/// A key space with a known state. Its name starts every node id and side graph name in it.
#[derive(Debug)]
pub(super) struct Domain {
    /// Such as `d03`.
    pub(super) name: String,
    /// Expected content by graph name; the main graph is always there.
    pub(super) graphs: BTreeMap<String, GraphState>,
    /// The operation that was sent and not answered yet.
    pub(super) in_flight: Option<Op>,
    /// Source of values that never repeat.
    pub(super) next_value: u64,
    /// What was acknowledged, oldest first; kept only when asked for.
    pub(super) history: Vec<Acknowledged>,
}

/// An acknowledged operation and the instants, in the clock of the test, between which it was done.
#[derive(Debug)]
pub(super) struct Acknowledged {
    pub(super) op: Op,
    pub(super) sent: u64,
    pub(super) answered: u64,
}

impl Domain {
    /// An empty domain.
    pub(super) fn new(name: String) -> Domain {
        let graphs = BTreeMap::from([(MAIN_GRAPH.to_owned(), GraphState::default())]);
        Domain { name, graphs, in_flight: None, next_value: 0, history: Vec::new() }
    }

    /// The state at an earlier instant of the history; what was answered later counts as in flight.
    pub(super) fn as_of(&self, instant: u64) -> Domain {
        let mut earlier = Domain { next_value: self.next_value, ..Domain::new(self.name.clone()) };
        let known = self.history.partition_point(|entry| entry.answered <= instant);
        self.history[..known].iter().for_each(|entry| entry.op.apply(&mut earlier.graphs));
        earlier.in_flight = self.history.get(known).map(|entry| entry.op.clone());
        earlier
    }

    /// Takes the operation in flight as done.
    pub(super) fn acknowledge(&mut self) {
        if let Some(op) = self.in_flight.take() {
            op.apply(&mut self.graphs);
        }
    }
}

impl Op {
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
                let fields = [("graph_name", name.as_str().into()), ("graph_type", "Agent".into())];
                (name.clone(), "CreateGraph", params(fields))
            }
            Op::DeleteGraph { name } => {
                (name.clone(), "DeleteGraph", params([("graph_name", name.as_str().into())]))
            }
        }
    }

    /// Applies the operation to an expected state.
    pub(super) fn apply(&self, graphs: &mut BTreeMap<String, GraphState>) {
        match self {
            Op::One { graph, change } => graphs.entry(graph.clone()).or_default().apply(change),
            Op::Batch { graph, changes } => {
                let state = graphs.entry(graph.clone()).or_default();
                changes.iter().for_each(|change| state.apply(change));
            }
            Op::CreateGraph { name } => {
                graphs.insert(name.clone(), GraphState::default());
            }
            Op::DeleteGraph { name } => {
                graphs.remove(name);
            }
        }
    }
}

impl Change {
    fn request(&self) -> (&'static str, Option<Value>) {
        let text = |text: &String| Value::from(text.as_str());
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
        let text = |text: &String| Value::from(text.as_str());
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

impl GraphState {
    /// Applies a change and writes its ledger line, by the rules of the protocol.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::AddNode { id, properties } => {
                let bytes = pack(properties);
                self.ledger.push(format!("ADD_NODE|{id}|{}", hex::encode(&bytes)));
                self.nodes.insert(id.clone(), bytes);
            }
            Change::RemoveNode { id } => {
                if self.nodes.remove(id).is_some() {
                    self.ledger.push(format!("REMOVE_NODE|{id}"));
                    self.edges.retain(|(source, target), _| source != id && target != id);
                }
            }
            Change::AddEdge { source, target, properties } => {
                if self.has_both(source, target) {
                    let bytes = pack(properties);
                    self.ledger.push(format!("ADD_EDGE|{source}|{target}|{}", hex::encode(&bytes)));
                    self.edges.entry((source.clone(), target.clone())).or_default().push(bytes);
                }
            }
            Change::RemoveEdge { source, target } => {
                if self.has_both(source, target) {
                    self.ledger.push(format!("REMOVE_EDGE|{source}|{target}"));
                    self.edges.remove(&(source.clone(), target.clone()));
                }
            }
        }
    }

    /// The same content with an empty ledger.
    pub(super) fn without_ledger(&self) -> GraphState {
        GraphState { nodes: self.nodes.clone(), edges: self.edges.clone(), ledger: Vec::new() }
    }

    fn has_both(&self, source: &str, target: &str) -> bool {
        self.nodes.contains_key(source) && self.nodes.contains_key(target)
    }
}
