//! Every series in the alert rules and the Grafana dashboard is one that a shard or the gateway has.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use epistemic_tests::certs::Authority;
use epistemic_tests::{ServerProcess, http};
use serde_json::Value;

use super::promql::series;
use super::{text, yaml};

const DASHBOARD: &str = "deploy/grafana/engine-shards.json";
const RULES: &str = "deploy/prometheus/engine-shards.rules.yml";

/// What the gateway serves, as docs/operations.md lists it.
const GATEWAY: [&str; 5] = [
    "agent_utilities_engine_shard_up",
    "agent_utilities_engine_shard_requests_total",
    "agent_utilities_gateway_engine_breaker_state",
    "epistemic_gateway_ownership_conflicts",
    "epistemic_graph_gateway_store_changes_total",
];

/// What the files of `egctl backup` tell, as docs/backup.md lists it.
const BACKUP: [&str; 3] = [
    "epistemic_graph_backup_last_success_timestamp_seconds",
    "epistemic_graph_backup_drill_last_success_timestamp_seconds",
    "epistemic_graph_backup_drill_failures",
];

/// Every expression of the alert rules.
pub(super) fn rule_expressions() -> Result<Vec<String>> {
    let rules = yaml(RULES)?;
    let groups = rules["groups"].as_array().context("groups")?;
    let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
    rules.map(|rule| rule["expr"].as_str().map(str::to_owned).context("expr")).collect()
}

/// Every expression of the dashboard, its variables replaced.
pub(super) fn dashboard_expressions() -> Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)?)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions = targets.map(|target| target["expr"].as_str().context("expr"));
    let replaced = expressions
        .map(|expression| Ok(expression?.replace("$__rate_interval", "1m").replace("$instance", ".*")));
    replaced.collect()
}

/// The names on the `/metrics` page of a shard that has had one of everything.
fn series_of_a_shard() -> Result<BTreeSet<String>> {
    let authority = Authority::new()?;
    let pair = authority.server("server", &["localhost"])?;
    let builder = ServerProcess::ours().metrics();
    let builder = pair.flags().into_iter().fold(builder, |builder, flag| builder.arg(flag));
    let own = format!("unix://{}", builder.socket().display());
    // One that knows of another shard.
    let list = format!("{own},unix:///nowhere.sock");
    let server = builder.arg("--advertise").arg(&own).arg("--endpoints").arg(&list).start()?;
    let mut client = server.client()?;
    // Half of all names are its own.
    let graph = (0..64).map(|number| format!("g{number}")).find(|name| client.create_graph(name).is_ok());
    client.add_node(&graph.context("no graph is its own")?, "n", &[0x80])?;
    client.call("", "Checkpoint", None)?;
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    let named = page.lines().filter(|line| !line.starts_with('#'));
    Ok(named.filter_map(|line| line.split([' ', '{']).next()).map(str::to_owned).collect())
}

#[test]
fn every_series_exists() -> Result<()> {
    let shard = series_of_a_shard()?;
    let documented = text("docs/operations.md")?;
    ensure!(
        GATEWAY.iter().all(|name| documented.contains(name)),
        "docs/operations.md does not list {GATEWAY:?}"
    );
    let documented = text("docs/backup.md")?;
    ensure!(BACKUP.iter().all(|name| documented.contains(name)), "docs/backup.md does not list {BACKUP:?}");
    let expressions = [rule_expressions()?, dashboard_expressions()?].concat();
    let used: BTreeSet<String> = expressions.iter().flat_map(|expression| series(expression)).collect();
    ensure!(used.len() > 20, "{used:?}");
    for name in used {
        let elsewhere = name == "up" || GATEWAY.contains(&&*name) || BACKUP.contains(&&*name);
        let known = elsewhere || shard.contains(&name);
        ensure!(known, "nothing serves {name}; a shard has {shard:?}");
    }
    Ok(())
}

/// What Grafana needs to show it: ids of their own, no panel on another, and no data source of ours.
#[test]
fn the_dashboard_has_its_panels_side_by_side() -> Result<()> {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)?)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in panels {
        ensure!(ids.insert(panel["id"].as_u64().context("id")?), "twice: {}", panel["id"]);
        ensure!(panel["datasource"]["uid"] == "${datasource}", "{}", panel["title"]);
        let [x, y, width, height] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap_or(1000));
        ensure!(x + width <= 24, "{} is too wide", panel["title"]);
        for cell in (x..x + width).flat_map(|column| (y..y + height).map(move |row| (column, row))) {
            ensure!(cells.insert(cell), "{} covers another panel", panel["title"]);
        }
    }
    Ok(())
}
