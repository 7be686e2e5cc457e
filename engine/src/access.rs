//! Access control: who may do what with which graph (`docs/reference-protocol.md` section 9), and from when on the rules hold
//! ([`AccessMode`]).
//!
//! Nothing proves an `agent_id`: everyone with the shared secret can give any. The rules keep agents that tell the truth
//! apart; they do not stop one that lies.

use std::{collections::HashSet, fmt, sync::Arc};

use epistemic_protocol::ErrorCode;
use epistemic_protocol::placement::tenant_graph_name;
use epistemic_storage::{
    Durability, GraphStore, StoreError,
    graph::{Graph, GraphType, tenant_of},
    identities::{Identities, Identity, Role},
    snapshot::Header,
};
use parking_lot::RwLock;

use crate::config::AccessMode;

/// What is wanted of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Read,
    Write,
}

/// Who asks: the `agent_id` of a request. An empty one is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller<'a>(Option<&'a str>);

impl<'a> Caller<'a> {
    pub(crate) fn new(agent_id: Option<&'a str>) -> Self {
        Self(agent_id.filter(|agent| !agent.is_empty()))
    }

    pub(crate) fn is(self, agent: &str) -> bool {
        self.0 == Some(agent)
    }

    pub(crate) fn id(self) -> Option<&'a str> {
        self.0
    }
}

impl fmt::Display for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.unwrap_or("<anonymous>"))
    }
}

/// A refusal. The first text is the protocol's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denied {
    #[error(
        "{code}: agent '{agent}' lacks {need:?} access to graph '{graph}'",
        code = ErrorCode::AccessDenied
    )]
    Graph { agent: String, need: Need, graph: String },
    #[error("{code}: agent '{agent}' must name the graph to replace", code = ErrorCode::AccessDenied)]
    Nameless { agent: String },
    #[error(
        "{code}: agent '{agent}' may not act as '{other}'; only a System identity may",
        code = ErrorCode::AccessDenied
    )]
    Pretends { agent: String, other: String },
    #[error("{code}: agent '{agent}' is not a member of channel '{channel}'", code = ErrorCode::AccessDenied)]
    Outside { agent: String, channel: String },
    #[error(
        "{code}: agent '{agent}' may not use {method}; only a System identity may",
        code = ErrorCode::AccessDenied
    )]
    NotSystem { agent: String, method: &'static str },
    #[error(
        "{code}: only a System identity may register '{agent}' as System; the first one needs \
         --system-agent {agent} on the server",
        code = ErrorCode::AccessDenied
    )]
    NewSystem { agent: String },
    #[error(
        "{code}: only a System identity may change the System identity '{agent}'",
        code = ErrorCode::AccessDenied
    )]
    OldSystem { agent: String },
    #[error(
        "{code}: '{agent}' is System by --system-agent, which no request changes",
        code = ErrorCode::AccessDenied
    )]
    Configured { agent: String },
    #[error(
        "{code}: agent '{agent}' did not create channel '{channel}'; only its creator or a System identity may \
         close it",
        code = ErrorCode::AccessDenied
    )]
    NotCreator { agent: String, channel: String },
    #[error(
        "{code}: agent '{agent}' was not invited to channel '{channel}'; its creator may add it with JoinChannel",
        code = ErrorCode::AccessDenied
    )]
    NotInvited { agent: String, channel: String },
    #[error(
        "{code}: graph '{graph}' is of tenant '{tenant}', whom agent '{agent}' does not act for",
        code = ErrorCode::AccessDenied
    )]
    OtherTenant { agent: String, graph: String, tenant: String },
    #[error(
        "{code}: the snapshot of graph '{graph}' is owned by '{owner}'; agent '{agent}' may restore only its own",
        code = ErrorCode::AccessDenied
    )]
    ForeignOwner { agent: String, graph: String, owner: String },
}

/// What the rules hold for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Guard {
    /// Nothing.
    Off,
    /// Graphs that have an owner, and what only a `System` identity may: nobody could open anything else again.
    Owned,
    /// Everything.
    All,
}

/// The identities and what the operator said of them.
pub(crate) struct AccessControl {
    pub(crate) identities: Identities,
    mode: AccessMode,
    /// Names that are `System` whatever is registered.
    system_agents: HashSet<String>,
    /// Names that are so by their keys, which nobody else can give.
    trusted: RwLock<HashSet<String>>,
}

