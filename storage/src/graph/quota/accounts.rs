//! How many graphs, nodes, edges and embeddings a tenant may have, exactly.
//!
//! Totals are those of the published graphs that are served here. A running group works on copies of those that it
//! touches ([`Growth`]) and each of its edits knows how far its graph may grow ([`Room`]), so that pipelined writes and
//! items of a batch meet a limit at the same place as single ones.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use crate::graph::{
    catalog::{counters::GraphCounters, graph::Graph},
    quota::counts::{Counted, Counts, OverQuota, TenantLimits},
};

/// How often each limit was met.
#[derive(Default)]
pub(crate) struct Refusals([AtomicU64; 4]);

impl Refusals {
    pub(crate) fn counts(&self) -> Counts {
        Counts(std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed)))
    }
}

/// Limits of tenants and what they have.
pub(crate) struct Quotas {
    limits: Box<TenantLimits>,
    refusals: Arc<Refusals>,
    /// Of the tenants that have graphs here.
    accounts: Mutex<HashMap<Arc<str>, Account>>,
}

/// What a tenant has and may have.
#[derive(Debug, Clone, Copy)]
struct Account {
    has: Counts,
    limits: Counts,
}

impl Quotas {
    /// Counts what the graphs have. Hold commits back meanwhile.
    pub(crate) fn new<'g>(
        limits: Box<TenantLimits>,
        refusals: Arc<Refusals>,
        graphs: impl Iterator<Item = &'g Arc<Graph>>,
    ) -> Self {
        let quotas = Self { limits, refusals, accounts: Mutex::default() };
        let mut accounts: HashMap<Arc<str>, Account> = HashMap::new();
        for (tenant, counts) in graphs.filter_map(|graph| quotas.counted(graph)) {
            let account = accounts.entry(tenant).or_insert_with_key(|tenant| quotas.opened(tenant));
            account.has = account.has.plus(counts);
        }
        *quotas.accounts.lock() = accounts;
        quotas
    }

    fn opened(&self, tenant: &str) -> Account {
        Account { has: Counts::default(), limits: (self.limits)(tenant) }
    }

    /// What each tenant has that has graphs here.
    pub(crate) fn totals(&self) -> Vec<(Arc<str>, Counts)> {
        self.accounts.lock().iter().map(|(tenant, account)| (Arc::clone(tenant), account.has)).collect()
    }

    /// Takes over what a group came to, once it is committed.
    pub(crate) fn publish(&self, grown: Grown) {
        let mut accounts = self.accounts.lock();
        for (tenant, account) in grown.0 {
            if account.has == Counts::default() {
                accounts.remove(&tenant);
            } else {
                accounts.insert(tenant, account);
            }
        }
    }

    /// The name of a tenant; that of one with graphs here is not copied.
    fn key(&self, tenant: &str) -> Arc<str> {
        let known = self.accounts.lock().get_key_value(tenant).map(|(key, _)| Arc::clone(key));
        known.unwrap_or_else(|| tenant.into())
    }

    /// Whose a published graph is and what it counts for; one that is not served here counts for nobody.
    fn counted(&self, graph: &Graph) -> Share {
        graph.is_served().then(|| graph.with_tenant(|tenant| self.share(tenant, &graph.counters())))
    }

    /// Whether a whole graph with these counters may be put under this name as the tenant's, as far as others are committed.
    pub(crate) fn check_graph(
        &self,
        name: &Arc<str>,
        published: Option<&Graph>,
        tenant: Option<&str>,
        counters: &GraphCounters,
    ) -> Result<(), Box<OverQuota>> {
        Growth::new(self).room(name, published, tenant).check_graph(counters)
    }

    /// What a graph with these counters is counted as.
    pub(crate) fn share(&self, tenant: Option<&str>, counters: &GraphCounters) -> (Arc<str>, Counts) {
        (self.key(tenant.unwrap_or_default()), Counts::of_graph(counters))
    }
}

