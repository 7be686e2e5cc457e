//! Clients that read and write one graph and record what they see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::answer::row_of;
use super::choose::{Chooser, first_write};
use super::event::{Change, Clock, History, Outcome, Read, Write};
use super::log::Log;
use super::question::Question;
use super::request::request;
use crate::seed::generator;
use crate::wait::{pause, poll};
use crate::wire::{Client, Endpoint, Response, Value, WireError, field};

/// Between two tries to reach a server that is down, or a graph that moves.
const PAUSE: Duration = Duration::from_millis(2);
/// How long a graph may be without a server that answers.
const LIMIT: Duration = Duration::from_secs(60);
/// Requests that write, and those of them that go to the client's own node, in a hundred.
const WRITES: u32 = 40;
const OWN_WRITES: u32 = 30;

/// Where a graph may be served: the names that refusals give, and the endpoints. The first has it when the load begins.
pub type Places = Vec<(String, Endpoint)>;

/// Clients at work. Each sends up to four requests before it waits for their answers. A client whose connection breaks connects
/// again, and one that is told that the graph is elsewhere goes there.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Result<History>>>,
    begun: History,
}

#[derive(Debug)]
struct Shared {
    graph: String,
    places: Places,
    secret: String,
    clock: Clock,
    sessions: AtomicU64,
    answers: AtomicU64,
    stop: AtomicBool,
    failed: AtomicBool,
}

impl Load {
    /// Creates `graph` at the first place and starts `clients` clients.
    pub fn start(graph: &str, places: Places, secret: &str, clients: usize, seed: u64) -> Result<Load> {
        let shared = Arc::new(Shared {
            graph: graph.to_owned(),
            places,
            secret: secret.to_owned(),
            clock: Clock::default(),
            sessions: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        });
        let begun = shared.begin()?;
        let work = |client: usize| {
            let shared = Arc::clone(&shared);
            let chooser = Chooser::new(generator(seed, client as u64), client, clients);
            let run = move || {
                let history = Connection::new(&shared).run(chooser);
                if history.is_err() {
                    shared.failed.store(true, Ordering::SeqCst);
                }
                history
            };
            Builder::new().name(format!("history-{client}")).spawn(run)
        };
        let clients = (0..clients).map(work).collect::<Result<_, _>>()?;
        Ok(Load { shared, clients, begun })
    }

    /// The clock of the history.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Waits for so many more answers, or until a client has failed; [`Load::stop`] then tells why.
    pub fn await_answers(&self, count: u64) -> Result<()> {
        let goal = self.shared.answers.load(Ordering::SeqCst) + count;
        let reached = poll(LIMIT, Duration::from_millis(1), || {
            let done = self.shared.answers.load(Ordering::SeqCst) >= goal;
            anyhow::Ok((done || self.shared.failed.load(Ordering::SeqCst)).then_some(()))
        })?;
        reached.with_context(|| format!("no {count} answers in {LIMIT:?}"))
    }

    /// Ends it, and reads the ledger of the graph where it is now. All servers must run.
    pub fn stop(self) -> Result<(History, Log)> {
        self.shared.stop.store(true, Ordering::SeqCst);
        let mut history = self.begun;
        for client in self.clients {
            history.extend(client.join().map_err(|_| anyhow!("a client panicked"))??);
        }
        for (_, endpoint) in &self.shared.places {
            let mut client = Client::connect(endpoint, &self.shared.secret)?;
            if client.call(&self.shared.graph, "NodeCount", None).is_ok() {
                return Ok((history, Log::read(&mut client, &self.shared.graph)?));
            }
        }
        bail!("no place serves {}", self.shared.graph)
    }
}

impl Shared {
    fn begin(&self) -> Result<History> {
        let mut client = Client::connect(&self.places[0].1, &self.secret)?;
        client.create_graph(&self.graph)?;
        let (changes, called) = (first_write(), self.clock.now());
        let (method, params) = request(&changes);
        client.call(&self.graph, method, params)?;
        let outcome = Outcome::Acknowledged(self.clock.now());
        let session = self.sessions.fetch_add(1, Ordering::SeqCst);
        Ok(History { writes: vec![Write { session, called, outcome, changes }], reads: Vec::new() })
    }
}

/// What was sent and not answered yet.
enum Sent {
    Write { called: u64, changes: Vec<Change>, own: bool },
    Read { called: u64, question: Question },
}

/// A client that goes where it is told to.
struct Connection<'s> {
    shared: &'s Shared,
    /// Index of the place.
    at: usize,
    /// The connection and its number.
    open: Option<(Client, u64)>,
    history: History,
}

impl<'s> Connection<'s> {
    fn new(shared: &'s Shared) -> Self {
        Self { shared, at: 0, open: None, history: History::default() }
    }

    fn run(mut self, mut chooser: Chooser) -> Result<History> {
        while !self.shared.stop.load(Ordering::SeqCst) && !self.shared.failed.load(Ordering::SeqCst) {
            let (mut client, session) = match self.open.take() {
                Some(open) => open,
                None => match Client::connect(&self.shared.places[self.at].1, &self.shared.secret) {
                    Ok(client) => (client, self.shared.sessions.fetch_add(1, Ordering::SeqCst)),
                    Err(_) => {
                        pause(PAUSE);
                        continue;
                    }
                },
            };
            let at = self.at;
            if self.burst(&mut client, session, &mut chooser)? && self.at == at {
                self.open = Some((client, session));
            }
        }
        Ok(self.history)
    }

