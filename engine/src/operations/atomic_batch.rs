//! `BatchUpdate` of clients from 2.27 on: all operations are done or none, and there are more of them.

use epistemic_storage::{
    graph::{BatchReport, Op, OptimisticTransaction, TransactionChange as Change},
    limits::{OverLimit, RequestLimits},
    view::batch::{BatchOp, BatchOps, LaterOp, Rejection},
};

use super::semantic;
use crate::{request::error::OpError, wire::embedding};

/// The changes, and the counts of what is done when all are made. One that is beyond a limit refuses them all.
pub(super) fn decode(limits: &RequestLimits, mut items: BatchOps<'_>) -> Result<Op, OpError> {
    let mut changes = Vec::with_capacity(items.len());
    let (mut report, mut bytes) = (BatchReport::default(), 0);
    while let Some(item) = items.next_later() {
        let (change, count) = item
            .map_err(|rejection| rejection.to_string())
            .and_then(|item| change(item, &mut report))
            .map_err(|reason| OpError::Text(format!("op[{}]: {reason}; nothing was done", changes.len())))?;
        *count += 1;
        check(limits, &change)?;
        bytes += change.cost();
        limits.check_batch(bytes)?;
        changes.push(change);
    }
    Ok(Op::Transaction(OptimisticTransaction { changes, report: Some(report), ..Default::default() }))
}

/// Checks what one change writes.
pub(super) fn check(limits: &RequestLimits, change: &Change) -> Result<(), OverLimit> {
    match change {
        Change::AddNode { properties, .. } | Change::CompareAndSet { updates: properties, .. } => {
            limits.check_node(properties)
        }
        Change::AddEdge { properties, .. } | Change::ReplaceEdges { properties, .. } => {
            limits.check_properties(properties)
        }
        Change::AddVector { components, .. } => limits.check_embedding(components.len()),
        Change::RemoveNode { .. } | Change::RemoveEdge { .. } => Ok(()),
    }
}

/// The change, and what it counts as.
fn change<'r>(item: LaterOp<'_>, report: &'r mut BatchReport) -> Result<(Change, &'r mut u64), String> {
    Ok(match item {
        LaterOp::Earlier(BatchOp::AddNode { id, properties }) => {
            (Change::AddNode { id: id.into(), properties }, &mut report.added_nodes)
        }
        LaterOp::UpsertNode { id, properties } => {
            (Change::AddNode { id: id.into(), properties }, &mut report.upserted_nodes)
        }
        LaterOp::Earlier(BatchOp::RemoveNode { id }) => {
            (Change::RemoveNode { id: id.into() }, &mut report.removed_nodes)
        }
        LaterOp::Earlier(BatchOp::AddEdge { source, target, properties }) => {
            let (source, target) = (source.into(), target.into());
            (Change::AddEdge { source, target, properties }, &mut report.added_edges)
        }
        LaterOp::UpsertEdge { source, target, properties } => {
            let (source, target) = (source.into(), target.into());
            (Change::ReplaceEdges { source, target, properties }, &mut report.upserted_edges)
        }
        LaterOp::Earlier(BatchOp::RemoveEdge { source, target }) => {
            let (source, target) = (source.into(), target.into());
            (Change::RemoveEdge { source, target }, &mut report.removed_edges)
        }
        LaterOp::AddEmbedding { id, embedding: value } => {
            let components = embedding(value).map_err(|error| format!("`embedding`: {error}"))?;
            let components =
                semantic::stored("`embedding`", &components).map_err(|error| error.to_string())?;
            if components.is_empty() {
                return Err(Rejection::Missing("embedding").to_string());
            }
            (Change::AddVector { node: id.into(), components }, &mut report.added_embeddings)
        }
        LaterOp::Earlier(BatchOp::Rejected(rejection)) => return Err(rejection.to_string()),
    })
}
