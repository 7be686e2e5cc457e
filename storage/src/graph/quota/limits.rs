//! Setting the limits of tenants, and asking what they have.

use std::sync::Arc;

use crate::{
    error::Result,
    graph::{
        catalog::{counters::GraphCounters, tenant::tenant_of},
        error::GraphError,
        quota::{
            accounts::Quotas,
            counts::{Counts, TenantLimits},
        },
        store::GraphStore,
    },
};

impl GraphStore {
    /// From now on refuses writes that give a tenant more than its limits, which `limits` is asked for; without it there are
    /// none. What is there stays. Of moves and restores, which are the operator's, the graphs are counted and not refused.
    /// Waits for the running commit and looks at all graphs.
    pub fn limit_tenants(&self, limits: Option<Box<TenantLimits>>) {
        let _one_at_a_time = self.commits.lock();
        let quotas = limits.map(|limits| {
            let refusals = Arc::clone(&self.quota_refusals);
            Arc::new(Quotas::new(limits, refusals, self.catalog.read().values()))
        });
        *self.quotas.write() = quotas;
    }

    /// Whether a client may put a whole graph with these counters under this name, as far as it is known before the commit: so
    /// that nothing large is loaded in vain.
    ///
    /// # Errors
    /// [`GraphError::OverQuota`]
    pub fn has_room(
        &self,
        name: &str,
        claimed_by: Option<&str>,
        owner: Option<&str>,
        counters: &GraphCounters,
    ) -> Result<(), GraphError> {
        let Some(quotas) = self.quotas.read().clone() else { return Ok(()) };
        let tenant = tenant_of(claimed_by, name, owner);
        Ok(quotas.check_graph(&name.into(), self.lookup(name).as_deref(), tenant, counters)?)
    }

    /// How often each of those limits was met since the start, items of batches each.
    pub fn quota_refusals(&self) -> Counts {
        self.quota_refusals.counts()
    }

    /// What each tenant has that has graphs here, in no order; nothing while there are no limits
    /// ([`GraphStore::limit_tenants`]).
    pub fn tenant_counts(&self) -> Vec<(Arc<str>, Counts)> {
        self.quotas.read().as_ref().map(|quotas| quotas.totals()).unwrap_or_default()
    }
}
