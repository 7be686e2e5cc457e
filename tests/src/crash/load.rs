//! The load: writers that send random operations until the server is killed under them.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, RngExt};

use super::model::{Change, Domain, GraphState, MAIN_GRAPH, Op};
use crate::seed::generator;
use crate::server::ServerProcess;
use crate::wait::{pause, poll};
use crate::wire::{Client, Value, WireError, field, map};

const SHARED_DOMAINS: usize = 4;
const NODES_PER_DOMAIN: u32 = 200;
const SIDE_GRAPHS_PER_DOMAIN: u32 = 3;
const CHANGES_PER_BATCH: usize = 20;
/// Longest time in which the load must reach the moment of the kill.
const LOAD_LIMIT: Duration = Duration::from_secs(120);

/// How often each kind of request is sent, relative to the others.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// `AddNode`, `AddEdge`, `RemoveNode`, `RemoveEdge`.
    pub single: u32,
    /// `BatchUpdate` with 20 changes.
    pub batch: u32,
    /// `CreateGraph` and `DeleteGraph`.
    pub graphs: u32,
}

impl Mix {
    /// Everything.
    pub const ALL: Mix = Mix {
        single: 16,
        batch: 3,
        graphs: 1,
    };
    /// Batches only.
    pub const BATCHES: Mix = Mix {
        single: 0,
        batch: 1,
        graphs: 0,
    };
    /// Single changes only.
    pub const SINGLE: Mix = Mix {
        single: 1,
        batch: 0,
        graphs: 0,
    };
}

/// Writers and the state they expect. Lives as long as the data directory it describes.
#[derive(Debug)]
pub struct Writers {
    pub(super) domains: Vec<Mutex<Domain>>,
    count: usize,
    mix: Mix,
    seed: u64,
    round: u64,
}

impl Writers {
    /// `count` writers, each with a domain of its own, and four domains that they share.
    pub fn new(count: usize, mix: Mix, seed: u64) -> Writers {
        let domains = (0..count + SHARED_DOMAINS)
            .map(|i| Mutex::new(Domain::new(format!("d{i:02}"))))
            .collect();
        Writers {
            domains,
            count,
            mix,
            seed,
            round: 0,
        }
    }

    /// Creates the main graph. Call it once, on a fresh server.
    pub fn prepare(&self, server: &ServerProcess) -> Result<()> {
        server
            .client()?
            .create_graph(MAIN_GRAPH)
            .context("create the main graph")
    }

    /// Clears the main graph's ledger while nothing is in flight, so that it stays readable over many rounds.
    pub fn clear_main_ledger(&self, server: &ServerProcess) -> Result<()> {
        server.client()?.call(MAIN_GRAPH, "ClearLedger", None)?;
        for domain in &self.domains {
            lock(domain)
                .graphs
                .entry(MAIN_GRAPH.into())
                .or_default()
                .ledger
                .clear();
        }
        Ok(())
    }

    /// Writes from all writers at once, kills the server at a random instant after `at_least` answers, and
    /// returns the number of answers. An error if the server refuses a write or fails before the kill.
    pub fn write_and_kill(&mut self, server: &mut ServerProcess, at_least: usize) -> Result<usize> {
        let instant = Duration::from_micros(generator(self.seed, self.round << 32).random_range(0..3000));
        let clients = self.connect(server)?;
        self.write_until(clients, at_least, |progress| {
            pause(instant);
            progress.killed.store(true, Ordering::SeqCst);
            server.kill9()
        })
    }

    /// As [`Writers::write_and_kill`], but stops the writers instead: when it returns, nothing is in flight.
    pub fn write_and_stop(&mut self, server: &ServerProcess, at_least: usize) -> Result<usize> {
        let clients = self.connect(server)?;
        self.write_until(clients, at_least, |_| Ok(()))
    }

    fn connect(&self, server: &ServerProcess) -> Result<Vec<Client>> {
        (0..self.count).map(|_| server.client()).collect()
    }

    fn write_until(
        &mut self,
        clients: Vec<Client>,
        at_least: usize,
        end: impl FnOnce(&Progress) -> Result<()>,
    ) -> Result<usize> {
        self.round += 1;
        let goal = at_least + generator(self.seed, self.round << 16).random_range(0..=at_least * 2);
        let (this, progress) = (&*self, &Progress::default());
        thread::scope(|scope| {
            let writers: Vec<_> = clients
                .into_iter()
                .enumerate()
                .map(|(i, client)| scope.spawn(move || this.write(i, client, progress)))
                .collect();
            let reached = poll(LOAD_LIMIT, Duration::from_micros(200), || {
                Ok::<_, Infallible>((progress.answers() >= goal || progress.failed()).then_some(()))
            });
            let ended = end(progress);
            progress.stop.store(true, Ordering::SeqCst);
            for writer in writers {
                writer.join().expect("a writer panicked")?;
            }
            ensure!(
                reached == Ok(Some(())),
                "only {} of {goal} answers in {LOAD_LIMIT:?}",
                progress.answers()
            );
            ended
        })?;
        Ok(progress.answers())
    }

