//! The load: writers that send random operations until the server is killed under them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;

use super::choose::{Mix, Next};
use super::domain::{Acknowledged, Domain};
use super::import;
use super::state::MAIN_GRAPH;
use crate::seed::generator;
use crate::server::{ServerBuilder, ServerProcess};
use crate::wait::{pause, poll};
use crate::wire::{Client, Value, WireError, field, params};

/// The agent that all writers act as, when they write identities.
pub const SYSTEM_AGENT: &str = "root";

const SHARED_DOMAINS: usize = 4;
/// Longest time in which the load must reach the moment of the kill.
const LOAD_LIMIT: Duration = Duration::from_secs(120);

/// How the texts begin by which a server refuses what it was too late for.
const REFUSALS: [&str; 2] = [
    "the object store cannot be reached: the lease of this server",
    "storage error: the server is shutting down",
];

/// Our server, for writers of [`Mix::ALL`]: it lets their agent become a `System` identity.
pub fn server() -> ServerBuilder {
    ServerProcess::ours().arg("--system-agent").arg(SYSTEM_AGENT)
}

/// Writers and the state they expect. Lives as long as the data directory it describes.
#[derive(Debug)]
pub struct Writers {
    pub(super) domains: Vec<Mutex<Domain>>,
    count: usize,
    pub(super) mix: Mix,
    seed: u64,
    round: u64,
    clock: Option<PathBuf>,
}

impl Writers {
    /// `count` writers, each with a domain of its own, and four domains that they share.
    pub fn new(count: usize, mix: Mix, seed: u64) -> Writers {
        let domains =
            (0..count + SHARED_DOMAINS).map(|i| Mutex::new(Domain::new(format!("d{i:02}")))).collect();
        Writers { domains, count, mix, seed, round: 0, clock: None }
    }

    /// Keeps a history of all acknowledged operations, with the size of `file` (the record file of a
    /// [`Recording`](crate::powercut::Recording)) as the clock.
    pub fn with_history(mut self, file: PathBuf) -> Writers {
        self.clock = Some(file);
        self
    }

    /// The expected state at an earlier instant of the history, by writers that can go on from there.
    pub fn as_of(&self, instant: u64) -> Writers {
        let domains = self.domains.iter().map(|domain| Mutex::new(lock(domain).as_of(instant))).collect();
        Writers {
            domains,
            count: self.count,
            mix: self.mix,
            seed: self.seed ^ instant,
            round: 0,
            clock: None,
        }
    }

    /// For each acknowledged operation of the history, the instants of its request and of its answer, in the
    /// order of the answers.
    pub fn request_spans(&self) -> Vec<(u64, u64)> {
        let mut spans = Vec::new();
        for domain in &self.domains {
            spans.extend(lock(domain).history.iter().map(|entry| (entry.sent, entry.answered)));
        }
        spans.sort_by_key(|(_, answered)| *answered);
        spans
    }

    fn now(&self) -> Result<u64> {
        self.clock.as_ref().map_or(Ok(0), |file| Ok(fs_err::metadata(file)?.len()))
    }

    /// Creates the main graph, and the system agent if there will be identities. Call it once, on a fresh server.
    pub fn prepare(&self, server: &ServerProcess) -> Result<()> {
        let mut client = self.connect(server)?;
        if self.mix.service > 0 {
            let none = Value::Array(Vec::new());
            let fields = [
                ("agent_id", SYSTEM_AGENT.into()),
                ("role", "System".into()),
                ("teams", none),
                ("signature", "".into()),
            ];
            client
                .call("__commons__", "RegisterIdentity", params(fields))
                .context("register the system agent")?;
        }
        client.create_graph(MAIN_GRAPH).context("create the main graph")
    }

    /// Clears the main graph's ledger while nothing is in flight, so that it stays readable over many rounds.
    pub fn clear_main_ledger(&self, server: &ServerProcess) -> Result<()> {
        self.connect(server)?.call(MAIN_GRAPH, "ClearLedger", None)?;
        for domain in &self.domains {
            lock(domain).state.graphs.entry(MAIN_GRAPH.into()).or_default().ledger.clear();
        }
        Ok(())
    }

    /// Writes from all writers at once, kills the server at a random instant after `at_least` answers, and
    /// returns the number of answers. An error if the server refuses a write or fails before the kill.
    pub fn write_and_kill(&mut self, server: &mut ServerProcess, at_least: usize) -> Result<usize> {
        let instant = Duration::from_micros(generator(self.seed, self.round << 32).random_range(0..3000));
        let clients = self.connections(server)?;
        self.write_until(clients, at_least, |progress| {
            pause(instant);
            progress.killed.store(true, Ordering::SeqCst);
            server.kill9()
        })
    }

