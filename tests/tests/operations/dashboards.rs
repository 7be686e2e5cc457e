//! Every series in the alert rules and the Grafana dashboards is one that a shard, the gateway or a backup has.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use epistemic_tests::certs::Authority;
use epistemic_tests::egctl::Egctl;
use epistemic_tests::{ServerProcess, http};
use serde_json::Value;

use super::gateway::Gateway;
use super::promql::series;
use super::{repository, text, yaml};

const DASHBOARDS: &str = "deploy/grafana";
const RULES: &str = "deploy/prometheus/engine-shards.rules.yml";
const RUNBOOKS: &str = "docs/runbooks.md";

/// What Prometheus makes itself.
const ITS_OWN: [&str; 2] = ["up", "ALERTS"];
/// Series of what a test need not let happen; docs/operations.md lists them. The gateway has looked at owners when it has
/// been up for a while, and a quota refuses when it is used up.
const LATER: [&str; 3] = [
    "epistemic_gateway_ownership_conflicts",
    "epistemic_graph_quota_refusals_total",
    "epistemic_graph_standbys",
];

/// Every rule with its name.
fn rules() -> Result<Vec<(String, Value)>> {
    let rules = yaml(RULES)?;
    let groups = rules["groups"].as_array().context("groups")?;
    let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
    rules.map(|rule| Ok((rule["alert"].as_str().context("alert")?.to_owned(), rule.clone()))).collect()
}

/// Every expression of the alert rules.
pub(super) fn rule_expressions() -> Result<Vec<String>> {
    rules()?.iter().map(|(_, rule)| rule["expr"].as_str().map(str::to_owned).context("expr")).collect()
}

/// The dashboards by their file names.
fn dashboards() -> Result<Vec<(String, Value)>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(repository(DASHBOARDS)?)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let dashboard = serde_json::from_str(&fs_err::read_to_string(&path)?).context(name.clone())?;
            found.push((name, dashboard));
        }
    }
    ensure!(found.len() >= 3, "{found:?}");
    Ok(found)
}

fn panels(dashboard: &Value) -> Result<&Vec<Value>> {
    dashboard["panels"].as_array().context("panels")
}

/// Every expression of the dashboards, their variables replaced.
pub(super) fn dashboard_expressions() -> Result<Vec<String>> {
    let mut expressions = Vec::new();
    for (name, dashboard) in dashboards()? {
        for target in panels(&dashboard)?.iter().filter_map(|panel| panel["targets"].as_array()).flatten() {
            let expression = target["expr"].as_str().context("expr")?;
            let replaced = [("$__rate_interval", "1m"), ("$instance", ".*"), ("$tenant", ".*")]
                .iter()
                .fold(expression.to_owned(), |text, (variable, value)| text.replace(variable, value));
            ensure!(!replaced.contains('$'), "{name}: a variable without a value: {replaced}");
            expressions.push(replaced);
        }
    }
    Ok(expressions)
}

/// The names on a page in the text format.
fn names(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split([' ', '{']).next()).map(str::to_owned).collect()
}

/// The page of a shard that has had one of everything.
fn page_of_a_shard(folder: &Path) -> Result<BTreeSet<String>> {
    let authority = Authority::new()?;
    let pair = authority.server("server", &["localhost"])?;
    let builder = ServerProcess::ours().metrics();
    let builder = pair.flags().into_iter().fold(builder, |builder, flag| builder.arg(flag));
    let own = format!("unix://{}", builder.socket().display());
    // One that knows of another shard, and of a tenant with a limit.
    let list = format!("{own},unix:///nowhere.sock");
    let quotas = folder.join("quotas.toml");
    fs_err::write(&quotas, "[[rule]]\ntenant = \"*\"\ngraphs = 100\n")?;
    let server = builder
        .arg("--advertise")
        .arg(&own)
        .arg("--endpoints")
        .arg(&list)
        .arg("--quotas")
        .arg(&quotas)
        .arg("--slow-request")
        .arg("1ms")
        .arg("--audit-log")
        .arg(folder.join("audit.log"))
        .start()?;
    let mut client = server.client()?;
    // Half of all names are its own.
    let mut graphs = (0..64).map(|number| format!("tenant__t{number}____bus__"));
    let graph = graphs.find(|name| client.create_graph(name).is_ok()).context("no graph is its own")?;
    client.add_node(&graph, "n", &[0x80])?;
    // Takes longer than a millisecond.
    client.call("", "Checkpoint", None)?;
    Ok(names(&http::get(server.metrics_addr(), "/metrics")?.body))
}

