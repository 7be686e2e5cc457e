//! The Prometheus files under promtool.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{repository, succeeds, yaml};

const CONFIG: &str = "deploy/prometheus/prometheus.yml";
const RULES: &str = "deploy/prometheus/engine-shards.rules.yml";
const TESTS: &str = "deploy/prometheus/engine-shards.test.yml";

fn promtool(arguments: &[&str], file: &str) -> Result<String> {
    succeeds(Command::new("promtool").args(arguments).arg(repository(file)?))
}

/// The configuration names the rules, so this checks them as well.
#[test]
fn promtool_takes_the_configuration_and_the_rules() -> Result<()> {
    let said = promtool(&["check", "config"], CONFIG)?;
    ensure!(said.contains("rules found"), "{said}");
    promtool(&["check", "rules", "--lint-fatal"], RULES)?;
    Ok(())
}

#[test]
fn the_rules_pass_their_unit_tests() -> Result<()> {
    promtool(&["test", "rules"], TESTS)?;
    let alerts = |file: &str, list: &str, inner: &str, key: &str| -> Result<BTreeSet<String>> {
        let file = yaml(file)?;
        let outer = file[list].as_array().context(list.to_owned())?;
        let entries = outer.iter().filter_map(|entry| entry[inner].as_array()).flatten();
        let raised = entries.filter(|entry| key == "alert" || entry.get("exp_alerts").is_some());
        raised.map(|entry| Ok(entry[key].as_str().context(key.to_owned())?.to_owned())).collect()
    };
    let ruled = alerts(RULES, "groups", "rules", "alert")?;
    let tested = alerts(TESTS, "tests", "alert_rule_test", "alertname")?;
    ensure!(ruled == tested, "rules {ruled:?}, raised in tests {tested:?}");
    ensure!(ruled.contains("EngineShardDown") && ruled.contains("EngineBreakerOpen"), "{ruled:?}");
    Ok(())
}

/// The targets are the metrics listeners of the compose file and the units.
#[test]
fn the_targets_are_the_shards_and_the_gateway() -> Result<()> {
    let config = yaml(CONFIG)?;
    let targets = |job: usize| config["scrape_configs"][job]["static_configs"][0]["targets"].to_string();
    ensure!(targets(0) == r#"["localhost:9111","localhost:9112","localhost:9113"]"#, "{}", targets(0));
    ensure!(targets(1) == r#"["localhost:9110"]"#, "{}", targets(1));
    Ok(())
}
