//! `BatchUpdate` of clients from 2.27 on: all operations are done or none, and there are more of them.

use epistemic_storage::{
    Mutation,
    graph::{BatchReport, Op, OptimisticTransaction},
    limits::{OverLimit, RequestLimits},
    properties::batch::{BatchOps, LaterOp, Rejection},
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
pub(super) fn check(limits: &RequestLimits, change: &Mutation) -> Result<(), OverLimit> {
    match change {
        Mutation::AddNode { properties, .. } | Mutation::CompareAndSet { updates: properties, .. } => {
            limits.check_node(properties)
        }
        Mutation::AddEdge { properties, .. } | Mutation::ReplaceEdges { properties, .. } => {
            limits.check_properties(properties)
        }
        Mutation::AddEmbedding { components, .. } => limits.check_embedding(components.len()),
        Mutation::RemoveNode { .. } | Mutation::RemoveEdge { .. } => Ok(()),
    }
}

/// The change, and what it counts as.
fn change<'r>(item: LaterOp<'_>, report: &'r mut BatchReport) -> Result<(Mutation, &'r mut u64), String> {
    Ok(match item {
        LaterOp::Earlier(mutation) => {
            let count = match &mutation {
                Mutation::RemoveNode { .. } => &mut report.removed_nodes,
                Mutation::AddEdge { .. } | Mutation::ReplaceEdges { .. } => &mut report.added_edges,
                Mutation::RemoveEdge { .. } => &mut report.removed_edges,
                Mutation::AddEmbedding { .. } => &mut report.added_embeddings,
                Mutation::AddNode { .. } | Mutation::CompareAndSet { .. } => &mut report.added_nodes,
            };
            (mutation, count)
        }
        LaterOp::Upsert(mutation) => {
            let is_edge = matches!(mutation, Mutation::ReplaceEdges { .. });
            (mutation, if is_edge { &mut report.upserted_edges } else { &mut report.upserted_nodes })
        }
        LaterOp::AddEmbedding { id, embedding: value } => {
            let components = embedding(value).map_err(|error| format!("`embedding`: {error}"))?;
            let components =
                semantic::stored("`embedding`", &components).map_err(|error| error.to_string())?;
            if components.is_empty() {
                return Err(Rejection::Missing("embedding").to_string());
            }
            (Mutation::AddEmbedding { node: id.into(), components }, &mut report.added_embeddings)
        }
    })
}
