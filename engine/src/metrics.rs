//! Every Prometheus series of the server, in one place. Names, types and labels are contract for dashboards.

mod damage;
mod load;
mod memory;
mod quotas;
mod series;
mod tls;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use epistemic_listen::Places;
use epistemic_logging::LogWriter;
use epistemic_storage::GraphStore;
use parking_lot::RwLock;
use prometheus::{
    Encoder, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

pub(crate) use self::tls::Refused;
use self::{damage::DamageSeries, memory::MemorySeries, quotas::QuotaSeries, series::Series, tls::TlsSeries};
use crate::{
    admission::Admission,
    compute_pool::ComputePool,
    damage::Damage,
    keys::KeySeries,
    memory::{Accounts, Budget, Usage},
    open_transfers::OpenTransfers,
    projection::Projections,
    quotas::Quotas,
    scrub::ScrubState,
    semantic::Indexes,
    spool::Spool,
    tls::Tls,
    transactions::Transactions,
    wire::Method,
};

const DURATION_BOUNDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0,
];
const CHECKPOINT_BOUNDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];
const GROUP_BOUNDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// A graph with a name of more bytes has no series of its own.
const LONGEST_LABEL: usize = 8 << 10;

/// Series of one operation, looked up once.
struct OpSeries {
    requests: IntCounter,
    duration: Histogram,
}

/// What the series of the state now are read from.
pub(crate) struct Sources<'a> {
    pub(crate) graphs: &'a GraphStore,
    pub(crate) admission: &'a Admission,
    pub(crate) projections: &'a Projections,
    pub(crate) vectors: &'a Indexes,
    pub(crate) compute: &'a ComputePool,
    pub(crate) damage: Damage,
    pub(crate) scrub: Option<ScrubState>,
    pub(crate) budget: &'a Budget,
    pub(crate) memory: &'a Accounts,
    pub(crate) spool: &'a Spool,
    pub(crate) usage: Usage,
    pub(crate) quotas: &'a Quotas,
    pub(crate) open_transfers: &'a OpenTransfers,
    pub(crate) transactions: &'a Transactions,
    pub(crate) places: &'a Places,
    pub(crate) tls: &'a Tls,
}

/// The server's series.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    ops: Box<[OnceLock<OpSeries>]>,
    in_flight: IntGauge,
    available: IntGauge,
    busy: IntCounter,
    auth_failures: IntCounter,
    access_denied: IntCounter,
    undecodable: IntCounter,
    oversized: IntCounter,
    graph_ops: IntCounterVec,
    graph_ops_unlisted: IntCounter,
    /// Of so many graphs at most.
    most_graphs: usize,
    graph_series: RwLock<HashMap<Arc<str>, IntCounter>>,
    graph_nodes: IntGaugeVec,
    graph_edges: IntGaugeVec,
    checkpoint_duration: Histogram,
    checkpoint_last: IntGauge,
    commit_group: Histogram,
    writable: IntGauge,
    store_bytes: IntGauge,
    store_free: IntGauge,
    projection_bytes: IntGauge,
    vector_bytes: IntGauge,
    vectors_passed_over: IntCounter,
    projection_builds: IntCounter,
    computations_running: IntGauge,
    computations_waiting: IntGauge,
    unsupported: IntCounterVec,
    connections: IntGauge,
    connections_pushed_out: IntCounter,
    log: Option<LogWriter>,
    log_dropped: IntCounter,
    periodic_panics: IntCounterVec,
    ownership_conflicts: IntGaugeVec,
    ownership_unchecked: IntGauge,
    damage: DamageSeries,
    memory: MemorySeries,
    quotas: QuotaSeries,
    pub(crate) tls: TlsSeries,
    awaiting_graphs: IntGauge,
    awaiting_bytes: IntGauge,
    transfers_open: IntGauge,
    transfers_oldest: IntGauge,
    transfers_ended: IntCounter,
    transactions_open: IntGauge,
    transactions_bytes: IntGauge,
    transactions_forgotten: IntCounter,
}

