//! What is known to be damaged, as `ShardStatus`, `/readyz` and the metrics tell it.

use std::sync::Arc;

use epistemic_storage::{GraphStore, channels::Channels, graph::Graph};
use serde_json::{Value, json};

use crate::{
    access::{AccessControl, Caller, Need},
    scrub::ScrubState,
};

/// Graphs and findings that are named; all are counted.
const NAMED: usize = 16;
/// Bytes of a name or reason that are shown.
const SHOWN: usize = 400;

/// What is damaged.
pub(crate) struct Damage {
    /// The first damage of the tables since they were sound.
    store: Option<String>,
    /// Why channels cannot be used.
    channels: Option<String>,
    /// Graphs that take no writes.
    graphs: Vec<Arc<Graph>>,
}

impl Damage {
    /// As of now. Cheap.
    pub(crate) fn of(graphs: &GraphStore, channels: &Channels) -> Self {
        Self {
            store: graphs.store().damage(),
            channels: channels.damage().map(|error| error.to_string()),
            graphs: graphs.quarantined(),
        }
    }

    /// Number of quarantined graphs.
    pub(crate) fn quarantined(&self) -> usize {
        self.graphs.len()
    }

    /// Whether the store or its channels are damaged.
    pub(crate) fn store_damaged(&self) -> bool {
        self.store.is_some() || self.channels.is_some()
    }

    /// A line for each kind of damage, without names of graphs; empty when all is sound.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        if !self.graphs.is_empty() {
            let graphs = self.graphs.len();
            lines +=
                &format!("damaged: {graphs} quarantined graphs take no writes; egctl graphs names them\n");
        }
        for (what, reason) in
            [("tables are not merged", &self.store), ("channels cannot be used", &self.channels)]
        {
            if let Some(reason) = reason {
                lines += &format!("damaged: {what}: {}\n", shortened(reason));
            }
        }
        lines
    }

    /// For `ShardStatus`: of the graphs those are named that the caller may read.
    pub(crate) fn json(&self, known: Known<'_>) -> Value {
        let named = self.graphs.iter().filter(|graph| known.has(graph.name())).take(NAMED);
        let graphs = named.map(|graph| {
            json!({
                "graph": shortened(graph.name()),
                "reason": shortened(graph.quarantined().unwrap_or_default()),
                "since_ms": graph.quarantined_since_ms(),
                // What is too damaged to be measured has no size.
                "bytes": known.graphs.sizes_of(graph).ok().map(|sizes| sizes.total()),
            })
        });
        json!({
            "store": self.store.as_deref().map(shortened),
            "channels": self.channels.as_deref().map(shortened),
            "quarantined_graphs": self.graphs.len(),
            "graphs": graphs.collect::<Vec<_>>(),
        })
    }
}

/// How the scrub stands, for `ShardStatus`; null in memory.
pub(crate) fn scrub_json(state: Option<&ScrubState>, known: Known<'_>) -> Value {
    let Some(state) = state else { return Value::Null };
    let findings = state.log.findings.iter().take(NAMED).map(|finding| {
        let graphs = finding.graphs.iter().filter(|name| known.has(name)).take(NAMED);
        json!({
            "table": finding.table,
            "space": finding.space,
            "graphs": graphs.map(|name| shortened(name)).collect::<Vec<_>>(),
            "reason": shortened(&finding.reason),
        })
    });
    json!({
        "interval_s": state.interval.as_secs(),
        "running": state.log.running.is_some(),
        "begun_ms": state.log.running.map(|place| place.begun_ms),
        "bytes_read": state.log.running.map(|place| place.read),
        "bytes_total": state.log.running.map(|_| state.total),
        "last_begun_ms": state.log.last.map(|last| last.begun_ms),
        "last_ended_ms": state.log.last.map(|last| last.ended_ms),
        "found": state.log.found,
        "findings": findings.collect::<Vec<_>>(),
    })
}

/// The graphs that a caller may know of: those that he may read.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) graphs: &'a GraphStore,
    pub(crate) access: &'a AccessControl,
    pub(crate) caller: Caller<'a>,
}

impl Known<'_> {
    fn has(&self, name: &str) -> bool {
        let graph = self.graphs.graph_in_any_state(name);
        graph.is_ok_and(|graph| self.access.may(self.caller, Need::Read, &graph))
    }
}

fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(SHOWN);
    if end < text.len() { format!("{}...", &text[..end]) } else { text.to_owned() }
}
