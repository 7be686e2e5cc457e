//! `docker/engine-shards.compose.yml` against the programs and the published walkthrough.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::help::{check_flags, port, value};
use super::{repository, strings, text, yaml};

const FILE: &str = "docker/engine-shards.compose.yml";
const MONITORING: &str = "docker/monitoring.compose.yml";
const TLS: &str = "docker/tls.compose.yml";
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
    ensure!(compose.get("name").is_none(), "the first version of compose refuses a name");
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

/// A variable with a default, or one that may be empty, would be a default secret. What is about images, memory and stores
/// begins with `ENGINE_`.
#[test]
fn no_secret_has_a_default() -> Result<()> {
    for file in [FILE, MONITORING, TLS] {
        let text = text(file)?;
        let used: Vec<&str> = text.split("${").skip(1).filter_map(|rest| rest.split('}').next()).collect();
        ensure!(!used.is_empty());
        for variable in used {
            ensure!(
                variable.contains(":?") || variable.starts_with("ENGINE_"),
                "${{{variable}}} is not required"
            );
        }
    }
    Ok(())
}

/// `docker-compose config` of the files, with these variables.
fn config(files: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new("docker-compose");
    for file in files {
        command.arg("-f").arg(repository(file)?);
    }
    command.args(["-p", "engine-shards", "config"]);
    for variable in ["GRAPH_SERVICE_AUTH_SECRET", "GRAFANA_PASSWORD"] {
        command.env_remove(variable);
    }
    command.envs(variables.iter().copied());
    command.output().context("start docker-compose; install it with: scripts/setup")
}

/// A compose of the first version takes the files, which is stricter than the second; and neither starts without a secret.
#[test]
fn compose_takes_the_files() -> Result<()> {
    let variables = [("GRAPH_SERVICE_AUTH_SECRET", "secret"), ("GRAFANA_PASSWORD", "password")];
    let certs = [variables[0], ("ENGINE_SHARD_CERTS", "/certs")];
    for (files, variables) in [(&[FILE, MONITORING], &variables), (&[FILE, TLS], &certs)] {
        let taken = config(files, variables)?;
        ensure!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    }
    for (files, given) in
        [(&[FILE][..], "GRAFANA_PASSWORD"), (&[FILE, MONITORING], "GRAPH_SERVICE_AUTH_SECRET")]
    {
        let refused = config(files, &[(given, "text")])?;
        let said = String::from_utf8_lossy(&refused.stderr);
        ensure!(!refused.status.success() && said.contains("set it to"), "with {given} alone: {said}");
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

/// `localhost` in the endpoints has to be the host for all of them: shards ask each other too. Without an overlay there is
/// no TLS, and the gateway has no token.
#[test]
fn everyone_is_on_the_hosts_loopback() -> Result<()> {
    for file in [FILE, MONITORING] {
        for (name, service) in yaml(file)?["services"].as_object().context("services")? {
            ensure!(service["network_mode"] == "host", "{name}: localhost would be the container");
            for word in service["command"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                ensure!(!word.contains("0.0.0.0"), "{name} listens for others than this machine: {word}");
            }
        }
    }
    let gateway = service(&yaml(FILE)?, "gateway")?;
    let words = strings(&gateway["command"])?;
    let listen = value(&words, "--listen").context("--listen")?;
    ensure!(listen.starts_with("127.0.0.1:"), "it has no token, so {listen} has to be loopback");
    let test = strings(&gateway["healthcheck"]["test"])?;
    ensure!(test.get(2).copied() == listen.rsplit(':').next(), "{test:?}");
    Ok(())
}

/// What Prometheus and Grafana mount is in the repository.
#[test]
fn monitoring_finds_its_files() -> Result<()> {
    for (name, service) in yaml(MONITORING)?["services"].as_object().context("services")? {
        let folders: Vec<_> = strings(&service["volumes"])?
            .into_iter()
            .filter_map(|volume| volume.strip_prefix("../"))
            .collect();
        ensure!(!folders.is_empty(), "{name} mounts nothing");
        for folder in folders {
            let (folder, _) = folder.split_once(':').context("a mount")?;
            ensure!(repository(folder)?.is_dir(), "{name}: there is no {folder}");
        }
    }
    let source = yaml("deploy/grafana/provisioning/datasources/prometheus.yml")?;
    ensure!(source["datasources"][0]["type"] == "prometheus", "{source}");
    let provider = yaml("deploy/grafana/provisioning/dashboards/engine-shards.yml")?;
    let path = provider["providers"][0]["options"]["path"].as_str().context("path")?;
    ensure!(text(MONITORING)?.contains(&format!("../deploy/grafana:{path}:ro")), "{path} is not mounted");
    Ok(())
}
