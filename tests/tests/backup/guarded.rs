//! Access control and places.

use anyhow::{Context, Result};
use epistemic_tests::wire::params;
use epistemic_tests::{ServerProcess, Value};
use tempfile::TempDir;

use super::{egctl, fails, json, text};

/// Variables for `egctl`.
type Env = Vec<(String, String)>;

/// A server with a private graph of `alice`, and the environment and endpoint for `egctl`.
fn guarded() -> Result<(ServerProcess, Env, String)> {
    let server = ServerProcess::ours().arg("--system-agent").arg("ops").start()?;
    let mut alice = server.client()?.acting_as("alice");
    alice.create_graph("private")?;
    alice.add_node("private", "secret", b"\x80")?;
    let mut ops = server.client()?.acting_as("ops");
    for (agent, role) in [("ops", "System"), ("alice", "Agent")] {
        let fields = [
            ("agent_id", agent.into()),
            ("role", role.into()),
            ("teams", Value::Array(Vec::new())),
            ("signature", "".into()),
        ];
        ops.call("", "RegisterIdentity", params(fields))?;
    }
    let env = vec![("GRAPH_SERVICE_AUTH_SECRET".to_owned(), server.secret().to_owned())];
    let endpoint = format!("unix://{}", server.socket().display());
    Ok((server, env, endpoint))
}

#[test]
fn hidden_graphs_are_an_error_and_a_guarded_store_does_not_start_open() -> Result<()> {
    let ((_server, env, endpoint), home) = (guarded()?, TempDir::new()?);
    let url = home.path().join("backup");
    let create = ["backup", "create", "--to", text(&url), "--endpoint", &endpoint];
    for who in [&[][..], &["--agent-id", "alice"]] {
        let said = fails(&env, 4, &[&create[..], who].concat());
        assert!(said.contains("GRAPHS_HIDDEN") && said.contains("--agent-id"), "{said}");
    }
    assert_eq!(json(&env, &["backup", "list", "--from", text(&url)])?["runs"], serde_json::json!([]));
    let created = json(&env, &[&create[..], &["--agent-id", "ops"]].concat())?;
    assert_eq!((&created["identities"], created["graphs"].as_array().map(Vec::len)), (&2.into(), Some(2)));

    let dir = |name: &str| -> Result<_> {
        let dir = home.path().join(name);
        fs_err::create_dir(&dir)?;
        Ok(dir)
    };
    let (whole, single) = (dir("whole")?, dir("single")?);
    let restore = ["backup", "restore", "--from", text(&url), "--to-dir"];
    let one = [&restore[..], &[text(&single), "--graph", "private"]].concat();
    assert!(fails(&env, 4, &one).contains("--with-identities"));
    json(&env, &[&one[..], &["--open"]].concat())?;

    json(&env, &[&restore[..], &[text(&whole)]].concat())?;
    let restored = ServerProcess::ours().persist_dir(&whole).start()?;
    let denied = restored.client()?.acting_as("mallory").call("private", "NodeIds", None);
    let denied = denied.err().context("mallory reads what is private")?;
    assert!(denied.to_string().contains("ACCESS_DENIED"), "{denied}");
    restored.client()?.acting_as("alice").call("private", "NodeIds", None)?;
    Ok(())
}

#[test]
fn a_restored_name_goes_to_the_shard_that_owns_it() -> Result<()> {
    let builders: Vec<_> = (0..2).map(|_| ServerProcess::ours().in_memory()).collect();
    let endpoints: Vec<String> =
        builders.iter().map(|builder| format!("unix://{}", builder.socket().display())).collect();
    let list = endpoints.join(",");
    let servers = builders
        .into_iter()
        .zip(&endpoints)
        .map(|(builder, own)| builder.arg("--advertise").arg(own).arg("--endpoints").arg(&list).start());
    let servers = servers.collect::<Result<Vec<_>>>()?;
    let env = vec![("GRAPH_SERVICE_AUTH_SECRET".to_owned(), servers[0].secret().to_owned())];
    let home = TempDir::new()?;
    let url = text(home.path());
    let owned =
        |at: usize, name: &str| -> Result<bool> { Ok(servers[at].client()?.create_graph(name).is_ok()) };
    let mine = (0..).map(|n| format!("g{n}")).find(|name| owned(0, name).unwrap_or(false));
    let mine = mine.context("a name that shard 0 owns")?;
    json(&env, &["backup", "create", "--to", url, "--endpoint", &endpoints[0]])?;
    let route = |name: &str| -> Result<bool> {
        let output = egctl(&env, &["route", "--graph", name, "--endpoints", &list])?;
        Ok(String::from_utf8_lossy(&output.stdout).contains(&endpoints[1]))
    };
    let foreign = (0..).map(|n| format!("copy{n}")).find(|name| route(name).unwrap_or(false));
    let foreign = foreign.context("a name that shard 1 owns")?;
    let restore = ["backup", "restore", "--from", url, "--graph", &mine, "--as", &foreign, "--endpoint"];
    let said = fails(&env, 1, &[&restore[..], &[&endpoints[0]]].concat());
    assert!(said.contains("WRONG_SHARD"), "{said}");
    json(&env, &[&restore[..], &[&endpoints[1]]].concat())?;
    Ok(())
}
