//! Where tenants and graphs go.

use epistemic_router::{ConfigError, resolve_routing_graph};

use super::Gateway;

/// The way of a name.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) graph: String,
    /// The name that places the graph, when a group of graphs lives together.
    pub(super) anchor: Option<String>,
    /// The graph's name does not hold the tenant's id as written: other ids lead to it too.
    pub(super) rewritten: bool,
}

impl Gateway {
    /// The graph of this name, or else of this tenant; asks no shard.
    ///
    /// # Errors
    /// No graph has such a name.
    pub(super) fn way(&self, explicit: Option<&str>, tenant: Option<&str>) -> Result<Way, ConfigError> {
        let graph = resolve_routing_graph(explicit, tenant, &self.default_graph)?;
        let written = |tenant: &str| graph == format!("tenant__{tenant}__{}", self.default_graph);
        let anchor = self.placement.anchor(&graph);
        Ok(Way {
            anchor: (anchor != graph).then(|| anchor.to_owned()),
            rewritten: tenant.is_some_and(|tenant| !tenant.is_empty() && !written(tenant)),
            graph,
        })
    }
}
