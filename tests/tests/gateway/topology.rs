//! The seed's JSON and series while one shard stops and comes back, and the lists of the dashboard.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::gateway::Gateway;
use epistemic_tests::http::series;
use serde_json::{Value, json};

use super::{SECRET, TOPOLOGY, Tier};

/// The breaker states of all shards.
fn breakers(topology: &Value) -> Vec<&str> {
    topology["endpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|shard| shard["breaker"].as_str())
        .collect()
}

#[test]
fn a_stopped_shard_is_shown_and_heals() -> Result<()> {
    let mut tier = Tier::advertising()?;
    let names = tier.endpoints();
    let expected = |reachable: bool, breaker: &str| {
        json!({
            "mode": "sharded",
            "default_graph": "__bus__",
            "endpoints": [
                {"endpoint": names[0], "local": true, "reachable": true, "breaker": "closed"},
                {"endpoint": names[1], "local": true, "reachable": true, "breaker": "closed"},
                {"endpoint": names[2], "local": true, "reachable": reachable, "breaker": breaker},
            ]
        })
    };
    let gateway = &tier.gateway;
    // On a busy machine a shard may be asked before it answers.
    gateway.wait_for(TOPOLOGY, |topology| *topology == expected(true, "closed"))?;
    // The order of the keys is that of the seed too.
    let text = gateway.get(TOPOLOGY)?.body;
    let places = [
        "\"mode\"",
        "\"default_graph\"",
        "\"endpoints\"",
        "\"endpoint\"",
        "\"local\"",
        "\"reachable\"",
        "\"breaker\"",
    ];
    let places: Vec<_> = places.iter().map(|key| text.find(key)).collect();
    ensure!(places.is_sorted() && places[0].is_some(), "{text}");

    let down = tier.shards.pop().context("three shards")?;
    let builder = down.builder();
    drop(down);
    let seen = gateway.wait_for(TOPOLOGY, |topology| breakers(topology).get(2) == Some(&"open"))?;
    ensure!(seen == expected(false, "open"), "{seen}");
    let page = gateway.get("/metrics")?.body;
    let up = |index: usize, page: &str| {
        series(page, &format!("agent_utilities_engine_shard_up{{endpoint=\"{}\"}}", names[index]))
    };
    let calls = |outcome: &str| {
        let labels = format!("endpoint=\"{}\",outcome=\"{outcome}\"", names[2]);
        series(&page, &format!("agent_utilities_engine_shard_requests_total{{{labels}}}"))
    };
    let state = format!("agent_utilities_gateway_engine_breaker_state{{endpoint=\"{}\"}}", names[2]);
    ensure!((up(0, &page), up(2, &page)) == (Some(1.0), Some(0.0)), "{page}");
    ensure!(calls("ok") > Some(0.0) && calls("connection_error") >= Some(5.0), "{page}");
    ensure!(calls("short_circuited").is_some() && calls("error").is_some(), "{page}");
    ensure!(series(&page, &state) >= Some(1.0), "{page}");
    // The others are asked as before.
    let seen = gateway.json("/api/tier")?;
    ensure!(seen["of"][0]["age_ms"].as_u64() < Some(3000), "{seen}");
    ensure!(seen["shards"][2]["state"] == "unreachable" && seen["totals"]["shards_up"] == 2, "{seen}");
    let graphs = gateway.json("/api/graphs")?;
    ensure!(graphs["missing"][0]["shard"] == 3 && graphs["total"] == 1, "{graphs}");

    tier.shards.push(builder.start()?);
    // The breaker closes while the shard is being looked at, before the look has ended.
    gateway.wait_for(TOPOLOGY, |topology| *topology == expected(true, "closed"))?;
    let page = gateway.get("/metrics")?.body;
    ensure!(up(2, &page) == Some(1.0) && series(&page, &state) == Some(0.0), "{page}");
    Ok(())
}

#[test]
fn shards_and_graphs_are_counted_and_searched() -> Result<()> {
    let tier = Tier::start()?;
    let name = "odd \"<b>'&\u{202e}\n株";
    let mut client = tier.shards[0].client()?.acting_as("ann");
    client.create_graph(name)?;
    client.add_node(name, "a", b"\x80")?;
    client.add_node(name, "b", b"\x80")?;
    client.add_edge(name, "a", "b", b"\x80")?;
    for index in 0..120 {
        client.create_graph(&format!("g{index:03}"))?;
    }
    let seen = tier.gateway.wait_for("/api/tier", |seen| {
        seen["shards"][0]["graphs"] == 122 && seen["shards"][0]["rps"].is_number()
    })?;
    let shard = &seen["shards"][0];
    ensure!(shard["nodes"] == 2 && shard["edges"] == 1 && shard["version"].is_string(), "{shard}");
    ensure!(shard["disk"]["store"].is_u64(), "{shard}");
    let config = &tier.gateway.json("/api/shard?n=1")?["config"];
    ensure!(config["round_trip_ms"].is_f64() && config["up_s"].is_u64(), "{config}");

    // `__commons__` is on each of them, and one row.
    let all = tier.gateway.wait_for("/api/graphs?sort=-nodes", |page| page["total"] == 122)?;
    ensure!(all["rows"].as_array().map(Vec::len) == Some(50) && all["missing"] == json!([]), "{all}");
    let row = &all["rows"][0];
    ensure!(row["name"] == name && row["owner"] == "ann" && row["nodes"] == 2 && row["edges"] == 1, "{row}");
    ensure!(row["shard"] == 1, "{row}");
    let found = tier.gateway.json("/api/graphs?q=G11&limit=4")?;
    ensure!(found["matched"] == 10 && found["rows"][3]["name"] == "g113", "{found}");
    Ok(())
}

/// It takes connections and says nothing: the worst kind of dead.
#[test]
fn a_silent_shard_delays_no_other() -> Result<()> {
    let shard = ServerProcess::ours().start()?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("silent.sock");
    let _silent = UnixListener::bind(&path)?;
    let endpoints = format!("unix://{},unix://{}", shard.socket().display(), path.display());
    let gateway = Gateway::start(&endpoints, SECRET, &[])?;
    let seen = gateway.wait_for("/api/tier", |seen| {
        seen["shards"][0]["rps"].is_number() && seen["shards"][1]["state"] == "hung"
    })?;
    ensure!(seen["totals"]["shards_up"] == 1 && seen["shards"][1]["notes"][0]["code"] == "hung", "{seen}");
    let topology = gateway.json(TOPOLOGY)?;
    ensure!(topology["endpoints"][1]["reachable"] == true, "it takes connections: {topology}");
    let start = Instant::now();
    let graphs = gateway.json("/api/graphs")?;
    ensure!(graphs["total"] == 1 && graphs["missing"][0]["shard"] == 2, "{graphs}");
    ensure!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let age = gateway.json("/api/tier")?["of"][0]["age_ms"].as_u64();
    ensure!(age < Some(2000), "{age:?}");
    // Looks that are shorter than the connect timeout open the breaker all the same, and keep it open.
    gateway.wait_for(TOPOLOGY, |topology| breakers(topology) == ["closed", "open"])?;
    Ok(())
}
