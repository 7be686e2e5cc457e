//! `GraphLook`: a graph as a whole, what its records take, and its labels.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Reader, answer};
use crate::{
    request::{error::ReadError, graph_read::GraphRead},
    wire::NoParams,
};

/// Labels of an answer, those of most nodes.
const MOST: usize = 50;
/// Different labels that are counted.
const DIFFERENT: usize = 10_000;
/// How long they are counted.
const PATIENCE: Duration = Duration::from_millis(200);
/// Entries between two looks at the clock.
const BETWEEN: u64 = 256;

/// How many nodes carry a label. A node may carry several.
#[derive(Default)]
struct Labels {
    counts: Vec<(String, u64)>,
    counted: u64,
    /// It was given up before the end.
    cut: bool,
}

/// `GraphLook`
pub(crate) fn look(read: &GraphRead<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let (graphs, graph) = (&read.shard.graphs, read.graph);
    // What is damaged has no size; that it is shows as quarantine.
    let sizes = graphs.sizes_of(graph).ok();
    let changed_ms = graphs.changed_ms(graph)?;
    read.view(|reader| {
        let state = reader.counters()?;
        let Labels { mut counts, counted, cut } = labels(reader)?;
        counts.sort_by(|(a, more), (b, fewer)| fewer.cmp(more).then_with(|| a.cmp(b)));
        let rest: u64 = counts.iter().skip(MOST).map(|(_, count)| count).sum();
        counts.truncate(MOST);
        let found = json!({
            "name": &**graph.name(),
            "type": graph.kind().name(),
            "owner": graph.owner().as_deref(),
            "tenant": graph.tenant(),
            "nodes": state.nodes,
            "edges": state.edges,
            "sequence": state.sequence,
            "ledger_from": state.complete_from,
            "quarantined": graph.quarantined(),
            "changed_ms": changed_ms,
            "sizes": sizes,
            "labels": counts,
            "labels_rest": rest,
            "labels_counted": counted,
            "labels_exact": !cut,
        });
        answer(out, &found);
        Ok(())
    })
}

fn labels(reader: &Reader<'_>) -> Result<Labels, ReadError> {
    let (begun, mut found) = (Instant::now(), Labels::default());
    reader.each_label(|label| -> Result<_, ReadError> {
        let different = found.counts.len();
        match found.counts.last_mut() {
            Some((known, count)) if known == label => *count += 1,
            _ if different == DIFFERENT => found.cut = true,
            _ => found.counts.push((label.to_owned(), 1)),
        }
        found.counted += u64::from(!found.cut);
        found.cut |= found.counted % BETWEEN == 0 && begun.elapsed() > PATIENCE;
        Ok(if found.cut { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}
