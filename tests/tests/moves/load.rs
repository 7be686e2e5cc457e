//! Writers and readers of one graph that follow it from shard to shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use epistemic_tests::wait::{pause, poll};
use epistemic_tests::wire::{bin, map, pack, params};
use epistemic_tests::{Client, Value, WireError};

use crate::Place;
use crate::written::{Expected, Written};

const WRITERS: usize = 4;
const READERS: usize = 4;
/// Between two requests of one writer or reader, so that eight of them leave room for the move.
const PACE: Duration = Duration::from_millis(2);
/// How long the load may be without an acknowledged write.
const LIMIT: Duration = Duration::from_secs(60);

/// Adds the nodes that edges of writers go between. Not counted in [`Written`].
pub(super) fn prepare(client: &mut Client, graph: &str) -> Result<()> {
    for writer in 0..WRITERS {
        client.add_node(graph, &hub(writer), b"\x80")?;
    }
    Ok(client.add_node(graph, "target", b"\x80")?)
}

fn hub(writer: usize) -> String {
    format!("hub{writer}")
}

/// Runs until it is stopped. A writer or reader that sees what must not be ends with an error.
pub(super) struct Load {
    shared: Arc<Shared>,
    writers: Vec<JoinHandle<Result<Written>>>,
    readers: Vec<JoinHandle<Result<()>>>,
}

struct Shared {
    graph: String,
    places: [Place; 2],
    /// Whether the move may be given up, so that the destination has the graph no more.
    aborts: bool,
    stop: AtomicBool,
    failed: AtomicBool,
    acknowledged: AtomicUsize,
    longest_gap_us: AtomicU64,
}

impl Load {
    /// Begins at `places[0]`. With `aborts`, a graph that is missing at the other place is looked for here again.
    pub(super) fn start(graph: &str, places: [Place; 2], aborts: bool) -> Result<Self> {
        let shared = Arc::new(Shared {
            graph: graph.to_owned(),
            places,
            aborts,
            stop: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            acknowledged: AtomicUsize::new(0),
            longest_gap_us: AtomicU64::new(0),
        });
        let (mut writers, mut readers) = (Vec::new(), Vec::new());
        for number in 0..WRITERS {
            let shared = Arc::clone(&shared);
            writers.push(Builder::new().spawn(move || shared.watch(shared.write(number)))?);
        }
        for _ in 0..READERS {
            let shared = Arc::clone(&shared);
            readers.push(Builder::new().spawn(move || shared.watch(shared.read()))?);
        }
        let load = Self { shared, writers, readers };
        load.await_writes(40)?;
        Ok(load)
    }

    /// Waits for so many more acknowledged writes.
    pub(super) fn await_writes(&self, count: usize) -> Result<()> {
        let goal = self.shared.acknowledged.load(Ordering::SeqCst) + count;
        let reached = poll(LIMIT, Duration::from_millis(1), || {
            let failed = self.shared.failed.load(Ordering::SeqCst);
            let done = self.shared.acknowledged.load(Ordering::SeqCst) >= goal;
            anyhow::Ok((done || failed).then_some(()))
        })?;
        reached.with_context(|| format!("no {count} writes were acknowledged in {LIMIT:?}"))
    }

    /// The longest time that a writer was without an acknowledged write, since the last call.
    pub(super) fn take_longest_gap(&self) -> Duration {
        Duration::from_micros(self.shared.longest_gap_us.swap(0, Ordering::SeqCst))
    }

    /// Ends it; nothing is in flight on return.
    pub(super) fn stop(self) -> Result<Vec<Written>> {
        self.shared.stop.store(true, Ordering::SeqCst);
        for reader in self.readers {
            reader.join().map_err(|_| anyhow!("a reader panicked"))?.context("reader")?;
        }
        let join = |writer: JoinHandle<_>| writer.join().map_err(|_| anyhow!("a writer panicked"))?;
        self.writers.into_iter().map(|writer| join(writer).context("writer")).collect()
    }
}

