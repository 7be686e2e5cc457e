//! `egctl keys`, and a server that takes what it writes.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{Client, Egctl, ServerProcess};
use serde_json::Value;

use crate::{create, server};

fn egctl(folder: &Path, args: &[&str]) -> Result<Output> {
    let mut command = Egctl::new().command(["keys"])?;
    Ok(command.args(args).arg("--keys-file").arg(folder.join("keys.toml")).output()?)
}

fn json(folder: &Path, args: &[&str]) -> Result<Value> {
    let output = egctl(folder, &[args, &["--json"]].concat())?;
    ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn connects(server: &ServerProcess, agent: &str, secret: &str) -> Result<bool> {
    let mut client = Client::connect(&server.unix_endpoint(), secret)?.acting_as(agent);
    Ok(client.call("", "Ping", None).is_ok())
}

#[test]
fn keys_are_added_listed_derived_and_retired() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let server = server(dir, "# ours\n")?.start()?;
    let added = json(dir, &["add", "acme", "--role", "owner", "--graphs", "tenant__acme__*"])?;
    ensure!(added.get("secret").is_none(), "{added}");
    let out = dir.join("bob.secret");
    let out = out.to_str().context("a path")?;
    let shown = json(
        dir,
        &["add", "bob", "--role", "reader", "--graphs", "b*", "--secret-out", out, "--show-secret"],
    )?;
    let secret = fs_err::read_to_string(out)?;
    let secret = secret.trim_end();
    ensure!(shown["secret"] == secret && secret.len() == 64, "{shown}");
    json(dir, &["add", "tenant:", "--derived", "--role", "owner", "--graphs", "tenant__{tenant}__*"])?;
    let text = fs_err::read_to_string(dir.join("keys.toml"))?;
    ensure!(text.starts_with("# ours"), "{text}");
    let made = json(dir, &["derive", "--tenant", "zeta"])?;
    let (agent, derived) =
        (made["agent_id"].as_str().context("an id")?, made["secret"].as_str().context("a secret")?);
    let listed = egctl(dir, &["list"])?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    ensure!(listed.contains("acme") && listed.contains("tenant:") && !listed.contains(secret), "{listed}");
    poll(Duration::from_secs(60), Duration::from_millis(50), || {
        Ok::<_, anyhow::Error>(connects(&server, agent, derived)?.then_some(()))
    })?
    .context("the server does not take the key")?;
    ensure!(connects(&server, "bob", secret)? && !connects(&server, "bob", derived)?);
    let mut zeta = Client::connect(&server.unix_endpoint(), derived)?.acting_as(agent);
    create(&mut zeta, "tenant__zeta__g")?;
    ensure!(create(&mut zeta, "tenant__yota__g").is_err());
    json(dir, &["retire", "tenant:zeta"])?;
    json(dir, &["retire", "bob"])?;
    poll(Duration::from_secs(60), Duration::from_millis(50), || {
        Ok::<_, anyhow::Error>((!connects(&server, "bob", secret)?).then_some(()))
    })?
    .context("the server goes on taking the key")?;
    ensure!(!connects(&server, agent, derived)?);
    for (args, told) in [
        (&["retire", "nobody"][..], "there is no key nobody"),
        (&["add", "acme", "--role", "system"], "already"),
        (&["add", "x", "--role", "owner"], "it has no graphs"),
        (&["derive", "--tenant", "zeta"], "retired"),
        (&["derive", "--tenant", "a__b"], "cannot have a derived key"),
        (&["rotate", "acme", "--finish"], "nothing to finish"),
    ] {
        let output = egctl(dir, args)?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(2) && text.contains(told), "{args:?}: {} {text}", output.status);
    }
    Ok(())
}
