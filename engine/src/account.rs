//! On whose account a request is served: the units of fairness.
//!
//! Tenants take turns, not connections or names of graphs, which anybody can have as many of as he likes. Within one tenant
//! its graphs take turns.

use std::sync::Arc;

use epistemic_storage::graph::{Graph, tenant_of};

const OWN: &str = "server";

/// A tenant, and one of its graphs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    /// With the kind in front: `tenant acme`, `agent bob`, `peer 10.0.0.7`.
    pub(crate) tenant: Arc<str>,
    pub(crate) graph: Arc<str>,
}

/// Who sends requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) agent: Option<&'a str>,
    /// Where the connection comes from: its origin.
    pub(crate) peer: &'a str,
}

impl Account {
    /// That of whose graph it is ([`tenant_of`]). For a graph that is nobody's it is the sender's.
    pub(crate) fn of(name: &Arc<str>, graph: Option<&Graph>, sender: Sender<'_>) -> Self {
        let named = |tenant: Option<&str>| match (tenant, sender.agent) {
            (Some(tenant), _) => format!("tenant {tenant}"),
            (None, Some(agent)) if !agent.is_empty() => format!("agent {agent}"),
            (None, _) => format!("peer {}", sender.peer),
        };
        let tenant = match graph {
            Some(graph) => graph.with_tenant(named),
            None => named(tenant_of(None, name, None)),
        };
        Self { tenant: tenant.into(), graph: Arc::clone(name) }
    }

    /// That of the server itself, whose work has no deadline.
    pub(crate) fn own(work: &str) -> Self {
        Self { tenant: OWN.into(), graph: work.into() }
    }

    /// Whether it is the server's.
    pub(crate) fn is_own(&self) -> bool {
        &*self.tenant == OWN
    }
}

#[cfg(test)]
mod tests {
    use epistemic_storage::{
        GraphStore, MemoryStore,
        graph::{GraphType, Op},
    };

    use super::*;

    #[test]
    fn a_graph_that_is_nobodys_is_on_its_senders_account() {
        let graphs = GraphStore::open(MemoryStore::new()).unwrap();
        let create = |name: &str, owner: Option<&str>| {
            let owner = owner.map(str::to_owned);
            graphs.write(name, Op::Create { kind: GraphType::Agent, owner, tenant: None }).unwrap();
            graphs.graph(name).unwrap()
        };
        let sender = Sender { agent: Some("me"), peer: "10.0.0.7" };
        let of = |graph: &Graph, sender| Account::of(graph.name(), Some(graph), sender).tenant;
        assert_eq!(&*of(&create("y", Some("bob")), sender), "tenant bob");
        let nobodys = create("z", None);
        assert_eq!(&*of(&nobodys, sender), "agent me");
        assert_eq!(&*of(&nobodys, Sender { agent: Some(""), ..sender }), "peer 10.0.0.7");
        assert_eq!(&*of(&nobodys, Sender { agent: None, ..sender }), "peer 10.0.0.7");
        // One that is on its way.
        assert_eq!(&*Account::of(&"tenant__acme__new".into(), None, sender).tenant, "tenant acme");
    }
}
