//! Shards that tell their endpoint list, and a gateway with the same one or another.

use anyhow::{Result, ensure};
use epistemic_tests::gateway::Gateway;

use super::{SECRET, Tier};

const OVERVIEW: &str = "/api/dashboard/shards";

#[test]
fn with_the_same_list_nothing_is_wrong() -> Result<()> {
    let tier = Tier::advertising()?;
    let overview = tier.gateway.wait_for(OVERVIEW, |overview| overview["shards"][2]["nodes"] == 0)?;
    for shard in overview["shards"].as_array().into_iter().flatten() {
        ensure!(shard["error"].is_null() && shard["graphs"] == 1 && shard["breaker"] == "closed", "{shard}");
    }
    Ok(())
}

#[test]
fn another_list_is_told_with_both_beside_the_figures() -> Result<()> {
    let tier = Tier::advertising()?;
    let (theirs, ours) = (tier.endpoints().join(","), tier.endpoints()[..2].join(","));
    let gateway = Gateway::start(&ours, SECRET, &[])?;
    let overview = gateway.json(OVERVIEW)?;
    for shard in overview["shards"].as_array().into_iter().flatten() {
        let error = shard["error"].as_str().unwrap_or_default();
        ensure!(error.contains(&format!("[{theirs}]")) && error.contains(&format!("[{ours}]")), "{shard}");
        ensure!(shard["graphs"] == 1 && shard["version"].is_string(), "{shard}");
    }
    Ok(())
}