/// The page of a shard on an object store.
fn page_of_a_shard_without_a_disk(folder: &Path) -> Result<BTreeSet<String>> {
    let url = format!("file://{}", folder.join("objects").display());
    let server = ServerProcess::ours().in_memory().metrics().arg("--store").arg(&url).start()?;
    Ok(names(&http::get(server.metrics_addr(), "/metrics")?.body))
}

/// The page of a gateway over one shard.
fn page_of_a_gateway() -> Result<BTreeSet<String>> {
    let shards = [ServerProcess::ours().tcp().start()?];
    let gateway = Gateway::start(&shards)?;
    Ok(names(&http::get(gateway.addr(), "/metrics")?.body))
}

/// What a backup and its drill write for the textfile collector.
fn files_of_a_backup(folder: &Path) -> Result<BTreeSet<String>> {
    let server = ServerProcess::ours().start()?;
    server.client()?.create_graph("g")?;
    let (backup, drill) = (folder.join("backup.prom"), folder.join("drill.prom"));
    let to = format!("file://{}", folder.join("backups").display());
    fs_err::create_dir(folder.join("backups"))?;
    let run = |arguments: &[&str], file: &Path| {
        let file = file.to_str().context("path")?;
        Egctl::with_secret(server.secret()).ends(0, arguments.iter().chain(&["--metrics-file", file]))
    };
    let endpoint = format!("unix://{}", server.socket().display());
    run(&["backup", "create", "--to", &to, "--endpoint", &endpoint], &backup)?;
    run(&["backup", "drill", "--from", &to], &drill)?;
    Ok(names(&(fs_err::read_to_string(backup)? + &fs_err::read_to_string(drill)?)))
}

#[test]
fn every_series_exists() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("eg-dashboards-").tempdir()?;
    let documented = text("docs/operations.md")?;
    for name in LATER {
        let short = name.trim_start_matches("epistemic_graph_");
        ensure!(documented.contains(short), "docs/operations.md does not list {name}");
    }
    let mut known = page_of_a_shard(folder.path())?;
    known.extend(page_of_a_shard_without_a_disk(folder.path())?);
    known.extend(page_of_a_gateway()?);
    known.extend(files_of_a_backup(folder.path())?);
    known.extend(ITS_OWN.into_iter().chain(LATER).map(str::to_owned));
    let expressions = [rule_expressions()?, dashboard_expressions()?].concat();
    let used: BTreeSet<String> = expressions.iter().flat_map(|expression| series(expression)).collect();
    ensure!(used.len() > 60, "{used:?}");
    let missing: Vec<_> = used.difference(&known).collect();
    ensure!(missing.is_empty(), "nothing serves {missing:?}; there are {known:?}");
    Ok(())
}

/// What Grafana needs to show them: ids of their own, no panel on another, and no data source of ours.
#[test]
fn dashboards_have_their_panels_side_by_side() -> Result<()> {
    let mut uids = BTreeSet::new();
    for (name, dashboard) in dashboards()? {
        let uid = dashboard["uid"].as_str().context("uid")?.to_owned();
        ensure!(name == format!("{uid}.json") && uids.insert(uid), "{name}");
        side_by_side(&dashboard).context(name)?;
    }
    Ok(())
}

fn side_by_side(dashboard: &Value) -> Result<()> {
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in panels(dashboard)? {
        ensure!(ids.insert(panel["id"].as_u64().context("id")?), "twice: {}", panel["id"]);
        ensure!(panel["datasource"]["uid"] == "${datasource}", "{}", panel["title"]);
        ensure!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{panel}");
        let [x, y, width, height] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap_or(1000));
        ensure!(x + width <= 24, "{} is too wide", panel["title"]);
        for cell in (x..x + width).flat_map(|column| (y..y + height).map(move |row| (column, row))) {
            ensure!(cells.insert(cell), "{} covers another panel", panel["title"]);
        }
    }
    Ok(())
}

/// The runbook of an alert is a section of its name, and no section is of an alert that is gone.
#[test]
fn every_alert_has_its_runbook() -> Result<()> {
    let page = text(RUNBOOKS)?;
    let sections: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let mut alerts = BTreeSet::new();
    for (alert, rule) in rules()? {
        let url = rule["annotations"]["runbook_url"].as_str().context(alert.clone())?;
        let wanted = format!("file:///usr/share/doc/epistemic-graph/{RUNBOOKS}#{}", alert.to_lowercase());
        ensure!(url == wanted, "{alert}: {url}, not {wanted}");
        alerts.insert(alert);
    }
    ensure!(alerts == sections, "alerts {alerts:?}, sections {sections:?}");
    Ok(())
}
