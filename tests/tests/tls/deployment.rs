//! The files that turn TLS on in compose and systemd.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::{binaries, shared};
use serde_json::Value;

use crate::said;

fn text(path: &str) -> Result<String> {
    Ok(fs_err::read_to_string(shared::package()?.join("..").join(path))?)
}

/// Whether the program, or as a client `egctl`, knows the variable.
fn is_known(variable: &str, program: &str) -> Result<bool> {
    let program = if variable.starts_with("EPISTEMIC_GRAPH_TLS") { "egctl" } else { program };
    let (good, help) = said(Command::new(binaries::bin_dir()?.join(program)).arg("--help"))?;
    Ok(good
        && help
            .split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_'))
            .any(|word| word == variable))
}

#[test]
fn compose_sets_variables_of_the_programs() -> Result<()> {
    let overlay: Value = serde_saphyr::from_str(&text("docker/tls.compose.yml")?)?;
    let below: Value = serde_saphyr::from_str(&text("docker/engine-shards.compose.yml")?)?;
    let services = overlay["services"].as_object().context("services")?;
    ensure!(services.len() == 4);
    for (name, service) in services {
        ensure!(below["services"].get(name).is_some(), "{name} is nowhere else");
        let variables = service["environment"].as_object().with_context(|| format!("{name}: environment"))?;
        for variable in variables.keys() {
            ensure!(is_known(variable, "epistemic-graph-server")?, "{name}: {variable}");
        }
        ensure!(variables["EPISTEMIC_GRAPH_TLS"] == "require");
        if let Some(number) = name.strip_prefix("engine-shard-") {
            ensure!(variables["GRAPH_SERVICE_TLS"] == "require");
            let test = service["healthcheck"]["test"].to_string();
            ensure!(test.contains(&format!("tcp://localhost:910{number}")), "{name}: {test}");
        }
    }
    Ok(())
}

/// Of the shards, or of all that ask them.
#[test]
fn units_find_variables_of_the_programs() -> Result<()> {
    let lines = text("deploy/systemd/tier.env")?;
    let named = lines.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
    let set: Vec<&str> = named.map(|(name, _)| name).filter(|name| name.contains("_TLS")).collect();
    ensure!(set.len() == 8, "{set:?}");
    for variable in set {
        ensure!(is_known(variable, "epistemic-graph-server")?, "{variable}");
    }
    for unit in ["shard@", "gateway", "backup"] {
        let unit = text(&format!("deploy/systemd/epistemic-graph-{unit}.service"))?;
        ensure!(unit.contains("\nEnvironmentFile=-/etc/epistemic-graph/tier.env\n"), "{unit}");
    }
    Ok(())
}
