//! Why a plan would not do, and what to know about one that does.

use std::collections::{HashMap, HashSet};

use epistemic_router::hrw;
use epistemic_router::status::GraphStats;
use epistemic_storage::graph::COMMONS;

use super::super::inventory::{Change, Shard};
use super::super::refusal::{Code, Refusal};
use super::{Draft, Step};
use crate::hosts::StandingName;
use crate::names::{shown, shown_bytes};

pub(super) fn refusals(change: &Change, draft: &Draft<'_>) -> Vec<Refusal> {
    let mut found = same_stores(draft.shards);
    found.extend(conflicts(change, draft.shards));
    found.extend(unfinished(draft.shards));
    found.extend(draft.steps.iter().filter_map(|step| quarantined(draft.shards, step)));
    for (index, shard) in draft.shards.iter().enumerate() {
        found.extend(no_writes(draft, index, shard));
        found.extend(no_room(draft, index, shard));
    }
    found
}

/// Two names of one process, or a checkpoint that was restored and is served beside its original.
fn same_stores(shards: &[Shard]) -> Vec<Refusal> {
    let mut first: HashMap<&str, &Shard> = HashMap::new();
    let mut found = Vec::new();
    for shard in shards {
        let Some(store) = shard.store_id.as_deref() else { continue };
        let known = *first.entry(store).or_insert(shard);
        if known.endpoint != shard.endpoint {
            found.push(Refusal::new(
                Code::SameStore,
                format!("'{}' and '{}' have the same store ({store})", known.endpoint, shard.endpoint),
                "name each shard once, with one text; of a store and its restored copy stop one",
            ));
        }
    }
    found
}

/// Names that are on several shards: nobody can tell which one is right.
fn conflicts(change: &Change, shards: &[Shard]) -> Vec<Refusal> {
    let mut first: HashMap<&str, (&Shard, &GraphStats)> = HashMap::new();
    let mut found = Vec::new();
    for shard in shards {
        for graph in shard.graphs.iter().filter(|graph| !graph.is_empty_commons()) {
            let (holder, known) = *first.entry(&graph.name).or_insert((shard, graph));
            if holder.endpoint == shard.endpoint {
                continue;
            }
            let held = |shard: &Shard, graph: &GraphStats| {
                let GraphStats { nodes, edges, sequence, .. } = graph;
                format!("'{}' ({nodes} nodes, {edges} edges, sequence {sequence})", shard.endpoint)
            };
            let owner = hrw::owner(&change.from, change.affinity.anchor(&graph.name));
            let other = if graph.name == COMMONS {
                "end it with egctl owners resolve"
            } else {
                "export and delete the other"
            };
            found.push(Refusal::new(
                Code::GraphConflict,
                format!(
                    "graph {} is on {} and on {}",
                    shown(&graph.name),
                    held(holder, known),
                    held(shard, graph)
                ),
                format!("clients with the old list use the one on '{owner}'; {other}"),
            ));
        }
    }
    found.sort_by(|a, b| a.what.cmp(&b.what));
    found
}

/// Graphs that an earlier move left on the way: those that arrive somewhere, and those that a signpost sends to where they
/// are not, while their records are still behind it.
fn unfinished(shards: &[Shard]) -> Vec<Refusal> {
    let served: HashSet<&str> = shards
        .iter()
        .flat_map(|shard| &shard.graphs)
        .filter(|graph| !graph.is_empty_commons())
        .map(|graph| graph.name.as_str())
        .collect();
    let mut found = Vec::new();
    for shard in shards {
        for graph in &shard.on_the_move {
            let what = match graph.standing {
                StandingName::Served => continue,
                StandingName::Arriving => {
                    let from = graph.from.as_deref().unwrap_or("another shard");
                    format!("has not arrived from '{from}' yet")
                }
                StandingName::Moved if graph.dropped || served.contains(graph.name.as_str()) => continue,
                StandingName::Moved => {
                    format!(
                        "moved to '{}', and no shard serves it",
                        graph.to.as_deref().unwrap_or("another shard")
                    )
                }
            };
            let id = graph.move_id.as_deref().unwrap_or("unknown");
            found.push(Refusal::new(
                Code::MoveUnfinished,
                format!("graph {} on '{}' {what} (move {id})", shown(&graph.name), shard.endpoint),
                "finish or abort that move first",
            ));
        }
    }
    found.sort_by(|a, b| a.what.cmp(&b.what));
    found
}

fn quarantined(shards: &[Shard], step: &Step<'_>) -> Option<Refusal> {
    let reason = step.graph.quarantined.as_ref()?;
    let (graph, from) = (shown(&step.graph.name), &shards[step.source].endpoint);
    Some(Refusal::new(
        Code::GraphQuarantined,
        format!("graph {graph} on '{from}' has to move and is damaged ({reason})"),
        "restore it from a checkpoint or a snapshot, or delete it",
    ))
}

fn no_writes(draft: &Draft<'_>, index: usize, shard: &Shard) -> Option<Refusal> {
    let (leave, come) = (draft.outgoing[index].graphs, draft.incoming[index].graphs);
    if shard.checkpoint && come > 0 {
        return Some(Refusal::new(
            Code::ShardRefuses,
            format!("{come} graphs would come to '{}', which is a checkpoint", shard.endpoint),
            "make a directory from it (egctl checkpoint restore) and give that",
        ));
    }
    let reason = shard.refusal.as_ref().filter(|_| leave + come > 0)?;
    Some(Refusal::new(
        Code::ShardRefuses,
        format!(
            "'{}' takes no writes ({reason}), and {leave} graphs leave it, {come} come to it",
            shard.endpoint
        ),
        "bring it back to take writes (egctl status; docs/errors/poisoned.md, docs/errors/disk-full.md)",
    ))
}

fn no_room(draft: &Draft<'_>, index: usize, shard: &Shard) -> Option<Refusal> {
    let (needed, coming) = (draft.needed_bytes(index), draft.incoming[index]);
    let free = shard.free_bytes.filter(|free| *free < needed)?;
    Some(Refusal::new(
        Code::NoRoom,
        format!(
            "'{}' has {} free, and {} graphs of {} need {} with the margin",
            shard.endpoint,
            shown_bytes(free),
            coming.graphs,
            shown_bytes(coming.bytes),
            shown_bytes(needed)
        ),
        "free space there or give it a larger disk",
    ))
}

pub(super) fn warnings(change: &Change, draft: &Draft<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let known = [change.from.fingerprint(), change.to.fingerprint()];
    for (index, shard) in draft.shards.iter().enumerate() {
        let endpoint = &shard.endpoint;
        if let Some(told) = &shard.told
            && !known.contains(&told.fingerprint())
        {
            found.push(format!(
                "'{endpoint}' was started with the list [{told}], which is neither the old nor the new one: its clients \
                 may use graphs where this plan does not look"
            ));
        }
        if shard.checkpoint && draft.outgoing[index].graphs > 0 {
            found.push(format!(
                "'{endpoint}' was read from a checkpoint: what was written since is not in the plan"
            ));
        }
        if shard.free_bytes.is_none() && draft.incoming[index].graphs > 0 {
            found.push(format!("it is not known whether '{endpoint}' has room"));
        }
    }
    let unknown = draft.steps.iter().filter(|step| step.graph.bytes.is_none()).count();
    if unknown > 0 {
        found.push(format!("the sizes of {unknown} graphs are not known and not counted"));
    }
    found
}
