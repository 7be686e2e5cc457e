//! `deploy/kubernetes/` against the programs, and against the schemas of Kubernetes.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::binaries;
use serde_json::Value;

use super::help::{check_flags, port, value};
use super::{repository, strings, succeeds, text};

const BASE: &str = "deploy/kubernetes/base";
const OBJECT_STORE: &str = "deploy/kubernetes/object-store";

/// The objects of a file.
fn objects(file: &str) -> Result<Vec<Value>> {
    objects_of(BASE, file)
}

fn objects_of(folder: &str, file: &str) -> Result<Vec<Value>> {
    let path = format!("{folder}/{file}");
    let text = text(&path)?;
    text.split("\n---\n").map(|object| serde_saphyr::from_str(object).with_context(|| path.clone())).collect()
}

fn of_kind(file: &str, kind: &str) -> Result<Value> {
    let found = objects(file)?.into_iter().find(|object| object["kind"] == kind);
    found.with_context(|| format!("{file} has no {kind}"))
}

/// The words that start the container of a workload.
fn command(workload: &Value) -> Result<Vec<&str>> {
    strings(&workload["spec"]["template"]["spec"]["containers"][0]["command"])
}

#[test]
fn the_schemas_take_the_manifests() -> Result<()> {
    let script = repository("tests/python/kubernetes_check.py")?;
    let mut check = Command::new(binaries::kubernetes_python()?);
    let said = succeeds(
        check.env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(repository("deploy/kubernetes")?),
    )?;
    ensure!(said.lines().last().is_some_and(|line| line.starts_with("ok ")), "{said}");
    Ok(())
}

#[test]
fn every_flag_and_variable_is_the_programs() -> Result<()> {
    for (file, kind) in [("shards.yaml", "StatefulSet"), ("gateway.yaml", "Deployment")] {
        let workload = of_kind(file, kind)?;
        let help = check_flags(&command(&workload)?)?;
        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        for variable in container["env"].as_array().context("env")? {
            let name = variable["name"].as_str().context("name")?;
            ensure!(name.starts_with("POD_") || help.has(name), "{file}: the program does not read {name}");
            ensure!(
                variable.get("value").is_none(),
                "{file}: {name} has a text of its own, a default secret?"
            );
        }
    }
    let patch = text("deploy/kubernetes/expect-stores/shards.yaml")?;
    ensure!(patch.contains("--store-id-file"));
    check_flags(&["epistemic-graph-server", "--store-id-file", "/stores/shard-0"])?;
    Ok(())
}

/// All pods of the shard have one name in the list, that of the Service which leads to the ready one, and each an endpoint of its
/// own.
#[test]
fn the_name_of_a_shard_with_a_stand_by_moves() -> Result<()> {
    let objects = objects_of(OBJECT_STORE, "shard.yaml")?;
    let set = objects.iter().find(|object| object["kind"] == "StatefulSet").context("StatefulSet")?;
    let words = command(set)?;
    check_flags(&words)?;
    ensure!(words.contains(&"--standby") && set["spec"]["updateStrategy"]["type"] == "OnDelete");
    let customization: Value = serde_saphyr::from_str(&text(&format!("{OBJECT_STORE}/kustomization.yaml"))?)?;
    let literals = strings(&customization["configMapGenerator"][0]["literals"])?;
    let namespace = customization["namespace"].as_str().context("namespace")?;
    let advertised =
        value(&words, "--advertise").context("--advertise")?.replace("$(POD_NAMESPACE)", namespace);
    ensure!(
        literals.contains(&&*format!("GRAPH_SERVICE_ENDPOINTS={advertised}")),
        "{advertised}: {literals:?}"
    );
    let services: Vec<&str> = objects
        .iter()
        .filter(|object| object["kind"] == "Service" && object["spec"]["publishNotReadyAddresses"] != true)
        .filter_map(|object| object["metadata"]["name"].as_str())
        .collect();
    ensure!(
        matches!(services[..], [name] if advertised.starts_with(&format!("tcp://{name}."))),
        "{services:?}"
    );
    let own = value(&words, "--own-endpoint").context("--own-endpoint")?;
    let pods = set["spec"]["serviceName"].as_str().context("serviceName")?;
    ensure!(own.starts_with(&format!("tcp://$(POD_NAME).{pods}.")), "{own}");
    Ok(())
}

