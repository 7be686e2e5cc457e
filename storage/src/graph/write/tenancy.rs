//! Creation policy, tenants and quotas inside a commit group.

use std::sync::Arc;

use crate::{
    graph::{
        catalog::{counters::GraphCounters, creation::Asking, entry::COMMONS, tenant::tenant_of},
        error::GraphError,
        quota::accounts::{Growth, Quotas, Room},
        write::{transaction::Transaction, working_graph::WorkingGraph},
    },
    limits,
};

impl<'s> Transaction<'s> {
    /// Checks what tenants may have.
    pub(crate) fn limit_tenants(&mut self, quotas: Option<&'s Quotas>) {
        self.growth = quotas.map(Growth::new);
    }

    /// Counts the graph as it is now for its tenant.
    pub(crate) fn settle(&mut self, name: &Arc<str>) {
        let Some(growth) = &mut self.growth else { return };
        let Some(working) = self.graphs.get(name) else { return };
        let working = working.as_ref().filter(|working| working.entry.migration_state.is_none());
        let now = working.map(|working| growth.quotas.share(working.tenant(name), &working.counters));
        growth.settle(name, (self.lookup)(name).as_deref(), now);
    }

    /// How far the graph of this name may grow as the tenant's; nothing when that is not limited.
    pub(crate) fn room(&mut self, name: &Arc<str>, tenant: Option<&str>) -> Option<Room> {
        let growth = self.growth.as_mut()?;
        Some(growth.room(name, (self.lookup)(name).as_deref(), tenant))
    }

    /// Whether a client may put a whole graph with these counters under this name.
    pub(crate) fn has_room(
        &mut self,
        name: &Arc<str>,
        claimed_by: Option<&str>,
        owner: Option<&str>,
        counters: &GraphCounters,
    ) -> Result<(), GraphError> {
        let tenant = tenant_of(claimed_by, name, owner);
        self.room(name, tenant).map_or(Ok(()), |room| Ok(room.check_graph(counters)?))
    }

    /// How far a graph may grow that is there.
    pub(crate) fn room_of(&mut self, name: &Arc<str>) -> Option<Room> {
        let growth = self.growth.as_mut()?;
        let working = self.graphs.get(name)?.as_ref()?;
        Some(growth.room(name, (self.lookup)(name).as_deref(), working.tenant(name)))
    }

    /// Whether the name is that of an empty `__commons__`, whose place any graph may take.
    pub(crate) fn has_empty_commons(&mut self, name: &Arc<str>) -> bool {
        self.working(name).is_some_and(|working| working.is_empty_commons(name))
    }

    /// Whether a graph of this name, which is not there, may be created.
    pub(crate) fn check_creation(&self, name: &str, asking: Asking) -> Result<(), GraphError> {
        limits::check_bytes("graph_name", name, self.names.limits.graph)?;
        self.names.rule.map_or(Ok(()), |rule| rule(name, asking)).map_err(GraphError::NotHere)
    }

    /// Every store has a `__commons__`, so it is its first content that is asked for, not its creation. One that a move or an
    /// operator gave to this store stays in use.
    pub(crate) fn may_fill_commons(&mut self, name: &Arc<str>, asking: Asking) -> Result<(), GraphError> {
        let is_asked =
            |working: &mut WorkingGraph| working.entry.migration_state.is_none() && !working.entry.is_given();
        if **name != *COMMONS || !self.working(name).is_some_and(is_asked) {
            return Ok(());
        }
        self.check_creation(name, asking)
    }

    /// The tenant of a graph that `tenant` asks for too.
    pub(crate) fn check_tenant(
        &mut self,
        name: &Arc<str>,
        tenant: Option<&str>,
    ) -> Result<Option<String>, GraphError> {
        let first = self.existing(name)?.entry.tenant.clone();
        match (first, tenant) {
            (Some(first), Some(other)) if first != other => Err(GraphError::TenantCollision {
                graph: name.to_string(),
                tenant: first,
                other: other.to_owned(),
            }),
            (first, tenant) => Ok(first.or_else(|| tenant.map(str::to_owned))),
        }
    }
}