    fn write(&self, writer: usize, mut client: Client, progress: &Progress) -> Result<()> {
        let mut random = generator(self.seed, (self.round << 16) + writer as u64 + 1);
        while !progress.stop.load(Ordering::SeqCst) {
            let shared = random.random_bool(0.25);
            let index = if shared {
                self.count + random.random_range(0..SHARED_DOMAINS)
            } else {
                writer
            };
            let mut domain = lock(&self.domains[index]);
            if domain.in_flight.is_some() {
                return Ok(()); // its writer lost the connection: the server is dead
            }
            let op = domain.next_op(&mut random, self.mix);
            let (graph, method, params) = op.request();
            domain.in_flight = Some(op);
            match client.call(&graph, method, params) {
                Ok(result) => {
                    domain.acknowledge();
                    progress.answers.fetch_add(1, Ordering::SeqCst);
                    if let Err(error) = no_batch_errors(&result) {
                        progress.failed.store(true, Ordering::SeqCst);
                        return Err(error);
                    }
                }
                Err(WireError::Io(_)) if progress.killed.load(Ordering::SeqCst) => return Ok(()),
                Err(error) => {
                    progress.failed.store(true, Ordering::SeqCst);
                    bail!("writer {writer}: {:?}: {error}", domain.in_flight);
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Progress {
    answers: AtomicUsize,
    /// Connections may fail from now on.
    killed: AtomicBool,
    /// Writers stop after the answer they wait for.
    stop: AtomicBool,
    /// A writer met an error.
    failed: AtomicBool,
}

impl Progress {
    fn answers(&self) -> usize {
        self.answers.load(Ordering::SeqCst)
    }

    fn failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}

impl Domain {
    fn next_op(&mut self, random: &mut StdRng, mix: Mix) -> Op {
        let pick = random.random_range(0..mix.single + mix.batch + mix.graphs);
        if pick >= mix.single + mix.batch {
            let name = format!(
                "{}/g{}:é",
                self.name,
                random.random_range(0..SIDE_GRAPHS_PER_DOMAIN)
            );
            return match self.graphs.contains_key(&name) {
                true => Op::DeleteGraph { name },
                false => Op::CreateGraph { name },
            };
        }
        let graph = match random.random_bool(0.8) {
            true => MAIN_GRAPH.to_owned(),
            false => self
                .graphs
                .keys()
                .choose(random)
                .cloned()
                .unwrap_or_else(|| MAIN_GRAPH.into()),
        };
        if pick < mix.single {
            let state = std::mem::take(self.graphs.entry(graph.clone()).or_default());
            let change = self.next_change(&state, random);
            self.graphs.insert(graph.clone(), state);
            return Op::One { graph, change };
        }
        let mut state = self
            .graphs
            .get(&graph)
            .map(GraphState::without_ledger)
            .unwrap_or_default();
        let changes = std::iter::repeat_with(|| {
            let change = self.next_change(&state, random);
            state.apply(&change);
            change
        });
        let changes = changes.take(CHANGES_PER_BATCH).collect();
        Op::Batch { graph, changes }
    }

    /// A change that succeeds on `state`.
    fn next_change(&mut self, state: &GraphState, random: &mut impl Rng) -> Change {
        let properties = self.next_properties();
        let mut node = || state.nodes.keys().choose(random).cloned();
        if let (Some(source), Some(target)) = (node(), node()) {
            match random.random_range(0..20) {
                0..6 => {
                    return Change::AddEdge {
                        source,
                        target,
                        properties,
                    };
                }
                6..9 => {
                    let pair = state.edges.keys().choose(random).cloned();
                    let (source, target) = pair.unwrap_or((source, target));
                    return Change::RemoveEdge { source, target };
                }
                9..11 => return Change::RemoveNode { id: source },
                _ => {}
            }
        }
        let id = format!("{}:n{}", self.name, random.random_range(0..NODES_PER_DOMAIN));
        Change::AddNode { id, properties }
    }

    fn next_properties(&mut self) -> Value {
        self.next_value += 1;
        map([("type", self.name.as_str().into()), ("v", self.next_value.into())])
    }
}

fn no_batch_errors(result: &Value) -> Result<()> {
    let errors = field(result, "errors").and_then(Value::as_array);
    ensure!(
        errors.is_none_or(|errors| errors.is_empty()),
        "BatchUpdate answered with errors: {result}"
    );
    Ok(())
}

pub(super) fn lock(domain: &Mutex<Domain>) -> MutexGuard<'_, Domain> {
    domain.lock().unwrap_or_else(PoisonError::into_inner)
}
