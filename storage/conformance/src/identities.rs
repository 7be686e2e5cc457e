//! Registered agents.

use epistemic_storage::{
    Durability, GraphStore, StoreError,
    graph::GraphError,
    identities::{Identities, Identity, Role},
    limits::{MAX_NAME_BYTES, MAX_RELATIONS},
};

fn open(graphs: &GraphStore) -> Result<Identities<&GraphStore>, StoreError> {
    Identities::open(graphs, Durability::Sync)
}

pub(super) fn register(graphs: &GraphStore) -> Result<(), GraphError> {
    let identities = open(graphs)?;
    assert!(!identities.any() && identities.list().is_empty());
    let register = |agent: &str, role: Role, teams: &[&str]| {
        let teams = teams.iter().map(|&team| team.to_owned()).collect();
        let identity = Identity::new(role, teams);
        identities.register(agent, identity, || Ok::<_, GraphError>(()))
    };
    let refused = identities
        .register("s", Identity::new(Role::System, Vec::new()), || Err(GraphError::CannotDeleteCommons));
    assert_eq!(refused, Err(GraphError::CannotDeleteCommons));
    assert!(!identities.any() && !open(graphs)?.any(), "a refused one is not there");
    register("", Role::Agent, &[])?;
    register("m\0", Role::Manager { subordinates: vec!["a".into(), String::new()] }, &["t", "u"])?;
    register("a", Role::System, &[])?;
    register("a", Role::Agent, &["t"])?;
    let again = open(graphs)?;
    assert!(identities.any() && again.any());
    assert_eq!(again.list(), identities.list());
    let agents: Vec<_> = again.list().iter().map(|(agent, _)| agent.to_string()).collect();
    assert_eq!(agents, ["", "a", "m\0"]);
    let of =
        |agent: &str| again.with(agent, |found| found.map(|found| (found.role.clone(), found.teams.len())));
    assert_eq!(of("a"), Some((Role::Agent, 1)), "the newest registration counts");
    assert_eq!(of("m\0").map(|(_, teams)| teams), Some(2));
    assert_eq!(of("m"), None);
    let (long, many) = ("n".repeat(MAX_NAME_BYTES + 1), vec![String::new(); MAX_RELATIONS + 1]);
    for result in [
        register(&long, Role::Agent, &[]),
        register("a", Role::Agent, &[&long]),
        register("a", Role::Agent, &vec![""; MAX_RELATIONS + 1]),
        register("a", Role::Manager { subordinates: vec![long.clone()] }, &[]),
        register("a", Role::Manager { subordinates: many }, &[]),
    ] {
        assert!(matches!(result, Err(GraphError::Limit(_))), "{result:?}");
    }
    // Nor as many teams in each of as many identities.
    let large: Vec<String> = (0..4000).map(|number| format!("{number:0>MAX_NAME_BYTES$}")).collect();
    let large: Vec<&str> = large.iter().map(String::as_str).collect();
    register("1", Role::Agent, &large)?;
    register("2", Role::Agent, &large)?;
    for identities in [&identities, &open(graphs)?] {
        let agent = Identity::new(Role::Agent, large.iter().map(|&team| team.to_owned()).collect());
        let refused = identities.register("3", agent, || Ok::<_, GraphError>(()));
        let text = "bytes of names in identities, 67108864 are the most";
        assert!(refused.as_ref().is_err_and(|error| error.to_string().contains(text)), "{refused:?}");
    }
    register("2", Role::Agent, &large)?;
    register("2", Role::Agent, &[])?;
    register("3", Role::Agent, &large)?;
    for agent in ["1", "2", "3"] {
        assert_eq!(identities.unregister(agent), Ok(true));
    }
    assert_eq!(open(graphs)?.list(), again.list(), "nothing has changed");
    assert!(!identities.any_system());
    register("s", Role::System, &[])?;
    assert!(identities.any_system() && open(graphs)?.any_system());
    assert_eq!(identities.unregister("nobody"), Ok(false));
    for agent in ["s", "", "a", "m\0"] {
        assert!(identities.any());
        assert_eq!(identities.unregister(agent), Ok(true), "{agent:?}");
        assert_eq!(open(graphs)?.list(), identities.list(), "{agent:?}");
    }
    assert!(!identities.any() && !identities.any_system() && !open(graphs)?.any());
    Ok(())
}
