//! Damage, and data that is not where it should be, as operators see them: every instrument tells, and nobody else may
//! look in.

mod private;
mod seen;
mod wrong_store;

use std::ffi::OsStr;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use epistemic_tests::{ServerProcess, binaries};
use serde_json::Value;

/// Runs `egctl` with the secret of a test server.
fn egctl(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
    let mut command = Command::new(binaries::egctl()?);
    command.env("GRAPH_SERVICE_AUTH_SECRET", "test-secret").env_remove("GRAPH_SERVICE_ENDPOINTS");
    Ok(command.args(args).output()?)
}

/// Runs `egctl`, which must end with `code`; returns what it wrote to standard output and error.
fn ends(code: i32, args: &[&str]) -> Result<String> {
    let output = egctl(args)?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    ensure!(output.status.code() == Some(code), "{args:?}: {}, not {code}:\n{text}", output.status);
    Ok(text)
}

/// What `egctl status --json` says of one shard.
fn status(server: &ServerProcess) -> Result<Value> {
    let output = egctl(["status", "--json", "--endpoint", &endpoint(server)])?;
    let found: Value = serde_json::from_slice(&output.stdout)?;
    Ok(found["shards"][0]["status"].clone())
}

fn endpoint(server: &ServerProcess) -> String {
    format!("unix://{}", server.socket().display())
}
