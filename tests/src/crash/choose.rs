//! The choice of the next operation.

use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, RngExt};

use super::aging;
use super::domain::Domain;
use super::graph::{Change, GraphState};
use super::op::{Op, Whole};
use super::state::{MAIN_GRAPH, State};
use crate::wire::{Value, map};

const NODES_PER_DOMAIN: u32 = 200;
const SIDE_GRAPHS_PER_DOMAIN: u32 = 3;
const CHANGES_PER_BATCH: usize = 20;
/// Nodes of the graphs that come as a document.
const NODES_PER_DOCUMENT: u32 = 30;

/// How often each kind of request is sent, relative to the others, and how many before an answer is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// `AddNode`, `AddEdge`, `RemoveNode`, `RemoveEdge`.
    pub single: u32,
    /// `BatchUpdate` with 20 changes.
    pub batch: u32,
    /// `CreateGraph` and `DeleteGraph`.
    pub graphs: u32,
    /// What changes embeddings, ages, or the whole of a graph: see `Whole`, `Fork` and imports in `op.rs`.
    pub whole: u32,
    /// Channels and identities.
    pub service: u32,
    /// Requests that are sent on a connection before the first answer is waited for.
    pub depth: usize,
}

impl Mix {
    /// What all servers have, one request at a time.
    pub const COMMON: Mix = Mix { single: 16, batch: 3, graphs: 1, whole: 0, service: 0, depth: 1 };
    /// Every operation that writes, 16 at a time. The server must be [`server`](super::server).
    pub const ALL: Mix = Mix { single: 16, batch: 3, graphs: 2, whole: 8, service: 5, depth: 16 };
    /// Batches only.
    pub const BATCHES: Mix = Mix { single: 0, batch: 1, ..Mix::COMMON.without_graphs() };
    /// Single changes only.
    pub const SINGLE: Mix = Mix { single: 1, batch: 0, ..Mix::COMMON.without_graphs() };

    const fn without_graphs(self) -> Mix {
        Mix { graphs: 0, ..self }
    }
}

/// An operation, or what must be done before it can be told.
#[derive(Debug)]
pub(super) enum Next {
    Op(Op),
    /// An import of a snapshot of `from`.
    Import {
        from: String,
        name: String,
    },
}

impl Domain {
    /// A request that succeeds on `state`, the one behind everything in flight.
    pub(super) fn next_op(&mut self, state: &State, random: &mut StdRng, mix: Mix) -> Next {
        let Mix { single, batch, graphs, whole, service, .. } = mix;
        let pick = random.random_range(0..single + batch + graphs + whole + service);
        if pick < single + batch {
            return Next::Op(self.next_changes(state, random, pick < single));
        }
        if pick >= single + batch + graphs + whole {
            return Next::Op(Op::Service(self.next_service(state, random)));
        }
        let name = format!("{}/g{}:é", self.name, random.random_range(0..SIDE_GRAPHS_PER_DOMAIN));
        if pick >= single + batch + graphs {
            return self.next_whole(state, name, random);
        }
        Next::Op(match state.graphs.contains_key(&name) {
            true => Op::DeleteGraph { name },
            false => Op::CreateGraph { name },
        })
    }

    /// One change, or a batch of them.
    fn next_changes(&mut self, state: &State, random: &mut StdRng, one: bool) -> Op {
        let graph = match random.random_bool(0.8) {
            true => MAIN_GRAPH.to_owned(),
            false => state.graphs.keys().choose(random).cloned().unwrap_or_else(|| MAIN_GRAPH.into()),
        };
        let content = &state.graphs[&graph];
        if one {
            return Op::One { graph, change: self.next_change(content, random) };
        }
        let mut content = content.without_ledger();
        let changes = std::iter::repeat_with(|| {
            let change = self.next_change(&content, random);
            content.apply(&change);
            change
        });
        let changes = changes.take(CHANGES_PER_BATCH).collect();
        Op::Batch { graph, changes }
    }

