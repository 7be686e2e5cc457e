//! Moves between shards whose clocks are an hour apart, and a fence whose shard's clock is stepped.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::clock::{Clock, HOUR_MS};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerProcess, transfer};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::{check_times, egctl, step};

const LIMIT: Duration = Duration::from_secs(60);

/// Two shards and a mover, each with a clock.
struct Tier {
    source: ServerProcess,
    destination: ServerProcess,
    clocks: [Clock; 3],
    work: tempfile::TempDir,
}

impl Tier {
    fn start(ahead: [i64; 3]) -> Result<Self> {
        let [source, destination, mover] = ahead;
        let clocks = [Clock::ahead(source)?, Clock::ahead(destination)?, Clock::ahead(mover)?];
        let server = |clock: &Clock| ServerProcess::ours().envs(clock.environment()).start();
        let (source, destination) = (server(&clocks[0])?, server(&clocks[1])?);
        Ok(Self { source, destination, clocks, work: tempfile::tempdir()? })
    }

    fn prepare(&self, graph: &str) -> Result<()> {
        let mut client = self.source.client()?;
        client.create_graph(graph)?;
        transfer::fill(&mut client, graph, 50, 100)
    }

    fn mover(&self, graph: &str) -> Result<std::process::Command> {
        let place = |server: &ServerProcess| format!("unix://{}", server.socket().display());
        let (from, to) = (place(&self.source), place(&self.destination));
        let mut command =
            egctl(Some(&self.clocks[2]), &["move", graph, "--from", &from, "--to", &to, "--journal"])?;
        command.arg(self.work.path().join(graph)).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// A mover that has stopped itself while its fence stands.
    fn held_at_fence(&self, graph: &str) -> Result<Child> {
        let child = self.mover(graph)?.env("EGCTL_HOLD_AT", "tail_equal").spawn()?;
        let options =
            WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let pid = Pid::from_child(&child);
        let status = poll(LIMIT, Duration::from_millis(1), || waitid(WaitId::Pid(pid), options))?;
        ensure!(
            status.context("it did not come to the end of the comparison")?.stopped(),
            "it ended before the comparison did"
        );
        Ok(child)
    }

    fn served_by_destination(&self, graph: &str, nodes: u64) -> Result<()> {
        let mut client = self.destination.client()?;
        ensure!(client.call(graph, "NodeCount", None)? == nodes.into(), "{graph}: another number of nodes");
        let refused =
            self.source.client()?.call(graph, "NodeCount", None).err().context("the source serves it too")?;
        ensure!(refused.to_string().contains("MOVED"), "{refused}");
        check_times(&mut client, graph)
    }
}

fn go_on(child: Child) -> Result<Output> {
    kill_process(Pid::from_child(&child), Signal::CONT)?;
    Ok(child.wait_with_output()?)
}

fn succeeded(output: &Output) -> Result<()> {
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn moves_do_not_care_for_clocks() -> Result<()> {
    let seed = seed("moves_do_not_care_for_clocks");
    let rounds = number_from_env("EG_CLOCK_ROUNDS", 2);
    for round in 0..rounds {
        let mut random = generator(seed, round as u64);
        let tier = Tier::start([(); 3].map(|()| step(&mut random)))?;
        for move_number in 0..3 {
            let graph = format!("g{move_number}");
            tier.prepare(&graph)?;
            let mut mover = tier.mover(&graph)?.spawn()?;
            while mover.try_wait()?.is_none() {
                tier.clocks.iter().try_for_each(|clock| clock.set(step(&mut random)))?;
            }
            succeeded(&mover.wait_with_output()?).with_context(|| format!("round {round}"))?;
            tier.served_by_destination(&graph, 50)?;
            // What is written behind the move has no earlier time than what came with it.
            tier.destination.client()?.add_node(&graph, "later", b"\x80")?;
            tier.served_by_destination(&graph, 51)?;
        }
    }
    eprintln!("figures: moves_with_wrong_clocks={}", 3 * rounds);
    Ok(())
}

/// A lease that went by the wall clock would be over at once.
#[test]
fn a_fence_stands_though_the_clock_is_set_forward() -> Result<()> {
    let tier = Tier::start([0; 3])?;
    tier.prepare("g")?;
    let begun = Instant::now();
    let mover = tier.held_at_fence("g")?;
    tier.clocks[0].set(HOUR_MS)?;
    let written = tier.source.client()?.add_node("g", "x", b"\x80");
    match written {
        Err(refused) => ensure!(refused.to_string().contains("MOVING"), "{refused}"),
        // The true lease is seconds long, and this machine may be slow.
        Ok(()) => {
            ensure!(begun.elapsed() > Duration::from_secs(3), "the fence fell with the step of the clock")
        }
    }
    tier.clocks[0].set(-HOUR_MS)?;
    let output = go_on(mover)?;
    if !output.status.success() {
        succeeded(&tier.mover("g")?.output()?)?;
    }
    let nodes = if tier.destination.client()?.node_properties("g", "x")?.is_some() { 51 } else { 50 };
    tier.served_by_destination("g", nodes)
}

/// A lease that went by the wall clock would stand for an hour longer.
#[test]
fn a_fence_falls_though_the_clock_is_set_back() -> Result<()> {
    let tier = Tier::start([0; 3])?;
    tier.prepare("g")?;
    let mover = tier.held_at_fence("g")?;
    tier.clocks[0].set(-HOUR_MS)?;
    let mut client = tier.source.client()?;
    let fallen = poll(LIMIT, Duration::from_millis(20), || {
        Ok::<_, anyhow::Error>(client.add_node("g", "x", b"\x80").is_ok().then_some(()))
    })?;
    fallen.context("writers are kept out by a mover that sleeps")?;
    let output = go_on(mover)?;
    if !output.status.success() {
        succeeded(&tier.mover("g")?.output()?)?;
    }
    tier.served_by_destination("g", 51)
}
