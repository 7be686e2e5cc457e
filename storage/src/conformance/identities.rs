//! Registered agents.

use crate::{
    error::StoreError,
    graph::{GraphError, GraphStore},
    identities::{Identities, Identity, Role},
    store::Durability,
};

pub(super) fn register(graphs: &GraphStore) -> Result<(), GraphError> {
    let identities = Identities::open(graphs)?;
    assert!(!identities.any() && identities.list().is_empty());
    let register = |agent: &str, role: Role, teams: &[&str]| {
        let teams = teams.iter().map(|&team| team.to_owned()).collect();
        let identity = Identity::new(role, teams);
        identities.register(graphs, agent, identity, Durability::Sync, || Ok::<_, StoreError>(()))
    };
    let refused = identities.register(
        graphs,
        "s",
        Identity::new(Role::System, Vec::new()),
        Durability::Sync,
        || Err(StoreError::ReadOnly),
    );
    assert_eq!(refused, Err(StoreError::ReadOnly));
    assert!(!identities.any() && !Identities::open(graphs)?.any(), "a refused one is not there");
    register("", Role::Agent, &[])?;
    register("m\0", Role::Manager { subordinates: vec!["a".into(), String::new()] }, &["t", "u"])?;
    register("a", Role::System, &[])?;
    register("a", Role::Agent, &["t"])?;
    let again = Identities::open(graphs)?;
    assert!(identities.any() && again.any());
    assert_eq!(again.list(), identities.list());
    let agents: Vec<_> = again.list().iter().map(|(agent, _)| agent.to_string()).collect();
    assert_eq!(agents, ["", "a", "m\0"]);
    let of = |agent: &str| again.with(agent, |found| found.map(|found| (found.role.clone(), found.teams.len())));
    assert_eq!(of("a"), Some((Role::Agent, 1)), "the newest registration counts");
    assert_eq!(of("m\0").map(|(_, teams)| teams), Some(2));
    assert_eq!(of("m"), None);
    Ok(())
}
