//! A real Prometheus on our configuration and rules, three shards and a gateway, and one shard stopped.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use serde_json::Value;

use super::dashboards::{dashboard_expressions, rule_expressions};
use super::gateway::Gateway;
use super::prometheus::Prometheus;
use super::text;

/// `text` with every `from` replaced; an error when there is none.
fn replaced(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.contains(from), "nothing to replace: {from}");
    Ok(text.replace(from, to))
}

/// Our configuration with other targets, and our rules, both with shorter times.
fn configure(folder: &Path, shards: &[ServerProcess], gateway: &Gateway) -> Result<()> {
    let mut config = replaced(&text("deploy/prometheus/prometheus.yml")?, ": 15s", ": 1s")?;
    for (number, shard) in shards.iter().enumerate() {
        let target = format!("localhost:{}", 9111 + number);
        config = replaced(&config, &target, &shard.metrics_addr().to_string())?;
    }
    config = replaced(&config, "localhost:9110", &gateway.addr().to_string())?;
    fs_err::write(folder.join("prometheus.yml"), config)?;
    let rules = replaced(&text("deploy/prometheus/engine-shards.rules.yml")?, "for: 1m", "for: 2s")?;
    fs_err::write(folder.join("engine-shards.rules.yml"), rules)?;
    Ok(())
}

/// `up` of each shard, in their order; nothing before all have been scraped.
fn up(prometheus: &Prometheus, shards: &[String]) -> Result<Option<Vec<bool>>> {
    let found = prometheus.query(r#"up{job="epistemic-graph-shard"}"#)?;
    let of = |shard: &String| {
        let series = found.iter().find(|series| series["metric"]["instance"] == **shard)?;
        Some(series["value"][1] == "1")
    };
    Ok(shards.iter().map(of).collect())
}

/// Which alerts fire, and for which metrics listeners.
fn firing(alerts: &[Value]) -> BTreeSet<(String, String)> {
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing").map(|alert| &alert["labels"]);
    let label = |labels: &Value, name: &str| labels[name].as_str().unwrap_or_default().to_owned();
    firing.map(|labels| (label(labels, "alertname"), label(labels, "instance"))).collect()
}

#[test]
fn a_stopped_shard_fires_its_alert_and_no_other() -> Result<()> {
    let mut shards = Vec::new();
    for _ in 0..3 {
        shards.push(ServerProcess::ours().tcp().metrics().start()?);
    }
    let names: Vec<String> = shards.iter().map(|shard| shard.metrics_addr().to_string()).collect();
    let folder = tempfile::Builder::new().prefix("eg-prometheus-").tempdir()?;
    let gateway = Gateway::start(&shards)?;
    configure(folder.path(), &shards, &gateway)?;
    let prometheus = Prometheus::start(folder.path())?;

    let becomes = |expected: [bool; 3]| {
        prometheus.wait_for(&format!("up of {names:?} is {expected:?}"), |prometheus| {
            Ok(up(prometheus, &names)?.filter(|up| *up == expected))
        })
    };
    becomes([true; 3])?;
    prometheus.wait_for("the gateway reaches three shards", |prometheus| {
        let reached = prometheus.query("agent_utilities_engine_shard_up == 1")?;
        let closed = prometheus.query("agent_utilities_gateway_engine_breaker_state == 0")?;
        Ok((reached.len() == 3 && closed.len() == 3).then_some(()))
    })?;
    let writable = prometheus.query("epistemic_graph_store_writable == 1")?;
    ensure!(writable.len() == 3, "{writable:?}");
    for expression in [rule_expressions()?, dashboard_expressions()?].concat() {
        prometheus.query(&expression).with_context(|| expression.clone())?;
    }
    ensure!(firing(&prometheus.alerts()?).is_empty());

    ensure!(shards[1].terminate()?.code() == Some(0));
    becomes([true, false, true])?;
    let fires = prometheus.wait_for("an alert fires", |prometheus| {
        let firing = firing(&prometheus.alerts()?);
        Ok((!firing.is_empty()).then_some(firing))
    })?;
    ensure!(fires == [("EngineShardDown".to_owned(), names[1].clone())].into(), "{fires:?}");
    Ok(())
}
