//! `GetContextView`: what fits into an agent's context, nearest to it first.

use std::collections::{HashSet, VecDeque};

use epistemic_storage::graph::GraphReader;

use serde::Deserialize;

use crate::{
    compute_pool::scan_on,
    request::{computation::Computation, error::ReadError},
    wire::{encode, field_str, field_uint, response, strings, text},
};

/// Nodes in a row that do not fit before the walk ends.
const MISFITS: usize = 1_000;
/// Bytes of a token.
const TOKEN: u64 = 4;

/// `GetContextView`
#[derive(Debug, Deserialize)]
pub(crate) struct ContextView<'a> {
    /// The node to start from.
    #[serde(borrow, deserialize_with = "text")]
    agent_id: &'a str,
    /// Tokens of 4 bytes.
    max_tokens: u32,
}

/// Walks breadth-first in both directions and takes every node that fits into what is left of the budget: length of
/// id and properties. What does not fit is passed over and not walked through.
pub(super) fn read(
    computation: &Computation<'_>,
    ContextView { agent_id, max_tokens }: ContextView<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let view = computation.shard.graphs.view();
    let watch = || scan_on(computation.cancel);
    let reader = GraphReader::new(&*view, computation.graph).watched(&watch);
    let budget = TOKEN * u64::from(max_tokens);
    let (taken, used) = walk(computation, &reader, agent_id, budget)?;

    encode::map(out, 5);
    field_str(out, "agent_id", agent_id);
    field_uint(out, "budget_max", max_tokens.into());
    field_uint(out, "budget_used", used / TOKEN);
    encode::str(out, "nodes");
    strings(out, &taken);
    encode::str(out, "edges");
    edges(computation, &reader, &taken, out)
}

fn walk(
    computation: &Computation<'_>,
    reader: &GraphReader<'_>,
    start: &str,
    budget: u64,
) -> Result<(Vec<String>, u64), ReadError> {
    let (mut taken, mut used, mut misfits) = (Vec::new(), 0, 0);
    let mut seen = HashSet::from([start.to_owned()]);
    let mut queue = VecDeque::from([start.to_owned()]);
    while let Some(id) = queue.pop_front() {
        computation.cancel.check()?;
        let Some(node) = reader.node(&id)? else { continue };
        let cost = (id.len() + node.properties.len()) as u64;
        if used + cost > budget {
            misfits += 1;
            if misfits > MISFITS || taken.is_empty() {
                break;
            }
            continue;
        }
        misfits = 0;
        used += cost;
        let neighbours = reader.successors(&id)?.into_iter().chain(reader.predecessors(&id)?);
        queue.extend(neighbours.filter(|next| seen.insert(next.clone())));
        taken.push(id);
    }
    Ok((taken, used))
}

/// The edges between the nodes taken, by source in their order, newest first.
fn edges(
    computation: &Computation<'_>,
    reader: &GraphReader<'_>,
    taken: &[String],
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let inside: HashSet<&str> = taken.iter().map(String::as_str).collect();
    let (mut rows, mut count) = (Vec::new(), 0);
    for source in taken {
        computation.cancel.check()?;
        let mut edges = Vec::new();
        reader.for_each_edge_from(source, |target, sequence, properties| {
            if inside.contains(target) {
                edges.push((sequence, target.to_owned(), properties.to_vec()));
            }
            Ok(())
        })?;
        edges.sort_unstable_by_key(|(sequence, ..)| std::cmp::Reverse(*sequence));
        count += edges.len();
        for (_, target, properties) in edges {
            encode::array(&mut rows, 3);
            encode::str(&mut rows, source);
            encode::str(&mut rows, &target);
            response::integers(&mut rows, &properties);
        }
        computation.room.check(rows.len())?;
    }
    encode::array(out, count);
    out.extend_from_slice(&rows);
    Ok(())
}
