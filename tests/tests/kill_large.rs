//! `kill -9` while large graphs are imported, replaced, copied, cleared and deleted: each is whole or not there at all, and what
//! was deleted never comes back, though its records are still being removed. `EG_LARGE_ROUNDS` sets the number of kills.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::pause;
use epistemic_tests::wire::{Value, field, params};
use epistemic_tests::{Client, Egctl, ServerProcess, transfer};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};

/// Of the two graphs that all others are copies of. Their records take more than what is committed in one batch.
const NODES: [u64; 2] = [12_000, 15_000];
const PROPERTY_BYTES: usize = 400;
const NAMES: [&str; 3] = ["a", "b", "c"];
const EMPTY: &str = "no nodes";

/// What each graph holds: the digest of its content, or [`EMPTY`].
type Content = BTreeMap<String, String>;

/// A write of a large graph.
#[derive(Debug, Clone, Copy)]
enum Operation {
    /// A snapshot of one of the two, as a new graph or in place of one.
    Import(usize),
    /// A copy of one of the two.
    Fork(usize),
    Clear,
    Delete,
}

struct Sources {
    snapshots: Vec<Vec<u8>>,
    digests: Vec<String>,
}

impl Sources {
    fn name(number: usize) -> String {
        format!("source {number}")
    }

    fn prepare(client: &mut Client) -> Result<Sources> {
        let mut sources = Sources { snapshots: Vec::new(), digests: Vec::new() };
        for (number, nodes) in NODES.into_iter().enumerate() {
            let name = Sources::name(number);
            client.create_graph(&name)?;
            transfer::fill(client, &name, nodes, PROPERTY_BYTES)?;
            let mut snapshot = Vec::new();
            transfer::export(client, &name, &mut snapshot)?;
            sources.snapshots.push(snapshot);
            sources.digests.push(digest(client, &name)?);
        }
        Ok(sources)
    }

    fn run(&self, client: &mut Client, name: &str, operation: Operation) -> Result<()> {
        let named = params([("graph_name", name.into())]);
        match operation {
            Operation::Import(number) => transfer::replace(client, name, self.snapshots[number].as_slice()),
            Operation::Fork(number) => Ok(client.call(&Sources::name(number), "Fork", named).map(drop)?),
            Operation::Clear => Ok(client.call(name, "ClearGraph", None).map(drop)?),
            Operation::Delete => Ok(client.call(name, "DeleteGraph", named).map(drop)?),
        }
    }

    fn apply(&self, content: &mut Content, name: &str, operation: Operation) {
        match operation {
            Operation::Import(number) | Operation::Fork(number) => {
                content.insert(name.into(), self.digests[number].clone());
            }
            Operation::Clear => {
                content.insert(name.into(), EMPTY.into());
            }
            Operation::Delete => {
                content.remove(name);
            }
        }
    }
}

/// The digest of a graph; it reads all records.
fn digest(client: &mut Client, graph: &str) -> Result<String> {
    let answer = client.call(graph, "GraphDigest", None)?;
    if field(&answer, "nodes") == Some(&0.into()) {
        return Ok(EMPTY.into());
    }
    Ok(field(&answer, "digest").and_then(Value::as_str).context("no digest")?.to_owned())
}

fn content(client: &mut Client) -> Result<Content> {
    let list = client.call("", "ListGraphs", None)?;
    let names = list.as_array().context("ListGraphs is no array")?.iter();
    let names = names.filter_map(|row| field(row, "name").and_then(Value::as_str));
    let copies = names.filter(|name| !name.starts_with("__"));
    copies.map(|name| Ok((name.to_owned(), digest(client, name)?))).collect()
}

fn choose(content: &Content, random: &mut StdRng) -> (String, Operation) {
    let name = *NAMES.choose(random).expect("not empty");
    let number = random.random_range(0..NODES.len());
    let operations: &[Operation] = match content.contains_key(name) {
        true => &[Operation::Import(number), Operation::Clear, Operation::Delete],
        false => &[Operation::Import(number), Operation::Fork(number)],
    };
    (name.to_owned(), operations.iter().copied().choose(random).expect("not empty"))
}

#[test]
fn large_graphs_are_whole_or_absent_after_a_kill() -> Result<()> {
    let rounds = number_from_env("EG_LARGE_ROUNDS", 15);
    let random = &mut generator(seed("large_graphs_are_whole_or_absent_after_a_kill"), 0);
    let mut server = ServerProcess::ours().start()?;
    let sources = Sources::prepare(&mut server.client()?)?;
    let mut expected = content(&mut server.client()?)?;
    // How long one import takes here: the kills are spread over about that time.
    let begun = Instant::now();
    sources.run(&mut server.client()?, NAMES[0], Operation::Import(0))?;
    let typical = begun.elapsed() + Duration::from_millis(1);
    sources.apply(&mut expected, NAMES[0], Operation::Import(0));
    let (mut acknowledged, mut done, mut not_done) = (0, 0, 0);
    for round in 0..rounds {
        let (name, operation) = choose(&expected, random);
        let told = format!("round {round}, {operation:?} of {name}");
        let instant = typical.mul_f64(random.random_range(0.0..1.2));
        let mut client = server.client()?;
        let answer = thread::scope(|scope| {
            let running = scope.spawn(|| sources.run(&mut client, &name, operation));
            pause(instant);
            server.kill9()?;
            anyhow::Ok(running.join().map_err(|_| anyhow!("the client panicked"))?)
        })?;
        let mut after = expected.clone();
        sources.apply(&mut after, &name, operation);
        server = server.restart().with_context(|| told.clone())?;
        let found = content(&mut server.client()?).with_context(|| told.clone())?;
        let is_done = found == after;
        ensure!(is_done || (found == expected && answer.is_err()), "{told}, {answer:?}: {found:?}");
        acknowledged += usize::from(answer.is_ok());
        done += usize::from(is_done && answer.is_err());
        not_done += usize::from(!is_done);
        expected = found;
    }
    server.terminate()?;
    Egctl::new().verify(server.persist_dir())?;
    eprintln!("figures: kills={rounds} acknowledged={acknowledged} done={done} not_done={not_done}");
    Ok(())
}
