//! One graph.

use super::{
    counters::{self, Stored},
    edges,
    graph_scan::GraphScan,
    labels, ledger, nodes,
    report::GraphAudit,
    vectors,
};
use crate::{error::Result, graph::GraphCounters};

/// Compares all records of a graph with each other. The counts it returns are those of the records.
pub(super) fn check(scan: &mut GraphScan<'_, '_>, name: &str, stored: Stored) -> Result<GraphAudit> {
    let state = stored.state();
    let nodes = nodes::check(scan)?;
    let labels = labels::check(scan, nodes.labels)?;
    let edges = edges::check(scan)?;
    let vectors = vectors::check(scan)?;
    let ledger = ledger::check(scan)?;
    let seen = nodes.newest.max(edges.newest).max(ledger.newest);
    let sequence = seen.max(state.map_or(0, |state| state.sequence));
    let counted = GraphCounters {
        nodes: nodes.count,
        edges: edges.count,
        sequence,
        ledger_lines: ledger.lines,
        complete_from: complete_from(state, ledger.complete_from(sequence), sequence),
        vectors: vectors.count,
        components: vectors.components,
    };
    counters::check(scan, stored, counted)?;
    Ok(GraphAudit {
        graph: name.to_owned(),
        nodes: nodes.count,
        edges: edges.count,
        labels,
        ledger: ledger.count,
        vectors: vectors.count,
        sequence,
        findings: 0,
    })
}

/// From where on the ledger may be said to be complete: what is stated, unless that is more than the ledger holds or
/// behind the next change.
fn complete_from(state: Option<GraphCounters>, found: u64, sequence: u64) -> u64 {
    match state {
        Some(state)
            if found <= state.complete_from.max(1) && state.complete_from <= sequence.saturating_add(1) =>
        {
            state.complete_from
        }
        Some(_) | None => found,
    }
}
