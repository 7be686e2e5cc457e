//! Shards that were told a list (`--advertise`) and create only what it gives them.

use anyhow::{Context, Result, ensure};
use epistemic_tests::{ServerBuilder, ServerProcess};

use super::load::assert_all_there;
use super::{Shards, endpoint, json, owners};

const GRAPHS: usize = 30;

fn told(server: &ServerBuilder, list: &str) -> Result<ServerProcess> {
    let server = server.clone().arg("--advertise").arg(endpoint(server));
    server.arg("--endpoints").arg(list).start()
}

/// There with the old list on the old shards and the new one on the newcomer, and back before any shard knows of it: the
/// destinations would not create those graphs for a client.
#[test]
fn graphs_move_whatever_lists_the_shards_were_told() -> Result<()> {
    let mut shards = Shards::start(2)?;
    let graphs: Vec<String> = (0..GRAPHS).map(|number| format!("g{number}")).collect();
    let (from, to) = (shards.from(), shards.to());
    let (before, after) = (owners(&from, &graphs)?, owners(&to, &graphs)?);
    let plain: Vec<_> = shards.all().map(|server| server.builder()).collect();
    let restart = |shards: &mut Shards, list: &str, newcomer: &str| -> Result<()> {
        for (server, (plain, list)) in shards.all().zip(plain.iter().zip([list, list, newcomer])) {
            ensure!(server.terminate()?.success(), "{}", server.output());
            *server = told(plain, list)?;
        }
        Ok(())
    };
    restart(&mut shards, &from, &to)?;
    shards.fill(&graphs)?;
    let folder = tempfile::tempdir()?;
    let apply = |from: &str, to: &str, name: &str| {
        let state = folder.path().join(name).display().to_string();
        let summary = json(&["reshard", "apply", "--json", "--from", from, "--to", to, "--state", &state])?;
        summary["moved"].as_u64().context("moved")
    };
    let moved = apply(&from, &to, "there")?;
    ensure!(moved > 0);
    assert_all_there(&graphs, &after, &[])?;
    restart(&mut shards, &to, &to)?;
    ensure!(apply(&to, &from, "back")? == moved);
    assert_all_there(&graphs, &before, &[]).map(drop)
}
