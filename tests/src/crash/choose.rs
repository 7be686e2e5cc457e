//! The choice of the next operation.

use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, RngExt};

use super::model::{Change, Domain, GraphState, MAIN_GRAPH, Op};
use crate::wire::{Value, map};

const NODES_PER_DOMAIN: u32 = 200;
const SIDE_GRAPHS_PER_DOMAIN: u32 = 3;
const CHANGES_PER_BATCH: usize = 20;

/// How often each kind of request is sent, relative to the others.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// `AddNode`, `AddEdge`, `RemoveNode`, `RemoveEdge`.
    pub single: u32,
    /// `BatchUpdate` with 20 changes.
    pub batch: u32,
    /// `CreateGraph` and `DeleteGraph`.
    pub graphs: u32,
}

impl Mix {
    /// Everything.
    pub const ALL: Mix = Mix { single: 16, batch: 3, graphs: 1 };
    /// Batches only.
    pub const BATCHES: Mix = Mix { single: 0, batch: 1, graphs: 0 };
    /// Single changes only.
    pub const SINGLE: Mix = Mix { single: 1, batch: 0, graphs: 0 };
}

impl Domain {
    /// A request that succeeds on the expected state.
    pub(super) fn next_op(&mut self, random: &mut StdRng, mix: Mix) -> Op {
        let pick = random.random_range(0..mix.single + mix.batch + mix.graphs);
        if pick >= mix.single + mix.batch {
            let name = format!("{}/g{}:é", self.name, random.random_range(0..SIDE_GRAPHS_PER_DOMAIN));
            return match self.graphs.contains_key(&name) {
                true => Op::DeleteGraph { name },
                false => Op::CreateGraph { name },
            };
        }
        let graph = match random.random_bool(0.8) {
            true => MAIN_GRAPH.to_owned(),
            false => self.graphs.keys().choose(random).cloned().unwrap_or_else(|| MAIN_GRAPH.into()),
        };
        if pick < mix.single {
            let state = std::mem::take(self.graphs.entry(graph.clone()).or_default());
            let change = self.next_change(&state, random);
            self.graphs.insert(graph.clone(), state);
            return Op::One { graph, change };
        }
        let mut state = self.graphs.get(&graph).map(GraphState::without_ledger).unwrap_or_default();
        let changes = std::iter::repeat_with(|| {
            let change = self.next_change(&state, random);
            state.apply(&change);
            change
        });
        let changes = changes.take(CHANGES_PER_BATCH).collect();
        Op::Batch { graph, changes }
    }

    /// A change that succeeds on `state`.
    fn next_change(&mut self, state: &GraphState, random: &mut impl Rng) -> Change {
        let properties = self.next_properties();
        let mut node = || state.nodes.keys().choose(random).cloned();
        if let (Some(source), Some(target)) = (node(), node()) {
            match random.random_range(0..20) {
                0..6 => {
                    return Change::AddEdge { source, target, properties };
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
        Change::AddNode { id, properties }
    }

    fn next_properties(&mut self) -> Value {
        self.next_value += 1;
        map([("type", self.name.as_str().into()), ("v", self.next_value.into())])
    }
}
