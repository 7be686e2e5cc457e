//! Shards that tell their endpoint list, and a gateway with the same one or another.

use anyhow::{Context, Result, ensure};
use epistemic_tests::gateway::Gateway;
use serde_json::Value;

use super::{SECRET, Tier};

/// What is said of another list of endpoints, if it is.
fn other_list(shard: &Value) -> Option<&str> {
    let notes = shard["notes"].as_array()?;
    notes.iter().find(|note| note["code"] == "other_list")?["text"].as_str()
}

#[test]
fn with_the_same_list_nothing_is_wrong() -> Result<()> {
    let tier = Tier::advertising()?;
    let seen = tier.gateway.wait_for("/api/tier", |seen| seen["totals"]["shards_up"] == 3)?;
    for shard in seen["shards"].as_array().context("shards")? {
        ensure!(other_list(shard).is_none() && shard["graphs"] == 1 && shard["nodes"] == 0, "{shard}");
    }
    Ok(())
}

#[test]
fn another_list_is_told_with_both_beside_the_figures() -> Result<()> {
    let tier = Tier::advertising()?;
    let (theirs, ours) = (tier.endpoints().join(","), tier.endpoints()[..2].join(","));
    let gateway = Gateway::start(&ours, SECRET, &[])?;
    let seen = gateway.json("/api/tier")?;
    for shard in seen["shards"].as_array().context("shards")? {
        let text = other_list(shard).with_context(|| shard.to_string())?;
        ensure!(text.contains(&format!("[{theirs}]")) && text.contains(&format!("[{ours}]")), "{shard}");
        ensure!(shard["graphs"] == 1 && shard["version"].is_string(), "{shard}");
    }
    Ok(())
}