    /// A change that succeeds on `state`.
    fn next_change(&mut self, state: &GraphState, random: &mut impl Rng) -> Change {
        let mut node = || state.nodes.keys().choose(random).cloned();
        if let (Some(source), Some(target)) = (node(), node()) {
            match random.random_range(0..20) {
                0..6 => {
                    return Change::AddEdge { source, target, properties: self.next_properties() };
                }
                6..9 => {
                    let pair = state.edges.keys().choose(random).cloned();
                    let (source, target) = pair.unwrap_or((source, target));
                    return Change::RemoveEdge { source, target };
                }
                9..11 => return Change::RemoveNode { id: source },
                _ => {}
            }
        }
        let id = format!("{}:n{}", self.name, random.random_range(0..NODES_PER_DOMAIN));
        let properties = self.next_properties_of_node(random);
        Change::AddNode { id, properties }
    }

    fn next_fields(&mut self) -> [(&'static str, Value); 2] {
        self.next_value += 1;
        [("type", self.name.as_str().into()), ("v", self.next_value.into())]
    }

    fn next_properties(&mut self) -> Value {
        map(self.next_fields())
    }

    fn next_properties_of_node(&mut self, random: &mut impl Rng) -> Value {
        if random.random_bool(0.3) { aging::aged(self.next_fields()) } else { self.next_properties() }
    }

    /// A write of the whole of the side graph `name`, or of some nodes of any graph.
    fn next_whole(&mut self, state: &State, name: String, random: &mut StdRng) -> Next {
        if random.random_bool(0.4) {
            return Next::Op(self.next_attribute(state, random));
        }
        let Some(content) = state.graphs.get(&name) else {
            let from = self.side_graphs(state).choose(random).cloned();
            return match from {
                None => Next::Op(Op::CreateGraph { name }),
                Some(from) if random.random_bool(0.5) => Next::Import { from, name },
                Some(graph) => Next::Op(Op::Fork { graph, name }),
            };
        };
        let kind = match random.random_range(0..9) {
            0 => Whole::Decay,
            1 => Whole::Prune,
            2 => {
                let touched = content.nodes.values().filter(|node| aging::is_touched(&node.properties));
                Whole::Evict { touched: touched.count() }
            }
            3 => Whole::Compact {
                label: self.name.clone(),
                left: random.random_range(0..=content.nodes.len()),
            },
            4 => Whole::Reason { property: self.name.clone() },
            5 => Whole::Document(self.next_document(random)),
            6 => Whole::Clear,
            7 => Whole::ClearLedger,
            _ => {
                let from = self.side_graphs(state).choose(random).cloned();
                return Next::Import { from: from.unwrap_or_else(|| name.clone()), name };
            }
        };
        Next::Op(Op::Whole { graph: name, kind })
    }

    fn side_graphs<'s>(&self, state: &'s State) -> impl Iterator<Item = &'s String> {
        state.graphs.keys().filter(|name| *name != MAIN_GRAPH)
    }

    /// An embedding, or a touch of some nodes.
    fn next_attribute(&mut self, state: &State, random: &mut StdRng) -> Op {
        let graph = state.graphs.keys().choose(random).cloned().unwrap_or_else(|| MAIN_GRAPH.into());
        let nodes = &state.graphs[&graph].nodes;
        let Some(node) = nodes.keys().choose(random).cloned() else {
            return Op::One { graph, change: self.next_change(&GraphState::default(), random) };
        };
        let kind = match random.random_bool(0.5) {
            true => Whole::AddEmbedding { node, components: self.next_components() },
            false => Whole::Touch { ids: nodes.keys().sample(random, 5).into_iter().cloned().collect() },
        };
        Op::Whole { graph, kind }
    }

    fn next_components(&mut self) -> Vec<u32> {
        self.next_value += 1;
        vec![1.0_f32.to_bits(), (self.next_value as f32).to_bits()]
    }

    fn next_document(&mut self, random: &mut StdRng) -> GraphState {
        let mut content = GraphState::default();
        for _ in 0..random.random_range(0..NODES_PER_DOCUMENT) {
            let change = self.next_change(&content, random);
            content.apply(&change);
        }
        let some: Vec<String> = content.nodes.keys().sample(random, 3).into_iter().cloned().collect();
        for node in some {
            let components = self.next_components();
            content.embeddings.insert(node, components);
        }
        content
    }
}
