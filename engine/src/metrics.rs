//! Every Prometheus series of the server, by concern. Names, types and labels are contract for dashboards and alerts
//! (`docs/operations.md`); their number is bounded: operations, phases and kinds are fixed, of graphs and tenants so many have
//! series of their own.

mod caches;
mod checkpoints;
mod commits;
mod connections;
mod damage;
mod graphs;
mod load;
mod memory;
mod ownership;
mod process;
mod quotas;
mod remote;
mod requests;
mod series;
mod store;
mod threads;
mod tls;

use epistemic_listen::Places;
use epistemic_logging::LogWriter;
use epistemic_process::ProcessUsage;
use epistemic_storage::GraphStore;
use prometheus::{Encoder, Registry, TextEncoder};

pub(crate) use self::{caches::Asked, commits::GroupTimes, tls::Refused};
use self::{
    caches::CacheSeries, checkpoints::CheckpointSeries, commits::CommitSeries, connections::ConnectionSeries,
    damage::DamageSeries, graphs::GraphSeries, memory::MemorySeries, ownership::OwnershipSeries,
    process::ProcessSeries, quotas::QuotaSeries, remote::RemoteSeries, requests::RequestSeries,
    series::Series, store::StoreSeries, threads::ThreadSeries, tls::TlsSeries,
};
use crate::{
    admission::Admission,
    audit::AuditSeries,
    compute_pool::ComputePool,
    damage::Damage,
    keys::KeySeries,
    lease::{LeaseSeries, Role},
    memory::{Accounts, Budget, Usage},
    neighbor_cache::NeighborCache,
    open_transfers::OpenTransfers,
    projection::Projections,
    quotas::Quotas,
    scrub::ScrubState,
    semantic::Indexes,
    spool::Spool,
    tls::Tls,
    transactions::Transactions,
};

/// Upper bounds of the buckets of durations: from a read in memory to what nobody waits for any more.
const DURATIONS: &[f64] = &[
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
    0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What the series of the state now are read from.
pub(crate) struct Sources<'a> {
    pub(crate) graphs: &'a GraphStore,
    pub(crate) admission: &'a Admission,
    pub(crate) neighbors: &'a NeighborCache,
    pub(crate) projections: &'a Projections,
    pub(crate) vectors: &'a Indexes,
    pub(crate) compute: &'a ComputePool,
    pub(crate) reads: &'a ComputePool,
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
    pub(crate) role: &'a Role,
}

/// The server's series.
pub(crate) struct Metrics {
    registry: Registry,
    /// Of the series that all programs have under one name: without the prefix of the others.
    shared_names: Registry,
    usage: ProcessUsage,
    requests: RequestSeries,
    graphs: GraphSeries,
    commits: CommitSeries,
    checkpoints: CheckpointSeries,
    caches: CacheSeries,
    threads: ThreadSeries,
    ownership: OwnershipSeries,
    lease: LeaseSeries,
    pub(crate) tls: TlsSeries,
    store: StoreSeries,
    remote: RemoteSeries,
    connections: ConnectionSeries,
    damage: DamageSeries,
    memory: MemorySeries,
    quotas: QuotaSeries,
    process: ProcessSeries,
}

impl Metrics {
    /// Counts what `log` drops, if there is one. Of `most_graphs` graphs each has series of its own.
    pub(crate) fn new(log: Option<&LogWriter>, most_graphs: usize) -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("epistemic_graph".into()), None)?;
        let series = Series(&registry);
        let shared_names = Registry::new();
        Ok(Self {
            requests: RequestSeries::new(&series)?,
            graphs: GraphSeries::new(&series, most_graphs)?,
            commits: CommitSeries::new(&series)?,
            checkpoints: CheckpointSeries::new(&series)?,
            caches: CacheSeries::new(&series)?,
            threads: ThreadSeries::new(&series)?,
            ownership: OwnershipSeries::new()?,
            lease: LeaseSeries::new()?,
            tls: TlsSeries::new(&series)?,
            store: StoreSeries::new(&series)?,
            remote: RemoteSeries::new()?,
            connections: ConnectionSeries::new(&series)?,
            damage: DamageSeries::new(&series)?,
            memory: MemorySeries::new(&series)?,
            quotas: QuotaSeries::new(&series)?,
            process: ProcessSeries::new(&series, log)?,
            usage: ProcessUsage::new(&shared_names)?,
            shared_names,
            registry,
        })
    }

    /// Adds the series of keys, where there is a file of them.
    pub(crate) fn add(&self, keys: &KeySeries) -> prometheus::Result<()> {
        keys.register(&self.registry)
    }

    /// Shows the series of an audit log.
    pub(crate) fn add_audit(&self, audit: &AuditSeries) -> prometheus::Result<()> {
        audit.register(&self.registry)
    }

    /// Prometheus text 0.0.4 of the state now. Drops the series of graphs that are gone.
    pub(crate) fn render(&self, sources: &Sources<'_>) -> prometheus::Result<Vec<u8>> {
        self.requests.renew(sources.admission);
        self.caches.renew(sources);
        self.threads.renew(sources);
        self.connections.renew(sources);
        self.store.renew(sources.graphs, sources.role, &self.registry);
        self.remote.renew(sources.graphs, &self.registry);
        self.damage.renew(&sources.damage, sources.scrub.as_ref(), &self.registry);
        self.memory.renew(sources);
        self.quotas.renew(sources.quotas, sources.graphs);
        self.tls.renew(sources.tls, &self.registry);
        self.lease.renew(sources.role, &self.registry);
        self.process.renew();
        self.usage.renew();
        self.graphs.renew_all(sources.graphs);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        TextEncoder::new().encode(&self.shared_names.gather(), &mut text)?;
        Ok(text)
    }
}
