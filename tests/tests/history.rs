//! All that concurrent clients read and write is strictly serialisable, across `kill -9` and across moves between shards
//! (decision 0024, D6).
//!
//! `EG_HISTORY_SECONDS` sets how long each of the two tests goes on; every few seconds the history is checked and a new graph
//! is taken. In the default time CI gets a few thousand requests of each kind.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::history::{
    BATCH_NODES, History, Load, Log, Places, Question, Read, Summary, batch_node, check,
};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::pause;
use epistemic_tests::wire::Value;
use epistemic_tests::{Client, Egctl, Endpoint, ServerProcess};
use rand::RngExt;

const CLIENTS: usize = 6;
/// Answers between two kills or moves, and such events with one graph.
const ANSWERS: u64 = 400;
const EVENTS: usize = 4;
/// Of the control. About one in fifteen meets a batch between its halves.
const HALVED_READS: usize = 300;
/// Tries to finish a move whose parties may be killed.
const TRIES: usize = 10;

fn seconds() -> Duration {
    Duration::from_secs(number_from_env("EG_HISTORY_SECONDS", 6) as u64)
}

fn place(server: &ServerProcess) -> (String, Endpoint) {
    (format!("unix://{}", server.socket().display()), server.unix_endpoint())
}

/// Checks what was recorded; an error that names the first violations.
fn sound(history: &History, log: &Log) -> Result<Summary> {
    check(history, log).map_err(|violations| {
        let shown: Vec<String> =
            violations.iter().take(5).map(|violation| format!("  {violation}")).collect();
        anyhow::anyhow!("{} violations, the first:\n{}", violations.len(), shown.join("\n"))
    })
}

/// Totals of several graphs.
#[derive(Default)]
struct Totals {
    graphs: usize,
    events: usize,
    summary: Summary,
}

impl Totals {
    fn add(&mut self, events: usize, summary: Summary) {
        self.graphs += 1;
        self.events += events;
        self.summary.writes += summary.writes;
        self.summary.changes += summary.changes;
        self.summary.reads += summary.reads;
    }

    fn tell(&self, what: &str) {
        let Totals { graphs, events, summary: Summary { writes, changes, reads } } = self;
        eprintln!("figures: graphs={graphs} {what}={events} writes={writes} changes={changes} reads={reads}");
    }
}

#[test]
fn every_read_is_of_one_state_across_kills() -> Result<()> {
    let seed = seed("every_read_is_of_one_state_across_kills");
    let (mut random, begun, mut totals) = (generator(seed, 0), Instant::now(), Totals::default());
    let mut server = ServerProcess::ours().start()?;
    while totals.graphs == 0 || begun.elapsed() < seconds() {
        let graph = format!("history {}", totals.graphs);
        let load = Load::start(&graph, vec![place(&server)], server.secret(), CLIENTS, random.random())?;
        for _ in 0..EVENTS {
            load.await_answers(ANSWERS)?;
            pause(Duration::from_micros(random.random_range(0..3000)));
            server = server.restart()?;
        }
        load.await_answers(ANSWERS)?;
        let (history, log) = load.stop()?;
        totals.add(EVENTS, sound(&history, &log).with_context(|| format!("graph {graph:?}"))?);
    }
    totals.tell("kills");
    Ok(())
}

/// The graph goes to the other shard and back, and one of the two is killed meanwhile.
#[test]
fn every_read_is_of_one_state_across_moves() -> Result<()> {
    let seed = seed("every_read_is_of_one_state_across_moves");
    let (mut random, begun, mut totals) = (generator(seed, 0), Instant::now(), Totals::default());
    let work = tempfile::tempdir()?;
    let mut servers = [ServerProcess::ours().start()?, ServerProcess::ours().start()?];
    while totals.graphs == 0 || begun.elapsed() < seconds() {
        let graph = format!("history {}", totals.graphs);
        let places: Places = servers.iter().map(place).collect();
        let load = Load::start(&graph, places.clone(), servers[0].secret(), CLIENTS, random.random())?;
        for event in 0..EVENTS {
            load.await_answers(ANSWERS)?;
            let (from, to) = (&places[event % 2].0, &places[(event + 1) % 2].0);
            let journal = work.path().join(format!("{}-{event}", totals.graphs));
            let moving = || {
                let mut command = Egctl::with_secret(servers[0].secret()).command([
                    "move",
                    &graph,
                    "--from",
                    from,
                    "--to",
                    to,
                    "--journal",
                ])?;
                command.arg(&journal);
                anyhow::Ok(command)
            };
            let (mut first, again) = (moving()?, moving()?);
            let first =
                first.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?;
            pause(Duration::from_millis(random.random_range(0..300)));
            let [one, other] = servers;
            servers = match random.random_range(0..3) {
                0 => [one.restart()?, other],
                1 => [one, other.restart()?],
                _ => [one, other],
            };
            finish(first, again)?;
        }
        load.await_answers(ANSWERS)?;
        let (history, log) = load.stop()?;
        totals.add(EVENTS, sound(&history, &log).with_context(|| format!("graph {graph:?}"))?);
    }
    totals.tell("moves");
    Ok(())
}

/// Waits for a move, and runs it again while a party that was killed made it fail.
fn finish(mut first: std::process::Child, mut again: Command) -> Result<()> {
    if first.wait()?.success() {
        return Ok(());
    }
    let mut failures = Vec::new();
    for _ in 0..TRIES {
        let output = again.output()?;
        if output.status.success() {
            return Ok(());
        }
        failures.push(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    bail!("the move was not finished:\n{}", failures.join("\n---\n"))
}

/// Negative control, D6: a batch read that is made of two halves, as the server itself once made it, is found.
#[test]
fn reads_made_of_two_halves_are_found() -> Result<()> {
    let seed = seed("reads_made_of_two_halves_are_found");
    let server = ServerProcess::ours().start()?;
    let graph = "halves";
    let load = Load::start(graph, vec![place(&server)], server.secret(), CLIENTS, seed)?;
    let mut client = server.client()?;
    let mut halves = History::default();
    for _ in 0..HALVED_READS {
        halves.reads.push(read_in_halves(&load, &mut client, graph)?);
    }
    let (mut history, log) = load.stop()?;
    sound(&history, &log)?;
    let whole = history.reads.len();
    history.extend(halves);
    let violations = check(&history, &log).err().unwrap_or_default();
    eprintln!("{} of {HALVED_READS} reads in halves are found, beside {whole} whole ones", violations.len());
    ensure!(!violations.is_empty(), "no read in halves was found");
    Ok(())
}

fn read_in_halves(load: &Load, client: &mut Client, graph: &str) -> Result<Read> {
    let ids: Vec<String> = (0..BATCH_NODES).map(batch_node).collect();
    let called = load.clock().now();
    let mut rows = Vec::new();
    for half in ids.chunks(BATCH_NODES / 2) {
        load.await_answers(5)?;
        let question = Question::Nodes(half.to_vec());
        let (method, params) = question.request();
        let answer = question.normalised(graph, client.call(graph, method, params)?)?;
        rows.extend(answer.as_array().context("no array")?.iter().cloned());
    }
    let (returned, answer) = (load.clock().now(), Value::Array(rows));
    Ok(Read { session: u64::MAX, called, returned, question: Question::Nodes(ids), answer })
}