    /// As [`Writers::write_and_kill`], but calls `end` instead, which leaves the server unable to answer, or gone.
    pub fn write_and_lose(
        &mut self,
        server: &ServerProcess,
        at_least: usize,
        end: impl FnOnce() -> Result<()>,
    ) -> Result<usize> {
        let clients = self.connections(server)?;
        self.write_until(clients, at_least, |progress| {
            progress.killed.store(true, Ordering::SeqCst);
            end()
        })
    }

    /// As [`Writers::write_and_kill`], but stops the writers instead: when it returns, nothing is in flight.
    pub fn write_and_stop(&mut self, server: &ServerProcess, at_least: usize) -> Result<usize> {
        let clients = self.connections(server)?;
        self.write_until(clients, at_least, |_| Ok(()))
    }

    fn connections(&self, server: &ServerProcess) -> Result<Vec<Client>> {
        (0..self.count).map(|_| self.connect(server)).collect()
    }

    pub(super) fn connect(&self, server: &ServerProcess) -> Result<Client> {
        let client = server.client()?;
        Ok(if self.mix.service > 0 { client.acting_as(SYSTEM_AGENT) } else { client })
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
            let index = if shared { self.count + random.random_range(0..SHARED_DOMAINS) } else { writer };
            let mut domain = lock(&self.domains[index]);
            if !domain.in_flight.is_empty() {
                return Ok(()); // its writer lost the connection: the server is dead
            }
            match self.write_burst(&mut domain, &mut client, &mut random, progress) {
                Ok(()) => {}
                Err(error) if is_lost(&error) && progress.killed.load(Ordering::SeqCst) => return Ok(()),
                Err(error) => {
                    progress.failed.store(true, Ordering::SeqCst);
                    return Err(error.context(format!("writer {writer}: {:?}", domain.in_flight)));
                }
            }
        }
        Ok(())
    }

    /// Sends as many operations on one domain as the mix allows, then receives their answers.
    fn write_burst(
        &self,
        domain: &mut Domain,
        client: &mut Client,
        random: &mut StdRng,
        progress: &Progress,
    ) -> Result<()> {
        let mut ahead = domain.state.clone();
        let mut sent = VecDeque::new();
        for _ in 0..self.mix.depth {
            let op = match domain.next_op(&ahead, random, self.mix) {
                Next::Op(op) => op,
                Next::Import { from, name } => {
                    self.receive(domain, client, &mut sent, progress)?;
                    import::upload(client, &from, name, &domain.state)?
                }
            };
            ahead.apply(&op);
            let (graph, method, params) = op.request();
            domain.in_flight.push_back(op);
            sent.push_back(self.now()?);
            client.send(&graph, method, params)?;
        }
        self.receive(domain, client, &mut sent, progress)
    }

    /// Receives the answers to what was sent at these instants.
    fn receive(
        &self,
        domain: &mut Domain,
        client: &mut Client,
        sent: &mut VecDeque<u64>,
        progress: &Progress,
    ) -> Result<()> {
        while let Some(sent) = sent.pop_front() {
            let result = client.receive()?.outcome.map_err(WireError::Server)?;
            no_batch_errors(&result)?;
            let op = domain.acknowledge().context("an answer to nothing")?;
            if self.clock.is_some() {
                domain.history.push(Acknowledged { op, sent, answered: self.now()? });
            }
            progress.answers.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Whether there is no answer, or one that says that the server is not, or may not be, the owner of its store any more.
fn is_lost(error: &anyhow::Error) -> bool {
    match error.downcast_ref() {
        Some(WireError::Io(_)) => true,
        Some(WireError::Server(text)) => REFUSALS.iter().any(|refusal| text.starts_with(refusal)),
        Some(WireError::Protocol(_)) | None => false,
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

fn no_batch_errors(result: &Value) -> Result<()> {
    let errors = field(result, "errors").and_then(Value::as_array);
    ensure!(errors.is_none_or(|errors| errors.is_empty()), "BatchUpdate answered with errors: {result}");
    Ok(())
}

pub(super) fn lock(domain: &Mutex<Domain>) -> MutexGuard<'_, Domain> {
    domain.lock().unwrap_or_else(PoisonError::into_inner)
}
