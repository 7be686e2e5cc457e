//! Which graph a command is about.

use clap::Args;
use epistemic_router::{ConfigError, default_graph, resolve_routing_graph};

/// A graph by its name, or that of a tenant.
#[derive(Args, Debug, Clone)]
pub(crate) struct GraphArgs {
    /// Exact name of the graph. Default: that of --tenant, else that of --default-graph.
    #[arg(short, long, value_name = "NAME")]
    graph: Option<String>,
    /// The graph of this tenant, found as clients find it.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    #[command(flatten)]
    base: BaseArgs,
}

/// The name that tenants' graphs are made of.
#[derive(Args, Debug, Clone)]
pub(crate) struct BaseArgs {
    /// The base name of graphs that clients use. Default: KG_DEFAULT_GRAPH, else __bus__.
    #[arg(long, value_name = "NAME")]
    default_graph: Option<String>,
}

impl GraphArgs {
    /// The graph of a tenant.
    ///
    /// # Errors
    /// Its id gives no name.
    pub(crate) fn of_tenant(tenant: &str, base: &BaseArgs) -> Result<String, ConfigError> {
        Self { graph: None, tenant: Some(tenant.to_owned()), base: base.clone() }.name()
    }

    /// Its exact name.
    ///
    /// # Errors
    /// The id of the tenant gives no name.
    pub(crate) fn name(&self) -> Result<String, ConfigError> {
        let default =
            self.base.default_graph.clone().unwrap_or_else(|| default_graph(|name| std::env::var(name).ok()));
        resolve_routing_graph(self.graph.as_deref(), self.tenant.as_deref(), &default)
    }

    /// Whether a graph or tenant was named.
    pub(crate) fn is_named(&self) -> bool {
        self.graph.is_some() || self.tenant.is_some()
    }

    /// The tenant that was named.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}
