//! `LedgerTail`: the changes of a graph, newest first, without what they wrote.

use std::ops::ControlFlow;

use epistemic_storage::graph::LedgerRecord;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;
use crate::{
    request::{error::ReadError, graph_read::GraphRead},
    wire::OrNone,
};

/// Lines of an answer, and when it is not said how many.
const MOST: usize = 200;
const USUAL: usize = 50;
/// Characters of a line that came with a document.
const SHORT: usize = 500;

/// `LedgerTail`
#[derive(Debug, Default, Deserialize)]
pub(crate) struct LedgerTail {
    /// Changes before this one; from the newest one without it.
    #[serde(default)]
    before: Option<u64>,
    /// Lines at most, [`MOST`] at most.
    #[serde(default)]
    limit: Option<usize>,
}

/// `LedgerTail`
pub(crate) fn tail(
    read: &GraphRead<'_>,
    OrNone(LedgerTail { before, limit }): OrNone<LedgerTail>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let limit = limit.unwrap_or(USUAL).clamp(1, MOST);
    read.view(|reader| {
        let (mut lines, mut next, mut last) = (Vec::new(), None, None);
        reader.each_ledger_before(before.unwrap_or(u64::MAX), |sequence, record| -> Result<_, ReadError> {
            if lines.len() == limit {
                next = last;
                return Ok(ControlFlow::Break(()));
            }
            let (record, at_ms) = LedgerRecord::decode(record)?;
            lines.push(line(sequence, at_ms, &record));
            last = Some(sequence);
            Ok(ControlFlow::Continue(()))
        })?;
        let state = reader.counters()?;
        answer(
            out,
            &json!({ "lines": lines, "next": next, "sequence": state.sequence, "ledger_from": state.complete_from }),
        );
        Ok(())
    })
}

fn line(sequence: u64, at_ms: u64, record: &LedgerRecord<'_>) -> Value {
    use LedgerRecord as R;
    let (op, ids): (&str, &[&str]) = match record {
        R::AddNode { id, .. } => ("AddNode", &[id]),
        R::AddEdge { source, target, .. } => ("AddEdge", &[source, target]),
        R::RemoveNode { id } => ("RemoveNode", &[id]),
        R::RemoveEdge { source, target } => ("RemoveEdge", &[source, target]),
        R::RemoveParallel { source, target, .. } => ("RemoveParallel", &[source, target]),
        R::SetNode { id, .. } => ("SetNode", &[id]),
        R::SetEdge { source, target, .. } => ("SetEdge", &[source, target]),
        R::AddEmbedding { node, .. } => ("AddEmbedding", &[node]),
        R::Created => ("Created", &[]),
        R::Cleared => ("Cleared", &[]),
        R::Replaced => ("Replaced", &[]),
        R::LedgerCleared => ("LedgerCleared", &[]),
        R::Text(text) | R::Owned { owner: text } => {
            let text: String = text.chars().take(SHORT).collect();
            let op = if matches!(record, R::Owned { .. }) { "Owned" } else { "Imported" };
            return json!({ "sequence": sequence, "at_ms": at_ms, "op": op, "ids": [], "text": text });
        }
    };
    json!({ "sequence": sequence, "at_ms": at_ms, "op": op, "ids": ids })
}
