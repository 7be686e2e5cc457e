//! Findings for people.

use std::io::{self, Write};

use epistemic_storage::audit::{Finding, FindingKind, Findings, GraphAudit};

use crate::table::{cut, shortened, write_table};

/// Characters of a key at most: ids in it may be very long.
const KEY_WIDTH: usize = 400;
/// Findings of one kind that are printed.
const LINES: usize = 10;

/// The name of a kind, as in `--json`.
fn name(kind: FindingKind) -> String {
    let text = serde_json::to_value(kind).ok().and_then(|name| Some(name.as_str()?.to_owned()));
    text.unwrap_or_else(|| format!("{kind:?}"))
}

/// Writes the first findings of each kind, and how many more there are; `--json` has some more.
pub(super) fn write_findings(out: &mut dyn Write, findings: &Findings) -> io::Result<()> {
    for (&kind, &total) in &findings.totals {
        writeln!(out, "  {}: {total}", name(kind))?;
        let shown: Vec<&Finding> =
            findings.shown.iter().filter(|finding| finding.kind == kind).take(LINES).collect();
        for Finding { graph, space, key, detail, .. } in &shown {
            let place = graph.as_ref().map_or_else(String::new, |graph| format!("graph {graph:?}, "));
            writeln!(out, "    {place}{space}, {}: {detail}", cut(key, KEY_WIDTH))?;
        }
        if total > shown.len() as u64 {
            writeln!(out, "    and {} more", total - shown.len() as u64)?;
        }
    }
    Ok(())
}

/// Writes what the records of the graphs add up to.
pub(super) fn write_graphs(out: &mut dyn Write, graphs: &[&GraphAudit]) -> io::Result<()> {
    let row = |graph: &GraphAudit| {
        let GraphAudit { graph, nodes, edges, labels, ledger, vectors, sequence, findings } = graph;
        let numbers = [nodes, edges, labels, ledger, vectors, sequence, findings].map(ToString::to_string);
        let [nodes, edges, labels, ledger, vectors, sequence, findings] = numbers;
        [shortened(graph), nodes, edges, labels, ledger, vectors, sequence, findings]
    };
    let rows: Vec<_> = graphs.iter().map(|graph| row(graph)).collect();
    let heading = ["graph", "nodes", "edges", "labels", "ledger", "embeddings", "sequence", "findings"];
    write_table(out, heading, &rows)
}
