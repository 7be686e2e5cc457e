//! Access control: who may do what with which graph (wire.md section 9). Off until the first registration ever.
//!
//! Nothing proves an `agent_id`: everyone with the shared secret can give any. The rules keep agents that tell the truth
//! apart; they do not stop one that lies.

use std::{collections::HashSet, fmt};

use epistemic_storage::{
    Durability, GraphStore, Identities, StoreError,
    graph::{Graph, GraphType},
    identities::{Identity, Role},
};

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
    #[error("ACCESS_DENIED: agent '{agent}' lacks {need:?} access to graph '{graph}'")]
    Graph { agent: String, need: Need, graph: String },
    #[error("ACCESS_DENIED: agent '{agent}' must name the graph to replace")]
    Nameless { agent: String },
    #[error("ACCESS_DENIED: agent '{agent}' may not act as '{other}'; only a System identity may")]
    Pretends { agent: String, other: String },
    #[error("ACCESS_DENIED: agent '{agent}' is not a member of channel '{channel}'")]
    Outside { agent: String, channel: String },
    #[error("ACCESS_DENIED: agent '{agent}' may not use {method}; only a System identity may")]
    NotSystem { agent: String, method: &'static str },
    #[error(
        "ACCESS_DENIED: only a System identity may register '{agent}' as System; the first one needs \
         --system-agent {agent} on the server"
    )]
    NewSystem { agent: String },
    #[error("ACCESS_DENIED: only a System identity may change the System identity '{agent}'")]
    OldSystem { agent: String },
}

/// The identities and what the operator said of them.
pub(crate) struct AccessControl {
    pub(crate) identities: Identities,
    /// Names that anyone may register as `System`.
    system_agents: HashSet<String>,
}

impl AccessControl {
    pub(crate) fn open(
        graphs: &GraphStore,
        system_agents: &[String],
        durability: Durability,
    ) -> Result<Self, StoreError> {
        let system_agents = system_agents.iter().cloned().collect();
        Ok(Self { identities: Identities::open(graphs, durability)?, system_agents })
    }

    /// Whether there are rules at all. Costs one load.
    pub(crate) fn is_on(&self) -> bool {
        self.identities.any()
    }

    /// Whether the caller may do this with the graph.
    pub(crate) fn may(&self, caller: Caller<'_>, need: Need, graph: &Graph) -> bool {
        if !self.is_on() {
            return true;
        }
        let (kind, name, owner) = (graph.kind(), graph.name(), graph.owner());
        self.with(caller, |identity| allows(caller, identity, need, kind, name, owner))
    }

    /// Whether the caller is registered as `System`.
    pub(crate) fn is_system(&self, caller: Caller<'_>) -> bool {
        self.with(caller, |identity| identity.is_some_and(|identity| identity.role == Role::System))
    }

    /// Whether the caller may register `agent` as `role`.
    pub(crate) fn may_register(&self, caller: Caller<'_>, agent: &str, role: &Role) -> Result<(), Denied> {
        let old = self.is_system(Caller(Some(agent)));
        let new = *role == Role::System;
        if !(old || new) || self.is_system(caller) || self.system_agents.contains(agent) {
            return Ok(());
        }
        let agent = agent.to_owned();
        Err(if new { Denied::NewSystem { agent } } else { Denied::OldSystem { agent } })
    }

    fn with<T>(&self, caller: Caller<'_>, look: impl FnOnce(Option<&Identity>) -> T) -> T {
        match caller.0 {
            Some(agent) => self.identities.with(agent, look),
            None => look(None),
        }
    }
}

/// The table of wire.md section 9.
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
