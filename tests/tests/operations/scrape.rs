//! A real Prometheus on our configuration and rules, three shards, and one of them stopped.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::server::free_loopback_addr;
use serde_json::Value;

use super::dashboards::{dashboard_expressions, rule_expressions};
use super::prometheus::Prometheus;
use super::text;

/// `text` with every `from` replaced; an error when there is none.
fn replaced(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.contains(from), "nothing to replace: {from}");
    Ok(text.replace(from, to))
}

/// Our configuration with other targets, and our rules, both with shorter times.
fn configure(folder: &Path, shards: &[ServerProcess]) -> Result<()> {
    let mut config = replaced(&text("deploy/prometheus/prometheus.yml")?, ": 15s", ": 1s")?;
    for (number, shard) in shards.iter().enumerate() {
        let target = format!("localhost:{}", 9111 + number);
        config = replaced(&config, &target, &shard.metrics_addr().to_string())?;
    }
    // Nobody listens there: a gateway that is down is not a shard that is down.
    config = replaced(&config, "localhost:9110", &free_loopback_addr()?.to_string())?;
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

fn shards_that_fire(alerts: &[Value]) -> Vec<&str> {
    let down = alerts.iter().filter(|alert| alert["labels"]["alertname"] == "EngineShardDown");
    let firing = down.filter(|alert| alert["state"] == "firing");
    firing.filter_map(|alert| alert["labels"]["instance"].as_str()).collect()
}

#[test]
fn a_stopped_shard_fires_its_alert_and_no_other() -> Result<()> {
    let mut shards = Vec::new();
    for _ in 0..3 {
        shards.push(ServerProcess::ours().metrics().start()?);
    }
    let names: Vec<String> = shards.iter().map(|shard| shard.metrics_addr().to_string()).collect();
    let folder = tempfile::Builder::new().prefix("eg-prometheus-").tempdir()?;
    configure(folder.path(), &shards)?;
    let prometheus = Prometheus::start(folder.path())?;

    let becomes = |expected: [bool; 3]| {
        prometheus.wait_for(&format!("up of {names:?} is {expected:?}"), |prometheus| {
            Ok(up(prometheus, &names)?.filter(|up| *up == expected))
        })
    };
    becomes([true; 3])?;
    let writable = prometheus.query("epistemic_graph_store_writable == 1")?;
    ensure!(writable.len() == 3, "{writable:?}");
    for expression in [rule_expressions()?, dashboard_expressions()?].concat() {
        prometheus.query(&expression).with_context(|| expression.clone())?;
    }
    ensure!(shards_that_fire(&prometheus.alerts()?).is_empty());

    ensure!(shards[1].terminate()?.code() == Some(0));
    becomes([true, false, true])?;
    let firing = prometheus.wait_for("EngineShardDown fires", |prometheus| {
        let alerts = prometheus.alerts()?;
        let fires = !shards_that_fire(&alerts).is_empty();
        Ok(fires.then_some(alerts))
    })?;
    ensure!(shards_that_fire(&firing) == [&names[1]], "{firing:?}");
    Ok(())
}
