//! Plans of shards that run and of the same shards stopped.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Shards, egctl, endpoint, json, owners, size};

fn names(count: usize) -> Vec<String> {
    (2..count)
        .map(|number| format!("tenant__t{number}____bus__"))
        .chain(["odd name\n/é".to_owned(), "__ingest_a__".to_owned()])
        .collect()
}

/// What depends neither on how the shards were read nor on who else uses the disk.
fn decided(plan: &Value) -> Vec<&Value> {
    ["version", "from", "to", "moves", "pairs", "moving", "staying", "expected", "warnings"]
        .iter()
        .map(|field| &plan[*field])
        .collect()
}

/// Enough that it does not happen that none of them moves.
const GRAPHS: usize = 60;

#[test]
fn running_and_stopped_shards_give_the_same_plan() -> Result<()> {
    let mut shards = Shards::start(3)?;
    let graphs = names(GRAPHS);
    shards.fill(&graphs)?;
    let (from, to) = (shards.from(), shards.to());
    let lists = ["reshard", "plan", "--from", &from, "--to", &to];
    let folder = tempfile::tempdir()?;
    let saved = folder.path().join("plan.json");
    let out = ["--out", saved.to_str().context("path")?];
    let online = json(&[&lists[..], &out, &["--json"]].concat())?;
    ensure!(serde_json::from_slice::<Value>(&fs_err::read(&saved)?)? == online, "the saved plan");
    let again = json(&[&lists[..], &["--json"]].concat())?;
    ensure!(decided(&again) == decided(&online), "the same shards, another plan: {again:#}");

    let (before, after) = (owners(&from, &graphs)?, owners(&to, &graphs)?);
    let moves = online["moves"].as_array().context("moves")?;
    let mut expected = BTreeSet::new();
    for (number, graph) in graphs.iter().enumerate() {
        // Ingest lanes are placed with the commons; `egctl route` asks for the name alone.
        if before[number] != after[number] && !graph.starts_with("__ingest") {
            expected.insert(graph.as_str());
        }
    }
    let text = |step: &Value, field: &str| step[field].as_str().map(str::to_owned).context("a text");
    for step in moves {
        let graph = text(step, "graph")?;
        let number = graphs.iter().position(|name| *name == graph).context("an unknown graph")?;
        expected.remove(graph.as_str());
        if !graph.starts_with("__ingest") {
            ensure!(text(step, "from")? == before[number] && text(step, "to")? == after[number], "{step}");
        }
        let counts = (step["nodes"].as_u64(), step["edges"].as_u64(), step["sequence"].as_u64());
        let (nodes, edges) = size(number);
        let (nodes, edges) = (nodes as u64, edges as u64);
        // The first change is its creation.
        ensure!(counts == (Some(nodes), Some(edges), Some(1 + nodes + edges)), "{step}");
        ensure!(step["bytes"].as_u64() > Some(50 * nodes), "{step}");
    }
    ensure!(expected.is_empty(), "not in the plan: {expected:?}");
    ensure!(!moves.is_empty() && moves.len() < GRAPHS, "{} of {GRAPHS} move", moves.len());
    let newcomer = online["shards"][3].clone();
    let coming = moves.iter().filter(|step| step["to"] == newcomer["endpoint"]).count();
    ensure!(newcomer["incoming"]["graphs"] == coming && coming > 0, "{newcomer}");
    ensure!(newcomer["free_bytes"].as_u64() > newcomer["needed_bytes"].as_u64(), "{newcomer}");

    let mut directories = Vec::new();
    for server in shards.all() {
        ensure!(server.terminate()?.success(), "{}", server.output());
        let path = server.persist_dir().display().to_string();
        directories.extend(["--dir".to_owned(), format!("{}={path}", endpoint(&server.builder()))]);
    }
    let directories: Vec<&str> = directories.iter().map(String::as_str).collect();
    let offline = json(&[&lists[..], &directories, &["--json"]].concat())?;
    ensure!(decided(&offline) == decided(&online), "online {online:#}\noffline {offline:#}");
    let stores = |plan: &Value| {
        let shards = plan["shards"].as_array().into_iter().flatten();
        shards.map(|shard| shard["store_id"].clone()).collect::<Vec<_>>()
    };
    ensure!(stores(&offline) == stores(&online) && stores(&online).len() == 4, "{offline:#}");
    Ok(())
}

#[test]
fn people_see_sums_and_the_first_graphs() -> Result<()> {
    let shards = Shards::start(1)?;
    shards.fill(&names(100))?;
    let (from, to) = (shards.from(), shards.to());
    let plan = |more: &[&str]| -> Result<String> {
        let output = egctl(&[&["reshard", "plan", "--from", &from, "--to", &to][..], more].concat())?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    };
    let short = plan(&["--rate-limit", "1MB"])?;
    for words in [
        "1 shards before, 2 after",
        "of 100 graphs move",
        "expected time: ",
        "assumed, not measured: 1.00 MB/s",
        "needs free",
        "more: --all lists them",
    ] {
        ensure!(short.contains(words), "{words}: {short}");
    }
    ensure!(!plan(&["--all"])?.contains("more: --all"), "all are listed");
    Ok(())
}

#[test]
fn a_new_shard_may_be_an_empty_directory_and_an_old_one_a_checkpoint() -> Result<()> {
    let mut shards = Shards::start(1)?;
    shards.fill(&names(GRAPHS))?;
    let (from, to) = (shards.from(), shards.to());
    shards.servers[0].client()?.call("__commons__", "Checkpoint", None)?;
    let checkpoints = fs_err::read_dir(shards.servers[0].persist_dir().join("checkpoints"))?;
    let checkpoint = checkpoints.last().context("no checkpoint")??.path();
    let online = json(&["reshard", "plan", "--json", "--from", &from, "--to", &to])?;
    let folder = tempfile::tempdir()?;
    ensure!(shards.newcomer.terminate()?.success());
    let newcomer = format!("{}={}", endpoint(&shards.newcomer.builder()), folder.path().display());
    let old = format!("{from}={}", checkpoint.display());
    let lists = ["reshard", "plan", "--json", "--from", &from, "--to", &to, "--dir", &newcomer];
    let mixed = json(&lists)?;
    ensure!(mixed["moves"] == online["moves"], "{mixed:#}");
    ensure!(fs_err::read_dir(folder.path())?.next().is_none(), "planning wrote into the new directory");
    let copied = json(&[&lists[..], &["--dir", &old]].concat())?;
    ensure!(copied["moves"] == online["moves"], "{copied:#}");
    ensure!(copied["warnings"].to_string().contains("read from a checkpoint"), "{copied:#}");
    Ok(())
}