impl Shared {
    fn watch<T>(&self, outcome: Result<T>) -> Result<T> {
        if outcome.is_err() {
            self.failed.store(true, Ordering::SeqCst);
        }
        outcome
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn write(&self, writer: usize) -> Result<Written> {
        let mut written = Written { hub: hub(writer), ..Written::default() };
        let mut connection = Connection { shared: self, at: 0, client: None };
        let mut last = Instant::now();
        for number in 0.. {
            let node = |number: u64| format!("node{writer}-{number}");
            let properties = ("properties_msgpack", bin(pack(&map([("n", number.into())]))));
            // Two nodes and five edges, then the first of the nodes goes again.
            let (method, fields, key) = match number % 8 {
                0 | 4 => {
                    let id = node(number);
                    (
                        "AddNode",
                        params([("node_id", id.as_str().into()), properties]),
                        Some((id, Expected::There)),
                    )
                }
                7 => {
                    let id = node(number - 7);
                    if written.nodes.get(&id) != Some(&Expected::There) {
                        continue;
                    }
                    ("RemoveNode", params([("node_id", id.as_str().into())]), Some((id, Expected::Gone)))
                }
                _ => {
                    let ends = [
                        ("source_id", written.hub.as_str().into()),
                        ("target_id", "target".into()),
                        properties,
                    ];
                    ("AddEdge", params(ends), None)
                }
            };
            let Some(done) = connection.settle(method, fields)? else { return Ok(written) };
            let mut note = |expected| match &key {
                Some((id, _)) => drop(written.nodes.insert(id.clone(), expected)),
                None => drop(written.edges.insert(number, expected)),
            };
            if done.is_none() {
                note(Expected::Unknown);
                continue;
            }
            note(key.as_ref().map_or(Expected::There, |(_, expected)| *expected));
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
            let gap = u64::try_from(last.elapsed().as_micros())?;
            self.longest_gap_us.fetch_max(gap, Ordering::SeqCst);
            last = Instant::now();
            if let Some((id, expected)) = key {
                let fields = params([("node_id", id.as_str().into())]);
                let Some(there) = connection.retry("HasNode", fields)? else { return Ok(written) };
                ensure!(
                    there == (expected == Expected::There).into(),
                    "{id}: own write is not read: {there}"
                );
            }
            pause(PACE);
        }
        Ok(written)
    }

    fn read(&self) -> Result<()> {
        let mut connection = Connection { shared: self, at: 0, client: None };
        let node = || params([("node_id", "target".into())]);
        while let Some(there) = connection.retry("HasNode", node())? {
            ensure!(there == true.into(), "{} serves an empty graph", self.places[connection.at].name);
            pause(PACE);
        }
        Ok(())
    }
}

/// A client that goes where it is told to.
struct Connection<'s> {
    shared: &'s Shared,
    at: usize,
    client: Option<Client>,
}

enum Answer {
    Done(Value),
    /// Nothing was done.
    Refused,
    /// The connection broke; what became of the request is unknown.
    Lost,
}

impl Connection<'_> {
    /// Repeats a request until it is answered or lost (none inside), or the load ends (none).
    fn settle(&mut self, method: &str, fields: Option<Value>) -> Result<Option<Option<Value>>> {
        while !self.shared.stopped() {
            match self.call(method, fields.clone())? {
                Answer::Done(value) => return Ok(Some(Some(value))),
                Answer::Lost => return Ok(Some(None)),
                Answer::Refused => {}
            }
        }
        Ok(None)
    }

    /// As [`Connection::settle`], also after a lost connection: for reads.
    fn retry(&mut self, method: &str, fields: Option<Value>) -> Result<Option<Value>> {
        loop {
            match self.settle(method, fields.clone())? {
                None => return Ok(None),
                Some(Some(value)) => return Ok(Some(value)),
                Some(None) => {}
            }
        }
    }

    fn call(&mut self, method: &str, fields: Option<Value>) -> Result<Answer> {
        let client = match &mut self.client {
            Some(client) => client,
            None => match Client::connect(&self.shared.places[self.at].endpoint, "test-secret") {
                Ok(client) => self.client.insert(client),
                Err(_) => {
                    pause(PACE);
                    return Ok(Answer::Refused);
                }
            },
        };
        match client.call(&self.shared.graph, method, fields) {
            Ok(value) => Ok(Answer::Done(value)),
            Err(WireError::Io(_)) => {
                self.client = None;
                Ok(Answer::Lost)
            }
            Err(WireError::Server(text)) => {
                self.follow(&text).with_context(|| format!("{method} at place {}", self.at))?;
                Ok(Answer::Refused)
            }
            Err(error @ WireError::Protocol(_)) => Err(error.into()),
        }
    }

    /// Does what a refusal says.
    fn follow(&mut self, text: &str) -> Result<()> {
        let graph = &self.shared.graph;
        let other = &self.shared.places[1 - self.at].name;
        let elsewhere = [
            format!("MOVED: graph '{graph}' moved to '{other}'"),
            format!("ARRIVING: graph '{graph}' is being moved here and is served by '{other}'"),
        ];
        let lost = self.shared.aborts && self.at == 1 && text == format!("Graph '{graph}' not found");
        if lost || elsewhere.iter().any(|words| text.starts_with(words)) {
            (self.at, self.client) = (1 - self.at, None);
        } else if !text.starts_with(&format!("MOVING: graph '{graph}' is being moved to '{other}'")) {
            bail!("{text}");
        }
        pause(PACE);
        Ok(())
    }
}
