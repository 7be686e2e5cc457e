//! Backups taken by a machine whose clock is not that of the shard.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use epistemic_tests::clock::Clock;
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::pause;
use epistemic_tests::{Client, ServerProcess};
use rand::RngExt;

use crate::{changes, egctl, step};

const GRAPH: &str = "g";

/// A time as RFC 3339 in UTC, by `date`.
fn rfc3339(ms: u64) -> Result<String> {
    let seconds = format!("@{}.{:03}", ms / 1000, ms % 1000);
    let output = std::process::Command::new("date").args(["-u", "-d", &seconds, "+%FT%T.%3NZ"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn told(output: &Output) -> String {
    format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))
}

fn node_count(client: &mut Client, graph: &str) -> Result<u64> {
    client.call(graph, "NodeCount", None)?.as_u64().context("a count")
}

/// Restores to a time give what the graph was at that time of the shard's clock, or nothing.
#[test]
fn restores_to_a_time_go_by_the_clock_of_the_shard() -> Result<()> {
    let seed = seed("restores_to_a_time_go_by_the_clock_of_the_shard");
    let rounds = number_from_env("EG_CLOCK_ROUNDS", 2);
    let (mut restores, mut refused) = (0, 0);
    for round in 0..rounds {
        let mut random = generator(seed, round as u64);
        let (shard, host) = (Clock::ahead(step(&mut random))?, Clock::ahead(step(&mut random))?);
        let server = ServerProcess::ours().envs(shard.environment()).start()?;
        let endpoint = format!("unix://{}", server.socket().display());
        let work = tempfile::tempdir()?;
        let url = work.path().join("backup").display().to_string();
        let mut client = server.client()?;
        client.create_graph(GRAPH)?;
        for run in 0..4 {
            client.add_node(GRAPH, &format!("n{run}"), b"\x80")?;
            pause(std::time::Duration::from_millis(5));
            let output =
                egctl(Some(&host), &["backup", "create", "--to", &url, "--endpoint", &endpoint])?.output()?;
            ensure!(output.status.success(), "round {round}, run {run}: {}", told(&output));
            host.set(step(&mut random))?;
            if random.random_bool(0.3) {
                shard.set(step(&mut random))?;
            }
        }
        let changes = changes(&mut client, GRAPH)?;
        for (number, time) in changes.iter().enumerate().map(|(number, (_, time))| (number, *time)) {
            for asked in [time, time + 2] {
                let copy = format!("copy {number} {asked}");
                let mut restore =
                    egctl(Some(&host), &["backup", "restore", "--from", &url, "--graph", GRAPH])?;
                restore.args(["--as", &copy, "--at-time", &rfc3339(asked)?, "--endpoint", &endpoint]);
                let output = restore.output()?;
                restores += 1;
                if !output.status.success() {
                    ensure!(told(&output).contains("BACKUP_NOT_FOUND"), "round {round}: {}", told(&output));
                    refused += 1;
                    continue;
                }
                // The first change is the creation.
                let expected = changes.iter().filter(|(_, time)| *time <= asked).count() as u64 - 1;
                let found = node_count(&mut client, &copy)?;
                ensure!(
                    found == expected,
                    "round {round}, at {asked}: {found} nodes, then there were {expected}: {changes:?}"
                );
            }
        }
    }
    eprintln!("figures: restores_to_a_time={restores} not_told={refused}");
    ensure!(refused < restores, "no run told any time");
    Ok(())
}