impl Metrics {
    /// Counts what `log` drops, if there is one. Of `most_graphs` graphs each has series of its own.
    pub(crate) fn new(log: Option<&LogWriter>, most_graphs: usize) -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("epistemic_graph".into()), None)?;
        let series = Series(&registry);
        Ok(Self {
            requests: series.counters("requests_total", "Requests dispatched.", &["op"])?,
            durations: series.histograms(
                "request_duration_seconds",
                "Time from dispatch to answer.",
                DURATION_BOUNDS,
                &["op"],
            )?,
            ops: (0..Method::COUNT).map(|_| OnceLock::new()).collect(),
            in_flight: series.gauge("in_flight_requests", "Requests that hold a place.")?,
            available: series.gauge("inflight_permits_available", "Places left.")?,
            busy: series.counter("busy_rejections_total", "Requests answered BUSY.")?,
            auth_failures: series.counter("auth_failures_total", "Requests with a wrong token.")?,
            access_denied: series.counter("access_denied_total", "Requests refused by access control.")?,
            undecodable: series.counter("undecodable_requests_total", "Frames that are not a request.")?,
            oversized: series.counter("oversized_frames_total", "Frames over the limit of their sender.")?,
            graph_ops: series.counters(
                "graph_ops_total",
                "Graph operations past access control.",
                &["graph"],
            )?,
            graph_ops_unlisted: series.counter(
                "graph_ops_unlisted_total",
                "Graph operations of graphs that have no series of their own: there are too many, or the name is too long.",
            )?,
            most_graphs,
            graph_series: RwLock::default(),
            graph_nodes: series.gauges("graph_nodes", "Nodes of the graph.", &["graph"])?,
            graph_edges: series.gauges("graph_edges", "Edges of the graph.", &["graph"])?,
            checkpoint_duration: series.histogram(
                "checkpoint_duration_seconds",
                "Time a checkpoint took.",
                CHECKPOINT_BOUNDS,
            )?,
            checkpoint_last: IntGauge::new(
                "checkpoint_last_success_timestamp_seconds",
                "Unix time of the newest checkpoint, or of finding that none was needed.",
            )?,
            commit_group: series.histogram(
                "commit_group_writes",
                "Writes that shared one commit.",
                GROUP_BOUNDS,
            )?,
            writable: series.gauge(
                "store_writable",
                "1 while the store takes writes, 0 while the disk is full or after a failed write.",
            )?,
            store_bytes: series.gauge("store_bytes", "Bytes of the store, memtables included.")?,
            store_free: IntGauge::new(
                "store_free_bytes",
                "Bytes that the file system of the store has left.",
            )?,
            projection_bytes: series.gauge("projection_bytes", "Memory of cached projections.")?,
            vector_bytes: series.gauge("vector_bytes", "Memory of cached embeddings.")?,
            vectors_passed_over: series.counter(
                "vectors_passed_over_total",
                "Embeddings that searches did not compare: they have another length than the query.",
            )?,
            projection_builds: series
                .counter("projection_builds_total", "Projections read from storage.")?,
            computations_running: series.gauge("computations_running", "Computations on a thread.")?,
            computations_waiting: series
                .gauge("computations_waiting", "Computations that wait for a thread.")?,
            connections: series.gauge("connections", "Connections of clients.")?,
            connections_pushed_out: series.counter(
                "connections_pushed_out_total",
                "Connections without an authenticated request that were closed to make room.",
            )?,
            log: log.cloned(),
            log_dropped: series
                .counter("log_lines_dropped_total", "Lines of the process log that could not be written.")?,
            periodic_panics: series.counters(
                "periodic_panics_total",
                "Panics of periodic work, which goes on at its next turn.",
                &["work"],
            )?,
            ownership_conflicts: IntGaugeVec::new(
                Opts::new("ownership_conflicts", "Graphs that this shard and another serve, or none."),
                &["kind"],
            )?,
            ownership_unchecked: IntGauge::new(
                "ownership_unchecked_shards",
                "Shards that did not answer which graphs they serve.",
            )?,
            awaiting_graphs: series.gauge(
                "reclaim_pending_graphs",
                "Graphs that were deleted, cleared or had their ledger cut, and have not given their room back.",
            )?,
            awaiting_bytes: series.gauge(
                "reclaim_pending_bytes",
                "Bytes of their removed records in tables, an estimate.",
            )?,
            transfers_open: series
                .gauge("transfers_open", "Snapshots that are sent or received in pieces.")?,
            transfers_oldest: series.gauge(
                "transfers_oldest_seconds",
                "Age of the oldest of them; exports keep what was overwritten since on disk.",
            )?,
            transfers_ended: series.counter(
                "transfers_ended_idle_total",
                "Of these, those that were ended because nobody went on with them.",
            )?,
            transactions_open: series
                .gauge("transactions_open", "Transactions that are staged and not committed.")?,
            transactions_bytes: series.gauge("transactions_bytes", "Bytes that they hold.")?,
            transactions_forgotten: series.counter(
                "transactions_forgotten_total",
                "Of these, those that were idle for too long or whose connection ended.",
            )?,
            unsupported: series.counters(
                "unsupported_mutations_total",
                "Mutations that were answered but do nothing.",
                &["op"],
            )?,
            damage: DamageSeries::new(&series)?,
            memory: MemorySeries::new(&series)?,
            quotas: QuotaSeries::new(&series)?,
            tls: TlsSeries::new(&series)?,
            registry,
        })
    }

    /// Adds the series of keys, where there is a file of them.
    pub(crate) fn add(&self, keys: &KeySeries) -> prometheus::Result<()> {
        keys.register(&self.registry)
    }

    fn op(&self, method: Method) -> &OpSeries {
        self.ops[method as usize].get_or_init(|| OpSeries {
            requests: self.requests.with_label_values(&[method.name()]),
            duration: self.durations.with_label_values(&[method.name()]),
        })
    }

    pub(crate) fn dispatched(&self, method: Method) {
        self.op(method).requests.inc();
    }

    pub(crate) fn answered(&self, method: Method, elapsed: Duration) {
        self.op(method).duration.observe(elapsed.as_secs_f64());
    }

    /// Requests dispatched since the start and the seconds their answers took, but for those that only ask how the
    /// shard is: whoever watches it would see himself.
    pub(crate) fn totals(&self) -> (u64, f64) {
        let work = self.ops.iter().zip(Method::ALL).filter(|(_, method)| !load::is_watching(**method));
        work.filter_map(|(series, _)| series.get()).fold((0, 0.0), |(requests, seconds), series| {
            (requests + series.requests.get(), seconds + series.duration.get_sample_sum())
        })
    }

    /// What the shard does, as `ShardStatus` tells it.
    pub(crate) fn load(&self, admission: &Admission) -> serde_json::Value {
        load::load(&self.durations, &self.commit_group, None, admission)
    }

    pub(crate) fn auth_failure(&self) {
        self.auth_failures.inc();
    }

    pub(crate) fn access_denied(&self) {
        self.access_denied.inc();
    }

    /// A mutation was answered that this server does not do.
    pub(crate) fn unsupported(&self, method: Method) {
        self.unsupported.with_label_values(&[method.name()]).inc();
    }

    /// Periodic work of this name panicked.
    pub(crate) fn periodic_panic(&self, work: &str) {
        self.periodic_panics.with_label_values(&[work]).inc();
    }

    /// So many graphs have two owners or none, by the kind of it. Shards that know no others never have the series.
    pub(crate) fn ownership_conflicts(&self, kind: &str, count: usize) {
        // The only error is that it is there already.
        let _ = self.registry.register(Box::new(self.ownership_conflicts.clone()));
        self.ownership_conflicts.with_label_values(&[kind]).set(count as i64);
    }

    /// So many shards did not answer which graphs they serve.
    pub(crate) fn ownership_unchecked(&self, shards: usize) {
        let _ = self.registry.register(Box::new(self.ownership_unchecked.clone()));
        self.ownership_unchecked.set(shards as i64);
    }

    pub(crate) fn oversized(&self) {
        self.oversized.inc();
    }

    pub(crate) fn passed_over(&self, vectors: u64) {
        self.vectors_passed_over.inc_by(vectors);
    }

    pub(crate) fn undecodable(&self) {
        self.undecodable.inc();
    }

    pub(crate) fn graph_op(&self, graph: &Arc<str>) {
        if let Some(series) = self.graph_series.read().get(graph) {
            series.inc();
            return;
        }
        let mut listed = self.graph_series.write();
        if graph.len() > LONGEST_LABEL || listed.len() >= self.most_graphs && !listed.contains_key(graph) {
            self.graph_ops_unlisted.inc();
            return;
        }
        let series = listed.entry(Arc::clone(graph));
        series.or_insert_with(|| self.graph_ops.with_label_values(&[graph])).inc();
    }

    pub(crate) fn commit_group(&self, writes: usize) {
        self.commit_group.observe(writes as f64);
    }

    /// `duration` is absent when nothing had changed.
    pub(crate) fn checkpoint_done(&self, duration: Option<Duration>, unix_ms: u64) {
        if let Some(duration) = duration {
            self.checkpoint_duration.observe(duration.as_secs_f64());
        }
        if self.checkpoint_last.get() == 0 {
            // A series appears with its first event; the only error is that it is there already.
            let _ = self.registry.register(Box::new(self.checkpoint_last.clone()));
        }
        self.checkpoint_last.set((unix_ms / 1000) as i64);
    }

    /// Prometheus text 0.0.4 of the state now. Drops the series of graphs that are gone.
    pub(crate) fn render(&self, sources: &Sources<'_>) -> prometheus::Result<Vec<u8>> {
        let Sources { graphs, admission, projections, vectors, compute, .. } = sources;
        self.projection_bytes.set(projections.bytes() as i64);
        self.vector_bytes.set(vectors.bytes() as i64);
        self.projection_builds.inc_by(projections.builds().saturating_sub(self.projection_builds.get()));
        let (running, waiting) = compute.load();
        self.computations_running.set(running as i64);
        self.computations_waiting.set(waiting as i64);
        self.in_flight.set(admission.in_flight().into());
        self.available.set(admission.available().into());
        self.busy.inc_by(admission.rejections().saturating_sub(self.busy.get()));
        let dropped = self.log.as_ref().map_or(0, LogWriter::dropped);
        self.log_dropped.inc_by(dropped.saturating_sub(self.log_dropped.get()));
        self.writable.set(graphs.write_refusal().is_none().into());
        self.damage.renew(&sources.damage, sources.scrub.as_ref(), &self.registry);
        self.memory.renew(sources);
        self.quotas.renew(sources.quotas, graphs);
        self.tls.renew(sources.tls, &self.registry);
        let open = sources.open_transfers.open();
        self.transfers_open.set(open.count as i64);
        self.transfers_oldest.set(open.oldest.as_secs() as i64);
        let ended = sources.open_transfers.ended();
        self.transfers_ended.inc_by(ended.saturating_sub(self.transfers_ended.get()));
        let (open, bytes) = sources.transactions.open();
        self.transactions_open.set(open as i64);
        self.transactions_bytes.set(bytes as i64);
        let forgotten = sources.transactions.forgotten();
        self.transactions_forgotten.inc_by(forgotten.saturating_sub(self.transactions_forgotten.get()));
        let awaiting = graphs.awaiting_room();
        self.awaiting_graphs.set(awaiting.graphs as i64);
        self.awaiting_bytes.set(awaiting.bytes as i64);
        self.connections.set(sources.places.taken() as i64);
        let pushed_out = sources.places.pushed_out();
        self.connections_pushed_out.inc_by(pushed_out.saturating_sub(self.connections_pushed_out.get()));
        if let Ok(stats) = graphs.store().stats() {
            self.store_bytes.set(stats.bytes as i64);
            if let Some(free) = stats.free_bytes {
                // The series appears with its first value: a store in memory has none.
                let _ = self.registry.register(Box::new(self.store_free.clone()));
                self.store_free.set(i64::try_from(free).unwrap_or(i64::MAX));
            }
        }
        let names: Vec<_> = self.graph_series.read().keys().cloned().collect();
        for name in names {
            self.renew_graph(&name, graphs);
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// Brings the series of one graph up to date. The lock is held for one graph at a time: requests wait for it.
    pub(crate) fn renew_graph(&self, name: &Arc<str>, graphs: &GraphStore) {
        let labels: [&str; 1] = [name];
        if let Ok(graph) = graphs.graph(name) {
            let state = graph.counters();
            self.graph_nodes.with_label_values(&labels).set(state.nodes as i64);
            self.graph_edges.with_label_values(&labels).set(state.edges as i64);
            return;
        }
        self.graph_series.write().remove(name);
        // Each of these may be missing.
        let _ = self.graph_ops.remove_label_values(&labels);
        let _ = self.graph_nodes.remove_label_values(&labels);
        let _ = self.graph_edges.remove_label_values(&labels);
    }
}
