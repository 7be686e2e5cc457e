//! Many changes in one request. Those of earlier clients are made one by one as far as they can be; those of clients from 2.27 on
//! all or none ([`super::atomic_batch`]).

use std::borrow::Cow;

use epistemic_storage::{Mutation, graph::Op, limits::RequestLimits};
use serde::Deserialize;

use super::atomic_batch;
use crate::{
    request::{error::OpError, write::WriteCall},
    wire::{bytes, parse_batch},
};

/// Operations of one batch at most.
const MAX_BATCH: usize = 1_000_000;

/// `BatchUpdate`
#[derive(Debug, Deserialize)]
pub(crate) struct BatchUpdate<'a> {
    /// See [`epistemic_storage::properties::batch::BatchOps`].
    #[serde(borrow, deserialize_with = "bytes")]
    pub(crate) operations_msgpack: Cow<'a, [u8]>,
}

/// `BatchUpdate`
pub(super) fn update(
    write: &mut WriteCall<'_>,
    BatchUpdate { operations_msgpack }: BatchUpdate<'_>,
) -> Result<Op, OpError> {
    let items = parse_batch(&operations_msgpack).map_err(|error| OpError::Text(error.to_string()))?;
    too_many("[EpistemicGraph::batch_update]", items.len())?;
    write.make_room(items.len())?;
    if write.request.reply_to().coded {
        return atomic_batch::decode(&write.limits, items);
    }
    batch(&write.limits, items.map(|item| item.map_err(|rejection| rejection.to_string())))
}

/// A batch that does not write too much. Items beyond a limit of their own are rejected one by one.
pub(super) fn batch(
    limits: &RequestLimits,
    items: impl Iterator<Item = Result<Mutation, String>>,
) -> Result<Op, OpError> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for item in items {
        let item = item.and_then(|mutation| {
            atomic_batch::check(limits, &mutation).map_err(|beyond| beyond.to_string())?;
            Ok(mutation)
        });
        bytes += Op::item_cost(&item);
        limits.check_batch(bytes)?;
        batch.push(item);
    }
    Ok(Op::Batch(batch))
}

pub(super) fn too_many(operation: &str, count: usize) -> Result<(), OpError> {
    at_most(MAX_BATCH, operation, count)
}

pub(super) fn at_most(most: usize, operation: &str, count: usize) -> Result<(), OpError> {
    if count <= most {
        return Ok(());
    }
    Err(OpError::Text(format!("{operation} {count} operations, {most} are the most; send them in parts")))
}
