//! Damage, and data that is not where it should be, as operators see them: every instrument tells, and nobody else may
//! look in.

mod private;
mod seen;
mod wrong_store;

use std::ffi::OsStr;
use std::process::Output;

use anyhow::Result;
use epistemic_tests::{Egctl, ServerProcess};
use serde_json::Value;

/// Runs `egctl` with the secret of a test server.
fn egctl(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
    Egctl::with_secret("test-secret").run(args)
}

/// Runs `egctl`, which must end with `code`; returns what it wrote to standard output and error.
fn ends(code: i32, args: &[&str]) -> Result<String> {
    let (out, error) = Egctl::with_secret("test-secret").ends(code, args)?;
    Ok(out + &error)
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
