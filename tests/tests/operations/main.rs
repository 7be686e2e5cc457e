//! The operations kit without a Docker engine: every flag, port, volume, variable and series that `docker/` and
//! `deploy/` name is one that the programs have, the units and rules pass their own tools, the packages have what they
//! should, and a real Prometheus scrapes three shards and a gateway and raises the alerts of the shard that stops. `scripts/setup` installs what this needs.

mod compose;
mod dashboards;
mod flags;
mod gateway;
mod help;
mod kubernetes;
mod limits;
mod packages;
mod prometheus;
mod promql;
mod rules;
mod scrape;
mod units;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::shared;
use serde_json::Value;

/// A path of this repository.
fn repository(path: &str) -> Result<PathBuf> {
    Ok(shared::package()?.join("..").join(path))
}

/// The text of a file of this repository.
fn text(path: &str) -> Result<String> {
    Ok(fs_err::read_to_string(repository(path)?)?)
}

/// A YAML file of this repository, anchors and merge keys resolved.
fn yaml(path: &str) -> Result<Value> {
    serde_saphyr::from_str(&text(path)?).with_context(|| path.to_owned())
}

/// The strings of an array.
fn strings(value: &Value) -> Result<Vec<&str>> {
    let values = value.as_array().with_context(|| format!("no list: {value}"))?;
    values.iter().map(|value| value.as_str().with_context(|| format!("no text: {value}"))).collect()
}

/// Runs a program that must succeed and returns all it wrote.
fn succeeds(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| {
        format!("start {}; install it with: scripts/setup", command.get_program().display())
    })?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Ok(said)
}
