//! Who becomes a `System` identity.

use anyhow::Result;
use epistemic_tests::ServerProcess;

use crate::{guarded, manager_of, register};

fn refusal(agent: &str) -> String {
    format!(
        "ACCESS_DENIED: only a System identity may register '{agent}' as System; the first one needs \
         --system-agent {agent} on the server"
    )
}

#[test]
fn nobody_appoints_himself() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    for agent in ["", "x"] {
        let mut client = server.client()?.acting_as(agent);
        assert_eq!(register(&mut client, "x", "System".into(), &[])?, Err(refusal("x")), "as {agent:?}");
    }
    let mut client = server.client()?.acting_as("x");
    assert_eq!(register(&mut client, "x", "Agent".into(), &[])?, Ok("registered".into()));
    assert_eq!(register(&mut client, "x", "System".into(), &[])?, Err(refusal("x")), "once registered");
    Ok(())
}

#[test]
fn the_operator_names_the_first_ones() -> Result<()> {
    let server = ServerProcess::ours().in_memory().env("GRAPH_SERVICE_SYSTEM_AGENTS", "a,b").start()?;
    let mut client = server.client()?;
    assert_eq!(register(&mut client, "b", "System".into(), &[])?, Ok("registered".into()));
    assert_eq!(register(&mut client, "c", "System".into(), &[])?, Err(refusal("c")));
    Ok(())
}

#[test]
fn a_system_identity_appoints_others_and_is_changed_by_none_else() -> Result<()> {
    let server = guarded()?;
    let mut system = server.client()?.acting_as("s");
    assert_eq!(register(&mut system, "deputy", "System".into(), &[])?, Ok("registered".into()));
    let mut stranger = server.client()?.acting_as("x");
    let changed = register(&mut stranger, "deputy", manager_of(&[]), &[])?;
    let denied = "ACCESS_DENIED: only a System identity may change the System identity 'deputy'";
    assert_eq!(changed, Err(denied.into()));
    assert_eq!(register(&mut stranger, "deputy", "System".into(), &[])?, Err(refusal("deputy")));
    let mut deputy = server.client()?.acting_as("deputy");
    assert_eq!(register(&mut deputy, "deputy", "Agent".into(), &[])?, Ok("registered".into()));
    assert_eq!(register(&mut deputy, "deputy", "System".into(), &[])?, Err(refusal("deputy")));
    Ok(())
}

/// Without the operator's flag on the second start: what is registered stays so.
#[test]
fn it_stays_system_after_a_restart() -> Result<()> {
    let builder = ServerProcess::ours();
    let server = builder.clone().arg("--system-agent").arg("s").start()?;
    assert_eq!(register(&mut server.client()?, "s", "System".into(), &[])?, Ok("registered".into()));
    drop(server);
    let server = builder.start()?;
    assert_eq!(register(&mut server.client()?, "x", "System".into(), &[])?, Err(refusal("x")));
    let mut system = server.client()?.acting_as("s");
    assert_eq!(register(&mut system, "x", "System".into(), &[])?, Ok("registered".into()));
    Ok(())
}