/// The list has, for each pod, the text that the pod is told to advertise.
#[test]
fn the_list_of_endpoints_is_that_of_the_pods() -> Result<()> {
    let customization: Value = serde_saphyr::from_str(&text(&format!("{BASE}/kustomization.yaml"))?)?;
    let namespace = customization["namespace"].as_str().context("namespace")?;
    let literal = customization["configMapGenerator"][0]["literals"][0].as_str().context("literals")?;
    let list = literal.strip_prefix("GRAPH_SERVICE_ENDPOINTS=").context("the list")?;

    let set = of_kind("shards.yaml", "StatefulSet")?;
    let words = command(&set)?;
    let advertised = value(&words, "--advertise").context("--advertise")?;
    let name = set["metadata"]["name"].as_str().context("name")?;
    let expected: Vec<_> = (0..set["spec"]["replicas"].as_u64().context("replicas")?)
        .map(|number| advertised.replace("$(POD_NAME)", &format!("{name}-{number}")))
        .map(|text| text.replace("$(POD_NAMESPACE)", namespace))
        .collect();
    ensure!(list == expected.join(","), "{list} is not {expected:?}");

    let service = of_kind("shards.yaml", "Service")?;
    let own = format!(".{}.", service["metadata"]["name"].as_str().context("name")?);
    ensure!(advertised.contains(&own) && set["spec"]["serviceName"] == service["metadata"]["name"]);
    ensure!(service["spec"]["clusterIP"] == "None" && service["spec"]["publishNotReadyAddresses"] == true);
    ensure!(port(advertised) == value(&words, "--tcp-addr").and_then(port), "{words:?}");
    Ok(())
}

/// Services and budgets find the pods, and the ports and probes are those of the command.
#[test]
fn labels_and_ports_agree() -> Result<()> {
    for (file, kind, flag, name) in [
        ("shards.yaml", "StatefulSet", "--metrics-addr", "metrics"),
        ("gateway.yaml", "Deployment", "--listen", "http"),
    ] {
        let workload = of_kind(file, kind)?;
        let pods = &workload["spec"]["template"]["metadata"]["labels"];
        ensure!(workload["spec"]["selector"]["matchLabels"] == *pods, "{file}: another selector");
        ensure!(of_kind(file, "Service")?["spec"]["selector"] == *pods, "{file}: another service");
        let rule = objects("network.yaml")?.into_iter().find(|rule| {
            rule["spec"]["podSelector"]["matchLabels"] == *pods
                && rule["spec"]["policyTypes"].to_string().contains("Ingress")
        });
        ensure!(rule.is_some(), "{file}: everybody may connect");

        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        let listens = value(&command(&workload)?, flag).and_then(port).context(flag)?;
        let ports = container["ports"].as_array().context("ports")?;
        ensure!(
            ports.iter().any(|port| port["name"] == name && port["containerPort"] == listens),
            "{file}: {ports:?}"
        );
        for probe in ["livenessProbe", "readinessProbe"] {
            ensure!(container[probe]["httpGet"]["port"] == name, "{file}: {probe}");
        }
        let context = &container["securityContext"];
        ensure!(
            context["readOnlyRootFilesystem"] == true && context["allowPrivilegeEscalation"] == false,
            "{file}"
        );
    }
    let budget = of_kind("shards.yaml", "PodDisruptionBudget")?;
    let set = of_kind("shards.yaml", "StatefulSet")?;
    ensure!(budget["spec"]["selector"] == set["spec"]["selector"]);
    Ok(())
}
