//! The counters of a graph against its records.

use super::{
    finding::{FindingKind, Fix, Found},
    graph_scan::GraphScan,
};
use crate::{error::Result, graph::GraphCounters, keys, space::Space};

/// The counters of a graph as they are stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stored {
    /// Readable.
    State(GraphCounters),
    /// Not of the form of a state.
    Bad,
    /// None.
    Missing,
}

impl Stored {
    pub(super) fn state(self) -> Option<GraphCounters> {
        match self {
            Stored::State(state) => Some(state),
            Stored::Bad | Stored::Missing => None,
        }
    }
}

/// Compares the stored counters with those that the records add up to.
pub(super) fn check(scan: &mut GraphScan<'_, '_>, stored: Stored, counted: GraphCounters) -> Result<()> {
    let key = keys::state(scan.id);
    let told = |kind, detail: String| {
        let fix = Fix { space: Space::Catalog, key: key.clone(), value: Some(counted.encode()) };
        Found::new(kind, Space::Catalog, &key, detail).fixed(fix)
    };
    match stored {
        Stored::Missing => scan.found(told(FindingKind::MissingState, "the graph has no counters".into())),
        Stored::Bad => scan.found(told(FindingKind::BadRecord, "counters of unknown form".into())),
        Stored::State(state) => {
            let differences = differences(&state, &counted);
            if !differences.is_empty() {
                scan.found(told(FindingKind::Counters, differences.join("; ")))?;
            }
            if state.complete_from != counted.complete_from {
                let (stated, found) = (state.complete_from, counted.complete_from);
                let detail = format!("said to be complete from {stated} on, it is from {found} on");
                scan.found(told(FindingKind::LedgerGap, detail))?;
            }
            Ok(())
        }
    }
}

fn differences(stored: &GraphCounters, counted: &GraphCounters) -> Vec<String> {
    let fields = [
        ("nodes", stored.nodes, counted.nodes),
        ("edges", stored.edges, counted.edges),
        ("sequence", stored.sequence, counted.sequence),
        ("ledger lines", stored.ledger_lines, counted.ledger_lines),
        ("embeddings", stored.vectors, counted.vectors),
        ("components of embeddings", stored.components, counted.components),
    ];
    let differing = fields.into_iter().filter(|(_, stored, counted)| stored != counted);
    differing.map(|(name, stored, counted)| format!("{name}: {stored}, the records say {counted}")).collect()
}
