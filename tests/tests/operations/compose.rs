//! `docker/engine-shards.compose.yml` against the programs and the published walkthrough.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::help::{check_flags, port, value};
use super::{strings, text, yaml};

const FILE: &str = "docker/engine-shards.compose.yml";
const SHARDS: [u16; 3] = [1, 2, 3];

fn service(compose: &Value, name: &str) -> Result<Value> {
    compose["services"].get(name).cloned().with_context(|| format!("no service {name}"))
}

/// Every flag and variable is one of the program; nothing runs as root or writes where it must not.
#[test]
fn every_flag_and_variable_is_the_programs() -> Result<()> {
    let compose = yaml(FILE)?;
    let services = compose["services"].as_object().context("services")?;
    ensure!(services.len() == 4, "three shards and a gateway");
    for (name, service) in services {
        let help = check_flags(&strings(&service["command"])?).context(name.clone())?;
        let variables = service["environment"].as_object().context("environment")?;
        for variable in variables.keys() {
            ensure!(help.has(variable), "{name}: the program does not read {variable}");
        }
        let secret = variables.get("GRAPH_SERVICE_AUTH_SECRET").and_then(Value::as_str);
        ensure!(secret.is_some_and(|secret| secret.starts_with("${GRAPH_SERVICE_AUTH_SECRET:?")), "{name}");
        ensure!(service["read_only"] == true && service["cap_drop"] == serde_json::json!(["ALL"]), "{name}");
        ensure!(service["user"].as_str().is_some_and(|user| !user.starts_with('0')), "{name} is root");
        ensure!(service["security_opt"].to_string().contains("no-new-privileges:true"), "{name}");
        ensure!(strings(&service["tmpfs"])?.iter().any(|mount| mount.starts_with("/tmp:")), "{name}: socket");
    }
    Ok(())
}

/// A variable with a default, or one that may be empty, would be a default secret. The store that a shard expects may be
/// left open.
#[test]
fn no_secret_has_a_default() -> Result<()> {
    let text = text(FILE)?;
    let used: Vec<&str> = text.split("${").skip(1).filter_map(|rest| rest.split('}').next()).collect();
    ensure!(!used.is_empty());
    for variable in used {
        let is_store = variable.starts_with("ENGINE_SHARD_") && variable.ends_with("_STORE:-");
        ensure!(variable.contains(":?") || is_store, "${{{variable}}} is not required");
    }
    Ok(())
}

/// Ports, folders and volumes are those of the published walkthrough, and agree with the command.
#[test]
fn each_shard_has_its_own_ports_and_volume() -> Result<()> {
    let compose = yaml(FILE)?;
    for number in SHARDS {
        let name = format!("engine-shard-{number}");
        let shard = service(&compose, &name)?;
        let words = strings(&shard["command"])?;
        let (requests, metrics) = (9100 + number, 9110 + number);
        ensure!(value(&words, "--tcp-addr").and_then(port) == Some(requests), "{name}: {words:?}");
        ensure!(value(&words, "--metrics-addr").and_then(port) == Some(metrics), "{name}: {words:?}");
        let own = format!("tcp://localhost:{requests}");
        ensure!(value(&words, "--advertise") == Some(&*own), "{name}: {words:?}");
        let published: BTreeSet<&str> = strings(&shard["ports"])?.into_iter().collect();
        let expected = [requests, metrics].map(|port| format!("127.0.0.1:{port}:{port}"));
        ensure!(published == expected.iter().map(String::as_str).collect(), "{name}: {published:?}");

        let folder = value(&words, "--persist-dir").context("no --persist-dir: in memory")?;
        ensure!(folder == format!("/data/shard-{number}"), "{name}: {folder}");
        ensure!(strings(&shard["volumes"])? == [format!("{name}:{folder}")], "{name}: its volume");
        ensure!(compose["volumes"].get(&name).is_some(), "{name}: the volume is not declared");
        let test = strings(&shard["healthcheck"]["test"])?;
        ensure!(test == ["CMD", "healthcheck", &metrics.to_string()], "{name}: {test:?}");
    }
    Ok(())
}

/// All have the same endpoint texts as every client of the walkthrough.
#[test]
fn everyone_knows_the_shards_as_clients_do() -> Result<()> {
    let compose = yaml(FILE)?;
    let expected = SHARDS.map(|number| format!("tcp://localhost:{}", 9100 + number)).join(",");
    for (name, service) in compose["services"].as_object().context("services")? {
        let endpoints = &service["environment"]["GRAPH_SERVICE_ENDPOINTS"];
        ensure!(*endpoints == *expected, "{name}: {endpoints}");
    }
    Ok(())
}

/// It has no token, and `localhost` in its endpoints has to be the host.
#[test]
fn the_gateway_is_on_the_hosts_loopback() -> Result<()> {
    let gateway = service(&yaml(FILE)?, "gateway")?;
    ensure!(gateway["network_mode"] == "host", "localhost would be the container");
    let words = strings(&gateway["command"])?;
    let listen = value(&words, "--listen").context("--listen")?;
    ensure!(listen.starts_with("127.0.0.1:"), "it has no token, so {listen} has to be loopback");
    let test = strings(&gateway["healthcheck"]["test"])?;
    ensure!(test.get(2).copied() == listen.rsplit(':').next(), "{test:?}");
    Ok(())
}
