//! `PathEdges` and `BlastDepths`: walks over storage, level by level, which need no projection of the graph and end at a bound.

use std::collections::HashMap;

use epistemic_storage::graph::Side;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reader, answer, card, must_exist, types_between};
use crate::{
    request::{
        error::ReadError,
        graph_read::{GraphRead, SLICE},
    },
    wire::text,
};

/// Nodes that a walk keeps in memory.
const MOST_NODES: usize = 100_000;
/// Edges that it follows.
const MOST_EDGES: u64 = 1_000_000;
/// Hops of a path.
const LONGEST: usize = 12;
/// Depths of a blast radius, and its rows.
const DEEPEST: usize = 6;
const MOST_ROWS: usize = 2_000;

/// `PathEdges`
#[derive(Debug, Deserialize)]
pub(crate) struct PathEdges<'a> {
    #[serde(borrow, deserialize_with = "text")]
    source_id: &'a str,
    #[serde(borrow, deserialize_with = "text")]
    target_id: &'a str,
    /// Edges at most, [`LONGEST`] at most.
    max_depth: usize,
}

/// `BlastDepths`
#[derive(Debug, Deserialize)]
pub(crate) struct BlastDepths<'a> {
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// Edges at most, [`DEEPEST`] at most.
    max_depth: usize,
    /// Rows at most, [`MOST_ROWS`] at most.
    limit: usize,
}

/// A walk from one node, in the direction of edges or against it.
struct Walk {
    side: Side,
    /// Nodes in the order in which they were reached, and the place of the one before; the first one has none.
    reached: Vec<(String, Option<usize>)>,
    places: HashMap<String, usize>,
    /// Where the newest level begins.
    level: usize,
    edges: u64,
}

impl Walk {
    fn new(start: &str, side: Side) -> Self {
        let places = HashMap::from([(start.to_owned(), 0)]);
        Self { side, reached: vec![(start.to_owned(), None)], places, level: 0, edges: 0 }
    }

