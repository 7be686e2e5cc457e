//! What those ask who look around in a graph: a little at a time, of graphs of any size. Each answer has a bound, and says what it
//! left out.
//!
//! * `search` finds nodes, `node` is one of them, `neighbors` what is around it, `edges` what is between nodes that are known.
//! * `walks` are ways through the graph: a path, and all that is reached from a node.
//! * `look` is the graph as a whole, `tail` the newest part of its ledger.

mod card;
pub(super) mod edges;
pub(super) mod look;
pub(super) mod neighbors;
pub(super) mod node;
pub(super) mod search;
pub(super) mod tail;
pub(super) mod walks;

use std::ops::ControlFlow;

use epistemic_storage::graph::{GraphError, GraphReader, Side};
use serde_json::{Value, json};

use crate::{
    request::error::{OpError, ReadError},
    wire::json::value,
};

type Reader<'r> = GraphReader<'r, ReadError>;

/// Neighbours that are counted one by one, in each direction.
const COUNTED: u64 = 10_000;

/// Fails when the node does not exist.
fn must_exist(reader: &Reader<'_>, node: &str) -> Result<(), ReadError> {
    if reader.has_node(node)? {
        Ok(())
    } else {
        Err(OpError::from(GraphError::NodeNotFound(node.to_owned())).into())
    }
}

/// Distinct nodes at the other ends; one more than `most` stands for more.
fn count_ends(reader: &Reader<'_>, side: Side, node: &str, most: u64) -> Result<u64, ReadError> {
    let (mut count, mut last) = (0, None::<String>);
    reader.each_end_from(side, node, "", |end| -> Result<_, ReadError> {
        if last.as_deref() != Some(end) {
            count += 1;
            last = Some(end.to_owned());
        }
        Ok(if count > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(count)
}

/// The types of the edges of an ordered pair, and how many there are of each, as `[direction, type, count]`.
fn kinds_between(
    reader: &Reader<'_>,
    source: &str,
    target: &str,
    direction: &str,
    to: &mut Vec<Value>,
) -> Result<(), ReadError> {
    for (kind, count) in types_between(reader, source, target)? {
        to.push(json!([direction, kind, count]));
    }
    Ok(())
}

/// The types of the edges of an ordered pair, oldest first, and how many there are of each.
fn types_between(reader: &Reader<'_>, source: &str, target: &str) -> Result<Vec<(String, u64)>, ReadError> {
    let mut types: Vec<(String, u64)> = Vec::new();
    reader.for_each_edge_between(source, target, |properties| -> Result<(), ReadError> {
        let kind = epistemic_storage::properties::edge_predicate(properties);
        match types.iter_mut().find(|(known, _)| known == kind) {
            Some((_, count)) => *count += 1,
            None => types.push((kind.to_owned(), 1)),
        }
        Ok(())
    })?;
    Ok(types)
}

/// Appends the answer.
fn answer(out: &mut Vec<u8>, found: &Value) {
    value(out, found);
}
