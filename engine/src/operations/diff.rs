//! `DiffAgainst`: two graphs side by side, in one pass over each.

use std::cmp::Ordering;

use epistemic_storage::{
    StoreError,
    graph::{EdgeCursor, GraphReader},
};

use serde::Deserialize;

use super::graph_pair::Pair;
use crate::{
    memory::{Room, TooLarge},
    request::{computation::Computation, error::ReadError},
    wire::{DecodeError, Method, Params, encode, strings, text},
};

/// `DiffAgainst`
#[derive(Debug, Deserialize)]
pub(crate) struct DiffAgainst<'a> {
    /// The graph to compare with.
    #[serde(borrow, deserialize_with = "text")]
    other_graph: &'a str,
}

/// The second graph that it reads.
pub(super) fn other_graph(method: Method, raw: Option<&[u8]>) -> Result<&str, DecodeError> {
    DiffAgainst::decode(method, raw).map(|params| params.other_graph)
}

/// Bytes that a difference takes beside its names.
const ENTRY: usize = 56;

/// What is in the other graph only, in this one only, and in both with other properties.
#[derive(Default)]
struct Difference {
    nodes_added: Vec<String>,
    nodes_removed: Vec<String>,
    nodes_modified: Vec<String>,
    edges_added: Vec<(String, String)>,
    edges_removed: Vec<(String, String)>,
    bytes: usize,
}

/// `DiffAgainst`: what would turn this graph into the other one. Edges compare as pairs.
pub(super) fn against(
    computation: &Computation<'_>,
    DiffAgainst { other_graph }: DiffAgainst<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let pair = Pair::find(computation, other_graph, "Other")?;
    let (this, that) = pair.readers();
    let mut difference = Difference::default();
    let of_that = |error: StoreError| pair.of_other(computation.shard, error);
    nodes(computation, &this, (&that, &of_that), &mut difference)?;
    edges(computation, &this, (&that, &of_that), &mut difference)?;
    encode::map(out, 5);
    for (name, ids) in [
        ("nodes_added", &difference.nodes_added),
        ("nodes_removed", &difference.nodes_removed),
        ("nodes_modified", &difference.nodes_modified),
    ] {
        encode::str(out, name);
        strings(out, ids);
    }
    for (name, pairs) in
        [("edges_added", &difference.edges_added), ("edges_removed", &difference.edges_removed)]
    {
        encode::str(out, name);
        encode::array(out, pairs.len());
        pairs.iter().for_each(|(source, target)| strings(out, [source, target]));
    }
    Ok(())
}

impl Difference {
    /// Counts the bytes of one more difference.
    fn note(&mut self, bytes: usize, room: &Room) -> Result<(), TooLarge> {
        self.bytes += ENTRY + bytes;
        room.check(self.bytes)
    }
}

/// The other graph, and whose its errors are.
type That<'t, 'r> = (&'t GraphReader<'r>, &'t dyn Fn(StoreError) -> ReadError);

fn nodes(
    computation: &Computation<'_>,
    this: &GraphReader<'_>,
    (that, of_that): That<'_, '_>,
    difference: &mut Difference,
) -> Result<(), ReadError> {
    let (mut ours, mut theirs) = (this.node_cursor()?, that.node_cursor().map_err(of_that)?);
    let (mut our, mut their) = (ours.advance()?, theirs.advance().map_err(of_that)?);
    loop {
        let order = match (our, their) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((our, _)), Some((their, _))) => our.cmp(their),
        };
        computation.cancel.check()?;
        let found = match (our, their) {
            (Some((id, _)), _) if order.is_lt() => Some((id, &mut difference.nodes_removed)),
            (_, Some((id, _))) if order.is_gt() => Some((id, &mut difference.nodes_added)),
            (Some((id, before)), Some((_, after))) if before != after => {
                Some((id, &mut difference.nodes_modified))
            }
            _ => None,
        };
        if let Some((id, list)) = found {
            list.push(id.to_owned());
            difference.note(id.len(), computation.room)?;
        }
        if order.is_le() {
            our = ours.advance()?;
        }
        if order.is_ge() {
            their = theirs.advance().map_err(of_that)?;
        }
    }
}

fn edges(
    computation: &Computation<'_>,
    this: &GraphReader<'_>,
    (that, of_that): That<'_, '_>,
    difference: &mut Difference,
) -> Result<(), ReadError> {
    let (mut ours, mut theirs) = (this.edge_cursor()?, that.edge_cursor().map_err(of_that)?);
    let (mut our, mut their) = (ours.advance()?, theirs.advance().map_err(of_that)?);
    loop {
        let order = match (&our, &their) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(our), Some(their)) => our.cmp(their),
        };
        computation.cancel.check()?;
        let found = match order {
            Ordering::Less => our.as_ref().map(|pair| (pair, &mut difference.edges_removed)),
            Ordering::Greater => their.as_ref().map(|pair| (pair, &mut difference.edges_added)),
            Ordering::Equal => None,
        };
        if let Some((pair, list)) = found {
            list.push(pair.clone());
            difference.note(pair.0.len() + pair.1.len(), computation.room)?;
        }
        if order.is_le() {
            our = next_pair(&mut ours, our.as_ref())?;
        }
        if order.is_ge() {
            their = next_pair(&mut theirs, their.as_ref()).map_err(of_that)?;
        }
    }
}

/// The next pair that is not a parallel edge of the last one.
fn next_pair(
    cursor: &mut EdgeCursor<'_>,
    last: Option<&(String, String)>,
) -> Result<Option<(String, String)>, StoreError> {
    loop {
        let next = cursor.advance()?;
        if next.is_none() || next.as_ref() != last {
            return Ok(next);
        }
    }
}