/// Whose a graph is and what it counts for.
type Share = Option<(Arc<str>, Counts)>;

/// What the tenants that a running group touches have by now.
pub(crate) struct Growth<'q> {
    pub(crate) quotas: &'q Quotas,
    /// What each graph of the group is counted as.
    graphs: HashMap<Arc<str>, Share>,
    accounts: HashMap<Arc<str>, Account>,
}

/// What they have when it is committed.
pub(crate) struct Grown(HashMap<Arc<str>, Account>);

impl<'q> Growth<'q> {
    pub(crate) fn new(quotas: &'q Quotas) -> Self {
        Self { quotas, graphs: HashMap::new(), accounts: HashMap::new() }
    }

    fn account(&mut self, tenant: &Arc<str>) -> &mut Account {
        let quotas = self.quotas;
        self.accounts.entry(Arc::clone(tenant)).or_insert_with(|| {
            let known = quotas.accounts.lock().get(tenant).copied();
            known.unwrap_or_else(|| quotas.opened(tenant))
        })
    }

    /// What the graph is counted as: at first, as it is published.
    fn counted(&mut self, name: &Arc<str>, published: Option<&Graph>) -> &mut Share {
        let quotas = self.quotas;
        let first = || published.and_then(|graph| quotas.counted(graph));
        self.graphs.entry(Arc::clone(name)).or_insert_with(first)
    }

    /// The graph is like this now.
    pub(crate) fn settle(&mut self, name: &Arc<str>, published: Option<&Graph>, now: Share) {
        let counted = self.counted(name, published);
        if *counted == now {
            return;
        }
        if let Some((tenant, counts)) = std::mem::replace(counted, now.clone()) {
            let account = self.account(&tenant);
            account.has = account.has.minus(counts);
        }
        if let Some((tenant, counts)) = now {
            let account = self.account(&tenant);
            account.has = account.has.plus(counts);
        }
    }

    /// How far the graph of this name may grow as the tenant's.
    pub(crate) fn room(&mut self, name: &Arc<str>, published: Option<&Graph>, tenant: Option<&str>) -> Room {
        let tenant = tenant.unwrap_or_default();
        let (tenant, own) = match self.counted(name, published) {
            Some((owner, counts)) if **owner == *tenant => (Arc::clone(owner), *counts),
            Some(_) | None => (self.quotas.key(tenant), Counts::default()),
        };
        let Account { has, limits } = *self.account(&tenant);
        let others = has.minus(own);
        let refusals = Arc::clone(&self.quotas.refusals);
        Room { most: limits.minus(others).each(own, u64::max), tenant, others, limits, refusals }
    }

    pub(crate) fn finish(self) -> Grown {
        Grown(self.accounts)
    }
}

/// How far a graph may grow. One over the limit, which was lowered, may stay as large as it is.
pub(crate) struct Room {
    tenant: Arc<str>,
    /// What the tenant's other graphs have.
    others: Counts,
    limits: Counts,
    most: Counts,
    refusals: Arc<Refusals>,
}

impl Room {
    /// Whether the graph may go from `has` to `wants`.
    pub(crate) fn check(&self, of: Counted, has: u64, wants: u64) -> Result<(), Box<OverQuota>> {
        if wants <= self.most.get(of) {
            return Ok(());
        }
        self.refusals.0[of as usize].fetch_add(1, Ordering::Relaxed);
        let others = self.others.get(of);
        Err(Box::new(OverQuota {
            tenant: Arc::clone(&self.tenant),
            of,
            used: others.saturating_add(has),
            wanted: others.saturating_add(wants),
            limit: self.limits.get(of),
        }))
    }

    /// Whether a whole graph with these counters may take the place.
    pub(crate) fn check_graph(&self, counters: &GraphCounters) -> Result<(), Box<OverQuota>> {
        let wants = Counts::of_graph(counters);
        Counted::ALL.into_iter().try_for_each(|of| self.check(of, 0, wants.get(of)))
    }
}
