//! Single nodes: looked at, written, removed.

use std::borrow::Cow;

use epistemic_storage::{Mutation, clock, graph::Op};
use serde::Deserialize;

use super::batches::at_most;
use crate::{
    request::{
        error::{OpError, ReadError},
        graph_read::{GraphRead, SLICE, in_slices},
        write::WriteCall,
    },
    wire::{NodeId, NodeIds, bin_or_nil, bytes, encode, response, text},
};

/// Nodes touched at once at most: the commit thread reads and rewrites their properties, while other writers wait.
const MAX_TOUCHED: usize = 10_000;

/// `AddNode`, `CreateNodeIfAbsent`
#[derive(Debug, Deserialize)]
pub(crate) struct AddNode<'a> {
    /// Id of the node, new or existing.
    #[serde(borrow, deserialize_with = "text")]
    pub(crate) node_id: &'a str,
    /// Stored as they are.
    #[serde(borrow, deserialize_with = "bytes")]
    pub(crate) properties_msgpack: Cow<'a, [u8]>,
}

/// `CompareAndSetNodeFields`
#[derive(Debug, Deserialize)]
pub(crate) struct CompareAndSet<'a> {
    /// Id of the node.
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// A map of the fields that are expected; a missing field is nil.
    #[serde(borrow, deserialize_with = "bytes")]
    conditions_msgpack: Cow<'a, [u8]>,
    /// A map of the fields to set.
    #[serde(borrow, deserialize_with = "bytes")]
    updates_msgpack: Cow<'a, [u8]>,
}

/// `HasNode`
pub(super) fn has(
    read: &GraphRead<'_>,
    NodeId { node_id }: NodeId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.latest(|reader| {
        encode::bool(out, reader.has_node(node_id)?);
        Ok(())
    })
}

/// `GetNodeProperties`
pub(super) fn properties(
    read: &GraphRead<'_>,
    NodeId { node_id }: NodeId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.latest(|reader| {
        let node = reader.node(node_id)?;
        bin_or_nil(out, node.as_ref().map(|node| &*node.properties));
        Ok(())
    })
}

/// `GetNodePropertiesBatch`
pub(super) fn properties_batch(
    read: &GraphRead<'_>,
    NodeIds { node_ids }: NodeIds<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        response::bin_of(out, |out| {
            encode::array(out, node_ids.len());
            in_slices(&node_ids, |ids| {
                let before = out.len();
                for (id, node) in ids.iter().zip(reader.nodes(ids)?) {
                    encode::array(out, 2);
                    encode::str(out, id);
                    bin_or_nil(out, node.as_ref().map(|node| &*node.properties));
                }
                read.room.check(out.len())?;
                Ok(out.len() - before)
            })
        })
    })
}

/// `HasNodesBatch`
pub(super) fn have(
    read: &GraphRead<'_>,
    NodeIds { node_ids }: NodeIds<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        response::bin_of(out, |out| {
            encode::array(out, node_ids.len());
            for ids in node_ids.chunks(SLICE) {
                reader.have_nodes(ids)?.into_iter().for_each(|found| encode::bool(out, found));
            }
            Ok(())
        })
    })
}

/// `AddNode`
pub(super) fn add(write: &mut WriteCall<'_>, params: AddNode<'_>) -> Result<Op, OpError> {
    let AddNode { node_id, properties_msgpack } = params;
    write.limits.check_node(&properties_msgpack)?;
    Ok(Op::One(Mutation::AddNode { id: node_id.into(), properties: properties_msgpack.into_owned() }))
}

/// `CreateNodeIfAbsent`
pub(super) fn add_missing(write: &mut WriteCall<'_>, params: AddNode<'_>) -> Result<Op, OpError> {
    let AddNode { node_id, properties_msgpack } = params;
    write.limits.check_node(&properties_msgpack)?;
    Ok(Op::AddMissingNode { id: node_id.into(), properties: properties_msgpack.into_owned() })
}

/// `CompareAndSetNodeFields`
pub(super) fn compare_and_set(write: &mut WriteCall<'_>, params: CompareAndSet<'_>) -> Result<Op, OpError> {
    let CompareAndSet { node_id, conditions_msgpack, updates_msgpack } = params;
    write.limits.check_node(&updates_msgpack)?;
    Ok(Op::One(Mutation::CompareAndSet {
        node: node_id.into(),
        conditions: conditions_msgpack.into_owned(),
        updates: updates_msgpack.into_owned(),
    }))
}

/// `RemoveNode`
pub(super) fn remove(_: &mut WriteCall<'_>, NodeId { node_id }: NodeId<'_>) -> Result<Op, OpError> {
    Ok(Op::One(Mutation::RemoveNode { id: node_id.into() }))
}

/// `TouchNodes`
pub(super) fn touch(_: &mut WriteCall<'_>, NodeIds { node_ids }: NodeIds<'_>) -> Result<Op, OpError> {
    at_most(MAX_TOUCHED, "TouchNodes", node_ids.len())?;
    let nodes = node_ids.into_iter().map(str::to_owned).collect();
    Ok(Op::Touch { nodes, now: clock::unix_ms() / 1000 })
}
