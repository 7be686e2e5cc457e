//! Sweeps over a graph, and what an agent sees of it.

use rmpv::Value;

use super::operations;
use crate::error::RouterError;
use crate::graph::GraphClient;

operations! {
    /// Lets confidence decay by age, and removes what fell to the floor if told to.
    decay_sweep = "DecaySweep"(half_life_secs: f64, floor: f64, prune: bool) -> Value;
    /// Removes nodes until so many are left; returns how many it removed.
    evict_lru = "EvictLRU"(max_nodes: u64) -> u64;
    /// Removes nodes by age and score.
    prune_by_lifecycle = "PruneByLifecycle"(max_age_secs: u64, min_score: f64) -> Value;
    /// Removes nodes of a type past a threshold.
    compact_nodes_by_type = "CompactNodesByType"(node_type: &str, threshold: u64) -> Value;
    /// The part of the graph that fits an agent's budget.
    context_view = "GetContextView"(agent_id: &str, max_tokens: u32) -> Value;
    /// Counts of the graph.
    metrics = "Metrics"() -> Value;
    /// Forwards an event; servers before 2.0 do nothing with it.
    apply_mutation = "ApplyMutation"(event_type: &str, query: &str) -> String;
    /// The same with signatures, which are counted and not verified.
    apply_multisig_mutation =
        "ApplyMultisigMutation"(signatures: &[&str], threshold: u64, mutation_type: &str, query: &str) -> String;
}
