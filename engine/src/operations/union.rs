//! Reads across several graphs.

use std::{collections::HashSet, sync::Arc};

use serde::Deserialize;

use crate::{
    request::{
        error::{OpError, ReadError},
        union_read::UnionRead,
    },
    wire::{DecodeError, Method, Params, bin_or_nil, decoded_or_empty, encode, strings, text, texts},
};

/// Several graphs and a node.
#[derive(Debug, Deserialize)]
pub(crate) struct UnionNode<'a> {
    /// Names of graphs; those that are missing are passed over.
    #[serde(borrow, deserialize_with = "texts")]
    graphs: Vec<&'a str>,
    /// Id of the node.
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
}

/// `UnionGetNodesByLabel`
#[derive(Debug, Deserialize)]
pub(crate) struct UnionByLabel<'a> {
    /// Names of graphs; those that are missing are passed over.
    #[serde(borrow, deserialize_with = "texts")]
    graphs: Vec<&'a str>,
    /// Upper and lower case differ.
    #[serde(borrow, deserialize_with = "text")]
    label: &'a str,
    /// Most nodes to return of all graphs together; 0 is no limit.
    limit: usize,
}

/// The graphs that `UnionGetNodeProperties` and `UnionGetNeighbors` read.
pub(super) fn graphs(method: Method, raw: Option<&[u8]>) -> Result<Vec<&str>, DecodeError> {
    UnionNode::decode(method, raw).map(|params| params.graphs)
}

/// The graphs that `UnionGetNodesByLabel` reads.
pub(super) fn graphs_by_label(method: Method, raw: Option<&[u8]>) -> Result<Vec<&str>, DecodeError> {
    UnionByLabel::decode(method, raw).map(|params| params.graphs)
}

/// `UnionGetNodeProperties`: those that the first graph with the node has.
pub(super) fn node_properties(
    read: &UnionRead<'_>,
    UnionNode { graphs, node_id }: UnionNode<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let mut found = None;
    read.each(&graphs, |reader| {
        found = reader.node(node_id)?;
        Ok(found.is_none())
    })?;
    bin_or_nil(out, found.as_ref().map(|node| &*node.properties));
    Ok(())
}

/// `UnionGetNodesByLabel`: each id once, with the properties that the first graph with it has.
pub(super) fn nodes_by_label(
    read: &UnionRead<'_>,
    UnionByLabel { graphs, label, limit }: UnionByLabel<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let (mut seen, mut rows) = (HashSet::new(), Vec::new());
    read.each(&graphs, |reader| {
        // With as many as are wanted in all, enough are new.
        reader.for_each_by_label(label, 0, limit, |id, properties| -> Result<(), ReadError> {
            if (limit > 0 && seen.len() == limit) || seen.contains(id) {
                return Ok(());
            }
            encode::array(&mut rows, 2);
            encode::str(&mut rows, id);
            decoded_or_empty(&mut rows, properties);
            seen.insert(id.to_owned());
            Ok(read.room.check(rows.len())?)
        })?;
        Ok(limit == 0 || seen.len() < limit)
    })?;
    encode::array(out, seen.len());
    out.extend_from_slice(&rows);
    Ok(())
}

/// `UnionGetNeighbors`: of all graphs, each once.
pub(super) fn neighbors(
    read: &UnionRead<'_>,
    UnionNode { graphs, node_id }: UnionNode<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let (mut seen, mut order) = (HashSet::new(), Vec::new());
    read.each(&graphs, |reader| {
        for neighbor in reader.neighbors(node_id)?.iter() {
            if !seen.contains(neighbor) {
                let neighbor: Arc<str> = neighbor.into();
                order.push(Arc::clone(&neighbor));
                seen.insert(neighbor);
            }
        }
        Ok(true)
    })?;
    strings(out, order);
    Ok(())
}