impl AccessControl {
    pub(crate) fn open(
        graphs: &Arc<GraphStore>,
        mode: AccessMode,
        system_agents: &[String],
        durability: Durability,
    ) -> Result<Self, StoreError> {
        let system_agents = system_agents.iter().filter(|agent| !agent.is_empty()).cloned().collect();
        let identities = Identities::open(Arc::clone(graphs), durability)?;
        Ok(Self { identities, mode, system_agents, trusted: RwLock::default() })
    }

    /// Makes these names, and no others, `System` by their keys.
    pub(crate) fn trust(&self, names: HashSet<String>) {
        *self.trusted.write() = names;
    }

    /// Tells the operator of what he may not expect.
    pub(crate) fn log(&self) {
        match self.guard() {
            Guard::All if self.a_system_agent().is_none() => tracing::warn!(
                "access control is on and nobody is System: --system-agent NAME lets NAME register and remove others"
            ),
            Guard::Owned => tracing::warn!(
                identities = self.identities.list().len(),
                "agents are registered and none is System: only graphs that have an owner are guarded (--access-control)"
            ),
            Guard::Off if self.identities.any() => {
                tracing::warn!("agents are registered, and --access-control off checks nothing")
            }
            Guard::All | Guard::Off => {}
        }
    }

    /// What the rules hold for now. Costs one load, two at most.
    pub(crate) fn guard(&self) -> Guard {
        match self.mode {
            AccessMode::On => Guard::All,
            AccessMode::Off => Guard::Off,
            AccessMode::FirstIdentity if self.identities.any() => Guard::All,
            AccessMode::Auto if self.identities.any_system() => Guard::All,
            AccessMode::Auto if self.identities.any() => Guard::Owned,
            AccessMode::FirstIdentity | AccessMode::Auto => Guard::Off,
        }
    }

    /// Whether there are rules at all.
    pub(crate) fn is_on(&self) -> bool {
        self.guard() != Guard::Off
    }

    /// Whether the rules hold for all graphs and channels.
    pub(crate) fn guards_all(&self) -> bool {
        self.guard() == Guard::All
    }

    /// Whether the rules hold for everything, and for this caller.
    pub(crate) fn binds(&self, caller: Caller<'_>) -> bool {
        self.guards_all() && !self.is_system(caller)
    }

    /// Whether what a caller may not use looks to him as if it were there, whether it is or not. The reference tells.
    pub(crate) fn hides(&self, caller: Caller<'_>) -> bool {
        self.mode == AccessMode::On && !self.is_system(caller)
    }

    /// Whether the caller may do this with the graph.
    pub(crate) fn may(&self, caller: Caller<'_>, need: Need, graph: &Graph) -> bool {
        let (kind, name, owner) = (graph.kind(), graph.name(), graph.owner());
        let owner = owner.as_deref();
        let is_guarded = match self.guard() {
            Guard::Off => false,
            Guard::Owned => owner.is_some_and(|owner| !owner.is_empty()),
            Guard::All => true,
        };
        !is_guarded
            || self.is_system(caller)
            || self.with(caller, |identity| allows(caller, identity, need, kind, name, owner))
    }

    /// Whether the caller is `System`: by configuration, or registered so.
    pub(crate) fn is_system(&self, caller: Caller<'_>) -> bool {
        caller
            .0
            .is_some_and(|agent| self.system_agents.contains(agent) || self.trusted.read().contains(agent))
            || self.with(caller, |identity| identity.is_some_and(Identity::is_system))
    }

    /// A name that is `System`, if there is any.
    pub(crate) fn a_system_agent(&self) -> Option<String> {
        let registered = || {
            let mut all = self.identities.list().into_iter();
            all.find(|(_, identity)| identity.is_system()).map(|(agent, _)| agent.into())
        };
        self.system_agents.iter().min().cloned().or_else(registered)
    }

    /// Whether the name is `System` by configuration.
    pub(crate) fn is_configured(&self, agent: &str) -> bool {
        self.system_agents.contains(agent)
    }

