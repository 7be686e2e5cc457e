//! Decides what moves where. No I/O: the same shards give the same plan, byte by byte.
//!
//! Every graph goes to its owner by the new list, wherever it is now. An empty `__commons__` is on every shard and is none.

mod checks;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use epistemic_router::status::GraphStats;
use epistemic_router::{Endpoint, hrw};

use super::estimate::Expected;
use super::inventory::{Change, Shard};
use super::model::{Counts, Move, Pair, Plan, PlannedShard, VERSION};
use super::refusal::Refusal;

/// A destination needs this many times the bytes that come to it: tables are written anew while they are merged.
const ROOM_FACTOR: u64 = 2;
/// And this much beside them, so that it takes writes afterwards.
const ROOM_RESERVE: u64 = 256 << 20;

/// A graph that has to move; shards are named by their place in the inventory.
struct Step<'s> {
    source: usize,
    destination: usize,
    graph: &'s GraphStats,
}

/// What the steps come to.
struct Draft<'s> {
    shards: &'s [Shard],
    /// Ordered by source, destination and name.
    steps: Vec<Step<'s>>,
    staying: Counts,
    outgoing: Vec<Counts>,
    incoming: Vec<Counts>,
}

/// The plan for a change of lists. `shards` are those of [`Change::endpoints`], in that order; `limit` is the rate of
/// the transfer in bytes a second.
///
/// # Errors
/// Every reason why there is none.
pub(super) fn plan(change: &Change, shards: &[Shard], limit: Option<u64>) -> Result<Plan, Vec<Refusal>> {
    let draft = Draft::new(change, shards);
    let refusals = checks::refusals(change, &draft);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let mut moving = Counts::default();
    let mut pairs: BTreeMap<(usize, usize), Counts> = BTreeMap::new();
    for step in &draft.steps {
        moving.add(step.graph);
        pairs.entry((step.source, step.destination)).or_default().add(step.graph);
    }
    let texts = |endpoints: &[Endpoint]| endpoints.iter().map(Endpoint::to_string).collect();
    let name = |index: usize| shards[index].endpoint.to_string();
    let pair = |((from, to), counts)| Pair { from: name(from), to: name(to), counts };
    let a_move = |step: &Step<'_>| {
        let GraphStats { name: graph, nodes, edges, sequence, bytes, .. } = step.graph;
        let owner = hrw::owner(&change.from, change.affinity.anchor(graph));
        let misplaced = (*owner != shards[step.source].endpoint).then(|| owner.to_string());
        Move {
            graph: graph.clone(),
            from: name(step.source),
            to: name(step.destination),
            nodes: *nodes,
            edges: *edges,
            sequence: *sequence,
            bytes: *bytes,
            misplaced,
        }
    };
    Ok(Plan {
        version: VERSION,
        from: texts(change.from.as_slice()),
        to: texts(change.to.as_slice()),
        affinity_groups: None,
        shards: (0..shards.len()).map(|index| draft.shard(index)).collect(),
        moving,
        staying: draft.staying,
        expected: Expected::of(&moving, limit),
        warnings: checks::warnings(change, &draft),
        pairs: pairs.into_iter().map(pair).collect(),
        moves: draft.steps.iter().map(a_move).collect(),
    })
}

impl<'s> Draft<'s> {
    fn new(change: &Change, shards: &'s [Shard]) -> Self {
        let places: HashMap<&str, usize> =
            shards.iter().enumerate().map(|(place, shard)| (shard.endpoint.as_str(), place)).collect();
        let none = || vec![Counts::default(); shards.len()];
        let (mut steps, mut staying) = (Vec::new(), Counts::default());
        let (mut outgoing, mut incoming) = (none(), none());
        for (source, shard) in shards.iter().enumerate() {
            for graph in shard.graphs.iter().filter(|graph| !graph.is_empty_commons()) {
                let owner = hrw::owner(&change.to, change.affinity.anchor(&graph.name));
                let destination = places[owner.as_str()];
                if destination == source {
                    staying.add(graph);
                    continue;
                }
                outgoing[source].add(graph);
                incoming[destination].add(graph);
                steps.push(Step { source, destination, graph });
            }
        }
        steps.sort_unstable_by_key(|step| (step.source, step.destination, step.graph.name.as_str()));
        Self { shards, steps, staying, outgoing, incoming }
    }

    /// Bytes that must be free on a shard, 0 when nothing comes to it.
    fn needed_bytes(&self, shard: usize) -> u64 {
        let Counts { graphs, bytes, .. } = self.incoming[shard];
        if graphs == 0 { 0 } else { bytes.saturating_mul(ROOM_FACTOR).saturating_add(ROOM_RESERVE) }
    }

    fn shard(&self, index: usize) -> PlannedShard {
        let Shard { endpoint, directory, store_id, free_bytes, .. } = &self.shards[index];
        PlannedShard {
            endpoint: endpoint.to_string(),
            directory: directory.clone(),
            store_id: store_id.clone(),
            outgoing: self.outgoing[index],
            incoming: self.incoming[index],
            needed_bytes: self.needed_bytes(index),
            free_bytes: *free_bytes,
        }
    }
}

impl Counts {
    fn add(&mut self, graph: &GraphStats) {
        self.graphs += 1;
        self.nodes += graph.nodes;
        self.edges += graph.edges;
        self.bytes = self.bytes.saturating_add(graph.bytes.unwrap_or(0));
    }
}