    /// Follows the edges of the newest level; those that it reaches are the next one. False when it would be too much: then the
    /// level is not complete.
    fn step(&mut self, reader: &Reader<'_>) -> Result<bool, ReadError> {
        let level = self.level..self.reached.len();
        self.level = level.end;
        for place in level {
            let node = self.reached[place].0.clone();
            let mut whole = true;
            reader.each_end_from(self.side, &node, "", |end| -> Result<_, ReadError> {
                self.edges += 1;
                if !self.places.contains_key(end) {
                    if self.reached.len() >= MOST_NODES {
                        whole = false;
                        return Ok(std::ops::ControlFlow::Break(()));
                    }
                    self.places.insert(end.to_owned(), self.reached.len());
                    self.reached.push((end.to_owned(), Some(place)));
                }
                whole = self.edges < MOST_EDGES;
                Ok(if whole { std::ops::ControlFlow::Continue(()) } else { std::ops::ControlFlow::Break(()) })
            })?;
            if !whole {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The nodes of the newest level.
    fn newest(&self) -> &[(String, Option<usize>)] {
        &self.reached[self.level..]
    }

    /// From this node back to the start.
    fn back_from(&self, node: &str) -> Vec<String> {
        let mut path = Vec::new();
        let mut place = self.places.get(node).copied();
        while let Some(at) = place {
            let (id, before) = &self.reached[at];
            path.push(id.clone());
            place = *before;
        }
        path
    }
}

/// `PathEdges`: a way with the fewest edges, followed forwards.
pub(crate) fn path(
    read: &GraphRead<'_>,
    PathEdges { source_id, target_id, max_depth }: PathEdges<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        must_exist(reader, source_id)?;
        must_exist(reader, target_id)?;
        let mut ahead = Walk::new(source_id, Side::Leaving);
        let mut behind = Walk::new(target_id, Side::Reaching);
        let mut meets = (source_id == target_id).then(|| source_id.to_owned());
        let mut complete = true;
        for _ in 0..max_depth.clamp(1, LONGEST) {
            if meets.is_some() || ahead.newest().is_empty() || behind.newest().is_empty() {
                break;
            }
            // Both levels are complete and did not meet: whoever meets now has as many edges as any way has at least.
            let (smaller, other) = if ahead.newest().len() <= behind.newest().len() {
                (&mut ahead, &behind)
            } else {
                (&mut behind, &ahead)
            };
            complete = smaller.step(reader)?;
            meets =
                smaller.newest().iter().map(|(id, _)| id).find(|id| other.places.contains_key(*id)).cloned();
            if !complete {
                break;
            }
        }
        let nodes = meets.map(|middle| {
            let mut nodes = ahead.back_from(&middle);
            nodes.reverse();
            nodes.extend(behind.back_from(&middle).into_iter().skip(1));
            nodes
        });
        let hops = nodes.map(|nodes| hops(reader, &nodes)).transpose()?;
        let searched = ahead.reached.len() + behind.reached.len();
        answer(out, &json!({ "hops": hops, "searched": searched, "complete": complete }));
        Ok(())
    })
}

/// `[id, label, type, count]` of each node: of the edges to the next one.
fn hops(reader: &Reader<'_>, nodes: &[String]) -> Result<Vec<Value>, ReadError> {
    let mut hops = Vec::with_capacity(nodes.len());
    for (place, (id, label)) in nodes.iter().zip(labels(reader, nodes)?).enumerate() {
        let types = match nodes.get(place + 1) {
            Some(next) => types_between(reader, id, next)?,
            None => Vec::new(),
        };
        let count: u64 = types.iter().map(|(_, count)| count).sum();
        let first = types.into_iter().next().map(|(kind, _)| kind);
        hops.push(json!([id, label, first, count]));
    }
    Ok(hops)
}

/// `BlastDepths`: what is reached from a node, edges followed forwards, and how far it is.
pub(crate) fn blast(
    read: &GraphRead<'_>,
    BlastDepths { node_id, max_depth, limit }: BlastDepths<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let limit = limit.clamp(1, MOST_ROWS);
    read.view(|reader| {
        must_exist(reader, node_id)?;
        let mut walk = Walk::new(node_id, Side::Leaving);
        let (mut all, mut complete) = (vec![1], true);
        for _ in 0..max_depth.clamp(1, DEEPEST) {
            complete = walk.step(reader)?;
            if walk.newest().is_empty() {
                break;
            }
            all.push(walk.newest().len());
            if !complete {
                break;
            }
        }
        let told = &walk.reached[..walk.reached.len().min(limit)];
        let ids: Vec<_> = told.iter().map(|(id, _)| id.clone()).collect();
        let (mut counts, mut rows) = (vec![0; all.len()], Vec::with_capacity(ids.len()));
        let (mut depth, mut end) = (0, all[0]);
        for (place, ((id, before), label)) in told.iter().zip(labels(reader, &ids)?).enumerate() {
            while place == end {
                depth += 1;
                end += all[depth];
            }
            counts[depth] += 1;
            rows.push(json!([id, label, depth, before.map(|before| &walk.reached[before].0)]));
        }
        let cut_at = all.iter().zip(&counts).position(|(all, told)| told < all);
        let cut_at = cut_at.or((!complete).then(|| all.len() - 1));
        answer(
            out,
            &json!({ "counts": counts, "all": all, "rows": rows, "cut_at": cut_at, "complete": complete }),
        );
        Ok(())
    })
}

fn labels(reader: &Reader<'_>, ids: &[String]) -> Result<Vec<Option<String>>, ReadError> {
    let mut labels = Vec::with_capacity(ids.len());
    for slice in ids.chunks(SLICE) {
        let label = |properties: &[u8]| card::label(properties).map(str::to_owned);
        labels.extend(reader.nodes(slice)?.into_iter().map(|node| label(&node?.properties)));
    }
    Ok(labels)
}