    /// Whether the caller may register `agent` as `role`.
    pub(crate) fn may_register(&self, caller: Caller<'_>, agent: &str, role: &Role) -> Result<(), Denied> {
        let (new, configured) = (*role == Role::System, self.is_configured(agent));
        if configured && !new {
            return Err(Denied::Configured { agent: agent.to_owned() });
        }
        if self.is_system(caller) {
            return Ok(());
        }
        if new && !configured {
            return Err(Denied::NewSystem { agent: agent.to_owned() });
        }
        if !configured && self.is_system(Caller(Some(agent))) {
            return Err(Denied::OldSystem { agent: agent.to_owned() });
        }
        if self.registering_needs_system() {
            return Err(Denied::NotSystem { agent: caller.to_string(), method: "RegisterIdentity" });
        }
        Ok(())
    }

    /// Whether the caller may make a graph of this name and type that `claimed_by` claims. A graph of a tenant ([`tenant_of`])
    /// is for agents of that name or in a team of that name, and not of a type that everybody uses.
    pub(crate) fn may_create(
        &self,
        caller: Caller<'_>,
        name: &str,
        kind: GraphType,
        claimed_by: Option<&str>,
    ) -> Result<(), Denied> {
        if !self.binds(caller) {
            return Ok(());
        }
        let denied = |tenant: &str| {
            let (graph, tenant) = (name.to_owned(), tenant.to_owned());
            Err(Denied::OtherTenant { agent: caller.to_string(), graph, tenant })
        };
        let is_private = matches!(kind, GraphType::Agent | GraphType::Team);
        let in_name = tenant_of(None, name, None);
        if let Some(tenant) = in_name
            && !(is_private && self.is_any(caller, |own| names(name, own)))
        {
            return denied(tenant);
        }
        let is_named = |tenant: &str| in_name.is_some() && leads_to(tenant, name);
        match claimed_by {
            Some(tenant) if !is_named(tenant) && !self.is_any(caller, |own| own == tenant) => denied(tenant),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the caller's name or one of its teams is one that `fits`.
    fn is_any(&self, caller: Caller<'_>, fits: impl Fn(&str) -> bool) -> bool {
        let in_team = |identity: &Identity| identity.teams.iter().any(|team| fits(team));
        caller.0.is_some_and(&fits) || self.with(caller, |identity| identity.is_some_and(in_team))
    }

    /// Whether the caller may restore a graph whose snapshot says whose it is. `there` is the graph that it replaces.
    pub(crate) fn may_restore(
        &self,
        caller: Caller<'_>,
        name: &str,
        header: &Header,
        there: Option<&Graph>,
    ) -> Result<(), Denied> {
        if !self.binds(caller) {
            return Ok(());
        }
        let owner = header.owner.as_deref().filter(|owner| !owner.is_empty());
        if let Some(owner) = owner
            && !caller.is(owner)
            && there.and_then(Graph::owner).as_deref() != Some(owner)
        {
            let (agent, graph, owner) = (caller.to_string(), name.to_owned(), owner.to_owned());
            return Err(Denied::ForeignOwner { agent, graph, owner });
        }
        // Under another name it is a copy, which no tenant has claimed.
        let claimed_by = header.tenant.as_deref().filter(|_| name == header.graph);
        let stays = there.is_some_and(|graph| {
            graph.kind() == header.kind && (claimed_by.is_none() || graph.tenant() == claimed_by)
        });
        if stays { Ok(()) } else { self.may_create(caller, name, header.kind, claimed_by) }
    }

    /// In the mode of the reference everybody registers, for as long as there is nobody who could do it for him.
    fn registering_needs_system(&self) -> bool {
        let someone_can = || !self.system_agents.is_empty() || self.identities.any_system();
        self.guards_all() && (self.mode != AccessMode::FirstIdentity || someone_can())
    }

    fn with<T>(&self, caller: Caller<'_>, look: impl FnOnce(Option<&Identity>) -> T) -> T {
        match caller.0 {
            Some(agent) => self.identities.with(agent, look),
            None => look(None),
        }
    }
}

/// Whether a graph's name, `tenant__TENANT__BASE` as clients make it, may be one of this tenant.
fn names(graph: &str, tenant: &str) -> bool {
    let behind = graph.strip_prefix("tenant__").and_then(|rest| rest.strip_prefix(tenant));
    !tenant.is_empty() && behind.is_some_and(|rest| rest.starts_with("__"))
}

/// Whether clients make a name like this for graphs of the tenant.
fn leads_to(tenant: &str, graph: &str) -> bool {
    tenant_graph_name(Some(tenant), "").is_ok_and(|prefix| graph.starts_with(&prefix))
}

/// The table of `docs/reference-protocol.md` section 9.
fn allows(
    caller: Caller<'_>,
    identity: Option<&Identity>,
    need: Need,
    kind: GraphType,
    name: &str,
    owner: Option<&str>,
) -> bool {
    let role = identity.map(|identity| &identity.role);
    if role == Some(&Role::System) {
        return true;
    }
    match kind {
        GraphType::Commons => true,
        GraphType::Global => need == Need::Read,
        GraphType::Agent => {
            let manages = |owner: &str| match role {
                Some(Role::Manager { subordinates }) => subordinates.iter().any(|agent| agent == owner),
                Some(Role::System | Role::Agent) | None => false,
            };
            owner.is_some_and(|owner| !owner.is_empty() && (caller.is(owner) || manages(owner)))
        }
        GraphType::Team => {
            let team = name.strip_prefix("team:").unwrap_or(name);
            let writes = matches!(role, Some(Role::Manager { .. }));
            let belongs = identity.is_some_and(|identity| identity.teams.iter().any(|mine| mine == team));
            belongs && (need == Need::Read || writes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(role: Role, team: &str) -> Identity {
        Identity::new(role, vec![team.to_owned()])
    }

    fn manager_of(agent: &str) -> Role {
        Role::Manager { subordinates: vec![agent.to_owned()] }
    }

    /// What an agent may do with a graph of each type that `o` owns: `-`, `r` or `rw`.
    fn row(agent: Option<&str>, identity: Option<&Identity>, name: &str) -> Vec<&'static str> {
        let caller = Caller::new(agent);
        [GraphType::Agent, GraphType::Team, GraphType::Global, GraphType::Commons]
            .map(|kind| {
                let may = |need| allows(caller, identity, need, kind, name, Some("o"));
                match (may(Need::Read), may(Need::Write)) {
                    (false, false) => "-",
                    (true, false) => "r",
                    (true, true) => "rw",
                    (false, true) => "w",
                }
            })
            .into()
    }

    #[test]
    fn the_table() {
        for (agent, identity, expected) in [
            (None, None, ["-", "-", "r", "rw"]),
            (Some(""), None, ["-", "-", "r", "rw"]),
            (Some("x"), None, ["-", "-", "r", "rw"]),
            (Some("x"), Some(identity(Role::Agent, "other")), ["-", "-", "r", "rw"]),
            (Some("o"), None, ["rw", "-", "r", "rw"]),
            (Some("o"), Some(identity(Role::Agent, "other")), ["rw", "-", "r", "rw"]),
            (Some("x"), Some(identity(Role::Agent, "t")), ["-", "r", "r", "rw"]),
            (Some("x"), Some(identity(manager_of("y"), "t")), ["-", "rw", "r", "rw"]),
            (Some("x"), Some(identity(manager_of("o"), "other")), ["rw", "-", "r", "rw"]),
            (Some("x"), Some(identity(Role::System, "other")), ["rw", "rw", "rw", "rw"]),
        ] {
            for name in ["t", "team:t"] {
                assert_eq!(row(agent, identity.as_ref(), name), expected, "{agent:?} {identity:?} {name}");
            }
        }
    }

    #[test]
    fn a_team_is_named_without_the_prefix() {
        let prefixed = identity(Role::Agent, "team:t");
        assert_eq!(row(Some("x"), Some(&prefixed), "team:t")[1], "-");
        assert_eq!(row(Some("x"), Some(&prefixed), "team:team:t")[1], "r");
    }

    #[test]
    fn nobody_owns_for_the_anonymous() {
        let manager = identity(manager_of(""), "t");
        for owner in [None, Some("")] {
            for (agent, identity) in [(None, None), (Some(""), None), (Some("x"), Some(&manager))] {
                let caller = Caller::new(agent);
                assert!(
                    !allows(caller, identity, Need::Read, GraphType::Agent, "g", owner),
                    "{agent:?} {owner:?}"
                );
            }
        }
    }
}
