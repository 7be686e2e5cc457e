//! A shard whose clock is stepped under its writers, and between its starts.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use epistemic_tests::clock::Clock;
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wire::{field, map, pack, params, unpack};
use epistemic_tests::{Client, ServerProcess, Value};
use rand::RngExt;

use crate::{check_times, egctl, step};

const GRAPHS: [&str; 2] = ["a", "b"];
const CHECKPOINTS: usize = 3;

#[test]
fn a_stepped_clock_harms_nothing() -> Result<()> {
    let seed = seed("a_stepped_clock_harms_nothing");
    let rounds = number_from_env("EG_CLOCK_ROUNDS", 2);
    let clock = Clock::ahead(0)?;
    let start = || {
        ServerProcess::ours()
            .envs(clock.environment())
            .arg("--decay-interval")
            .arg("1")
            .arg("--checkpoint-keep")
            .arg(CHECKPOINTS.to_string())
    };
    let mut server = start().start()?;
    let mut written = [const { BTreeSet::<String>::new() }; 2];
    for graph in GRAPHS {
        server.client()?.create_graph(graph)?;
    }
    let mut steps = 0;
    for round in 0..rounds {
        let mut random = generator(seed, round as u64);
        for _ in 0..8 {
            clock.set(step(&mut random))?;
            steps += 1;
            let mut client = server.client()?;
            for (graph, written) in GRAPHS.into_iter().zip(&mut written) {
                for _ in 0..10 {
                    let name = format!("n{}", written.len());
                    let properties = pack(&map([("confidence", 0.5.into()), ("type", "T".into())]));
                    client.add_node(graph, &name, &properties)?;
                    written.insert(name);
                }
                let nodes = written.iter().take(5).map(|name| name.as_str().into()).collect();
                client.call(graph, "TouchNodes", params([("node_ids", Value::Array(nodes))]))?;
            }
            newest_checkpoint_is_the_last(&server, &mut client)?;
            match random.random_range(0..4) {
                0 => server = server.restart()?,
                1 => {
                    server.terminate()?;
                    clock.set(step(&mut random))?;
                    server = server.restart()?;
                }
                _ => {}
            }
        }
        let mut client = server.client()?;
        for (graph, written) in GRAPHS.into_iter().zip(&written) {
            check(&mut client, graph, written)
                .with_context(|| format!("round {round}, {}", server.output()))?;
            check_times(&mut client, graph)?;
        }
    }
    eprintln!("figures: clock_steps={steps} written={}", written.iter().map(BTreeSet::len).sum::<usize>());
    Ok(())
}

/// Whatever the clock says: the checkpoint that is taken is the newest one, and no later one is removed for it.
fn newest_checkpoint_is_the_last(server: &ServerProcess, client: &mut Client) -> Result<()> {
    let before = checkpoints(server)?;
    client.call("", "Checkpoint", None)?;
    let after = checkpoints(server)?;
    // One of the last hour and one of the last day stay beside them.
    ensure!(after.len() <= CHECKPOINTS + 2, "{after:?}");
    ensure!(after.last() > before.last(), "before {before:?}, after {after:?}");
    let newest = after.last().context("no checkpoint")?;
    let output =
        egctl(None, &["checkpoint", "list", "--json", "--dir"])?.arg(server.persist_dir()).output()?;
    let listed = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && listed.contains(newest),
        "{listed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The names of checkpoints, which are in the order in which they were taken.
fn checkpoints(server: &ServerProcess) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let folder = server.persist_dir().join("checkpoints");
    for entry in fs_err::read_dir(folder).into_iter().flatten() {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.contains('.'));
    names.sort();
    Ok(names)
}

/// All that was acknowledged, with confidences as they may be.
fn check(client: &mut Client, graph: &str, written: &BTreeSet<String>) -> Result<()> {
    let ids = client.call(graph, "NodeIds", None)?;
    let found: BTreeSet<String> =
        ids.as_array().context("NodeIds")?.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    ensure!(found == *written, "{graph}: {} of {} nodes", found.len(), written.len());
    for name in written {
        let properties = client.node_properties(graph, name)?.with_context(|| format!("{name} is gone"))?;
        let properties = unpack(&properties)?;
        let confidence = field(&properties, "confidence").and_then(Value::as_f64).context("no confidence")?;
        ensure!((0.0..=1.0).contains(&confidence), "{graph} {name}: {properties}");
    }
    Ok(())
}
