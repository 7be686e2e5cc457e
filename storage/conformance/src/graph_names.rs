//! Who may take a name.

use epistemic_storage::{
    GraphStore,
    graph::{Asking, COMMONS, GraphError, GraphType, MoveOp, Op, Rename},
};

use super::{
    fixture::{add_node, counts, create},
    graph_moves::{admit, arrive, step},
};

pub(super) fn rule(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "old b")?;
    graphs.set_creation_policy(Box::new(|name, _| {
        if name.starts_with('a') { Ok(()) } else { Err(format!("no {name:?} here")) }
    }));
    let refused = |name: &str| Err(GraphError::NotHere(format!("no {name:?} here")));
    create(graphs, "a")?;
    assert_eq!(create(graphs, "b"), refused("b"));
    let copy = || Ok::<_, GraphError>(graphs.fork(&*graphs.graph("a")?)?);
    for replace in [false, true] {
        assert_eq!(graphs.install("b", copy()?, GraphType::Agent, None, replace), refused("b"));
    }
    let check_creation = |name: &str| graphs.check_creation(name, Asking::Client);
    assert_eq!((check_creation("a2"), check_creation("b")), (Ok(()), refused("b")));
    // What is there stays in use, and goes for good.
    graphs.write("old b", add_node("n", b""))?;
    graphs.install("old b", copy()?, GraphType::Agent, None, true)?;
    assert_eq!((check_creation("old b"), check_creation(COMMONS)), (Ok(()), refused(COMMONS)));
    graphs.write("old b", Op::Clear)?;
    assert_eq!(counts(graphs, "old b")?, (0, 0));
    graphs.write("old b", Op::Delete)?;
    assert_eq!(create(graphs, "old b"), refused("old b"));
    assert_eq!(graphs.graph_count(), 2);
    // A graph that moves goes where the operator says, one that is restored where the rule says.
    step(graphs, "b", arrive("m1"))?;
    step(graphs, "b", admit("m1", 0))?;
    assert_eq!(step(graphs, "b2", arrive("restore-1")), refused("b2"));
    let admit_as = |name: &str, rename: Option<&str>| {
        let rename = rename.map(|name| Rename { name: name.into(), replace: true });
        let (move_id, copy, sequence, epoch) = ("restore-2".into(), None, 0, None);
        step(graphs, name, MoveOp::Admit { move_id, copy, sequence, epoch, rename })
    };
    step(graphs, "restore-x", arrive("restore-2"))?;
    assert_eq!(admit_as("restore-x", None), refused("restore-x"));
    assert_eq!(admit_as("restore-x", Some("b2")), refused("b2"));
    admit_as("restore-x", Some("b"))
}

pub(super) fn claims(graphs: &GraphStore) -> Result<(), GraphError> {
    let claim = |name: &str, tenant: Option<&str>| {
        let tenant = tenant.map(str::to_owned);
        graphs.write(name, Op::Create { kind: GraphType::Agent, owner: None, tenant }).map(drop)
    };
    let tenant = |name: &str| graphs.graph(name).map(|graph| graph.tenant().map(str::to_owned));
    let collision = |tenant: &str, other: &str| {
        Err(GraphError::TenantCollision { graph: "g".into(), tenant: tenant.into(), other: other.into() })
    };
    claim("g", Some("A B"))?;
    for same in [Some("A B"), None] {
        assert_eq!(claim("g", same), Err(GraphError::GraphExists("g".into())));
    }
    assert_eq!(claim("g", Some("a_b")), collision("A B", "a_b"));
    graphs.write("g", Op::Clear)?;
    assert_eq!(tenant("g")?.as_deref(), Some("A B"));

    // Loaded graphs: a claim stays, a first one is taken, another is refused.
    create(graphs, "plain")?;
    let loaded = |tenant: Option<&str>| {
        let mut loaded = graphs.fork(&*graphs.graph("plain")?)?;
        loaded.set_tenant(tenant.map(str::to_owned));
        Ok::<_, GraphError>(loaded)
    };
    graphs.install("g", loaded(None)?, GraphType::Agent, None, true)?;
    assert_eq!(tenant("g")?.as_deref(), Some("A B"));
    let other = graphs.install("g", loaded(Some("a_b"))?, GraphType::Agent, None, true);
    assert_eq!(other, collision("A B", "a_b"));
    graphs.install("plain", loaded(Some("C"))?, GraphType::Agent, None, true)?;
    assert_eq!(tenant("plain")?.as_deref(), Some("C"));

    graphs.write("g", Op::Delete)?;
    claim("g", Some("a_b"))?;
    assert_eq!(tenant("g")?.as_deref(), Some("a_b"));
    Ok(())
}