    /// Sends some requests and receives their answers; false when the connection broke.
    fn burst(&mut self, client: &mut Client, session: u64, chooser: &mut Chooser) -> Result<bool> {
        let mut sent = Vec::new();
        let mut broken = false;
        for _ in 0..chooser.burst() {
            let own = !sent.iter().any(|sent| matches!(sent, Sent::Write { own: true, .. }))
                && chooser.percent(OWN_WRITES);
            let called = self.shared.clock.now();
            let next = match chooser.percent(WRITES) {
                true if own => Sent::Write { called, changes: chooser.own_write(), own },
                true => Sent::Write { called, changes: chooser.write(), own: false },
                false => Sent::Read { called, question: self.question(chooser) },
            };
            let (method, params) = match &next {
                Sent::Write { changes, .. } => request(changes),
                Sent::Read { question, .. } => question.request(),
            };
            broken = client.send(&self.shared.graph, method, params).is_err();
            sent.push(next);
            if broken {
                break;
            }
        }
        let mut elsewhere = None;
        for sent in sent {
            let outcome = if broken { None } else { received(client.receive())? };
            broken |= outcome.is_none();
            let returned = self.shared.clock.now();
            let refusal = match (outcome, sent) {
                (outcome, Sent::Write { called, changes, own }) => self.wrote(
                    Span { session, called, returned },
                    changes,
                    outcome,
                    own.then_some(&mut *chooser),
                )?,
                (Some(outcome), Sent::Read { called, question }) => {
                    self.read(Span { session, called, returned }, question, outcome, chooser)?
                }
                (None, Sent::Read { .. }) => None,
            };
            elsewhere = refusal.or(elsewhere);
        }
        if let Some(text) = elsewhere {
            self.follow(&text)?;
        }
        Ok(!broken)
    }

    fn question(&self, chooser: &mut Chooser) -> Question {
        let question = chooser.question();
        // It tells of a copy that has left or arrives, too: it is what moves are made with.
        let of_any_copy = matches!(question, Question::Changes(_));
        if of_any_copy && self.shared.places.len() > 1 { Question::Stats } else { question }
    }

    /// Records a write; `own` is who chose it, when it was one to his own node. Returns the text of a refusal.
    fn wrote(
        &mut self,
        Span { session, called, returned }: Span,
        changes: Vec<Change>,
        outcome: Option<Result<Value, String>>,
        own: Option<&mut Chooser>,
    ) -> Result<Option<String>> {
        let (outcome, refusal) = match outcome {
            Some(Ok(answer)) => {
                let errors = field(&answer, "errors").and_then(Value::as_array);
                ensure!(errors.is_none_or(Vec::is_empty), "{changes:?}: {answer}");
                if let Some(chooser) = own {
                    chooser.own_done(&changes);
                }
                self.shared.answers.fetch_add(1, Ordering::SeqCst);
                (Outcome::Acknowledged(returned), None)
            }
            Some(Err(text)) => (Outcome::Refused, Some(text)),
            None => {
                if let Some(chooser) = own {
                    chooser.own_lost();
                }
                (Outcome::Lost(returned), None)
            }
        };
        self.history.writes.push(Write { session, called, outcome, changes });
        Ok(refusal)
    }

    /// Records the answer to a read. Returns the text of a refusal.
    fn read(
        &mut self,
        Span { session, called, returned }: Span,
        question: Question,
        outcome: Result<Value, String>,
        chooser: &mut Chooser,
    ) -> Result<Option<String>> {
        let answer = match outcome {
            // The next request that names the graph is told where it is.
            Ok(answer) if question == Question::Stats && row_of(&self.shared.graph, &answer).is_none() => {
                return Ok(None);
            }
            Ok(answer) => question.normalised(&self.shared.graph, answer)?,
            Err(text) if text.starts_with("Node '") => Value::Nil,
            Err(text) => return Ok(Some(text)),
        };
        match (&question, answer.as_array().map(Vec::as_slice)) {
            (Question::Changes(_), Some([sequence, _])) | (Question::Stats, Some([_, _, sequence])) => {
                chooser.seen = sequence.as_u64().context("no sequence")?;
            }
            _ => {}
        }
        self.shared.answers.fetch_add(1, Ordering::SeqCst);
        self.history.reads.push(Read { session, called, returned, question, answer });
        Ok(None)
    }

    /// Does what a refusal says.
    fn follow(&mut self, text: &str) -> Result<()> {
        let graph = &self.shared.graph;
        if text.starts_with(&format!("MOVED: graph '{graph}'"))
            || text.starts_with(&format!("ARRIVING: graph '{graph}'"))
        {
            let named = |(name, _): &(String, Endpoint)| text.contains(&format!("'{name}'"));
            self.at = self.shared.places.iter().position(named).with_context(|| text.to_owned())?;
        } else if !text.starts_with(&format!("MOVING: graph '{graph}'")) && !text.starts_with("BUSY: ") {
            bail!("{text}");
        }
        pause(PAUSE);
        Ok(())
    }
}

/// When and on which connection a request was made.
struct Span {
    session: u64,
    called: u64,
    returned: u64,
}

/// The outcome of the next answer, or none when the connection broke.
fn received(answer: Result<Response, WireError>) -> Result<Option<Result<Value, String>>> {
    match answer {
        Ok(response) => Ok(Some(response.outcome)),
        Err(WireError::Io(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
