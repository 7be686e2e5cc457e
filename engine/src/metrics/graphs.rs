//! Series of graphs, of a bounded number of them.

use std::{collections::HashMap, sync::Arc};

use epistemic_storage::GraphStore;
use parking_lot::RwLock;
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec};

use super::{Metrics, series::Series};

/// A graph with a name of more bytes has no series of its own.
const LONGEST_LABEL: usize = 8 << 10;

/// The series.
pub(super) struct GraphSeries {
    ops: IntCounterVec,
    unlisted: IntCounter,
    /// Of so many graphs at most.
    most: usize,
    listed: RwLock<HashMap<Arc<str>, IntCounter>>,
    nodes: IntGaugeVec,
    edges: IntGaugeVec,
}

impl GraphSeries {
    /// Of `most` graphs each has series of its own.
    pub(super) fn new(series: &Series<'_>, most: usize) -> prometheus::Result<Self> {
        Ok(Self {
            ops: series.counters("graph_ops_total", "Graph operations past access control.", &["graph"])?,
            unlisted: series.counter(
                "graph_ops_unlisted_total",
                "Graph operations of graphs that have no series of their own: there are too many, or the name is too long.",
            )?,
            most,
            listed: RwLock::default(),
            nodes: series.gauges("graph_nodes", "Nodes of the graph.", &["graph"])?,
            edges: series.gauges("graph_edges", "Edges of the graph.", &["graph"])?,
        })
    }

    /// Brings them up to date. Drops those of graphs that are gone.
    pub(super) fn renew_all(&self, graphs: &GraphStore) {
        let names: Vec<_> = self.listed.read().keys().cloned().collect();
        for name in names {
            self.renew(&name, graphs);
        }
    }

    /// Brings the series of one graph up to date. The lock is held for one graph at a time: requests wait for it.
    fn renew(&self, name: &Arc<str>, graphs: &GraphStore) {
        let labels: [&str; 1] = [name];
        if let Ok(graph) = graphs.graph(name) {
            let state = graph.counters();
            self.nodes.with_label_values(&labels).set(state.nodes as i64);
            self.edges.with_label_values(&labels).set(state.edges as i64);
            return;
        }
        self.listed.write().remove(name);
        // Each of these may be missing.
        let _ = self.ops.remove_label_values(&labels);
        let _ = self.nodes.remove_label_values(&labels);
        let _ = self.edges.remove_label_values(&labels);
    }
}

impl Metrics {
    pub(crate) fn graph_op(&self, graph: &Arc<str>) {
        let GraphSeries { ops, unlisted, most, listed, .. } = &self.graphs;
        if let Some(series) = listed.read().get(graph) {
            series.inc();
            return;
        }
        let mut listed = listed.write();
        if graph.len() > LONGEST_LABEL || listed.len() >= *most && !listed.contains_key(graph) {
            unlisted.inc();
            return;
        }
        let series = listed.entry(Arc::clone(graph));
        series.or_insert_with(|| ops.with_label_values(&[graph])).inc();
    }

    /// Brings the series of one graph up to date.
    pub(crate) fn renew_graph(&self, name: &Arc<str>, graphs: &GraphStore) {
        self.graphs.renew(name, graphs);
    }
}
