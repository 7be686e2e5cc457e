//! Writers who note what became of each write, and the check of that after a restart.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::seed::generator;
use epistemic_tests::wire::{field, map, params};
use epistemic_tests::{Client, ServerProcess, Value, WireError};
use rand::RngExt;

/// How refusals begin, or what they contain, that say that nothing was done.
const NOTHING_DONE: [&str; 4] =
    ["disk full: ", "out of file descriptors: ", "BUSY", "the store stopped taking writes"];

/// What a client knows of a write that it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    /// The answer was an error that says that nothing was done.
    NotDone,
    /// Another error, or none because the server was killed.
    InDoubt,
}

#[derive(Debug)]
enum Change {
    /// Adds the nodes `NAME.0` to `NAME.COUNT-1` in one request.
    Add { name: String, count: usize },
    /// Removes a node that was acknowledged.
    Remove { node: String },
}

/// One writer: its graph, and all it sent.
#[derive(Debug)]
pub(crate) struct Writer {
    graph: String,
    /// The graph was created: all else goes without it.
    created: Fate,
    sent: Vec<(Change, Fate)>,
    /// The refusals of other kinds, for the report of a failure.
    pub(crate) refusals: BTreeSet<String>,
}

impl Writer {
    pub(crate) fn new(number: usize) -> Self {
        let graph = format!("writer {number}");
        Self { graph, created: Fate::InDoubt, sent: Vec::new(), refusals: BTreeSet::new() }
    }

    /// Writes until told to stop. An error when an answer does not come although the server lives, or a read shows less than
    /// what was acknowledged.
    pub(crate) fn write(
        &mut self,
        server: &ServerProcess,
        seed: u64,
        killed: &AtomicBool,
        writes: usize,
    ) -> Result<()> {
        let mut client = server.client()?;
        let graph = self.graph.clone();
        let mut random = generator(seed, 0);
        self.created = self.fate(client.create_graph(&graph).map(|()| Value::Nil), killed)?;
        for number in 0..writes {
            if killed.load(Ordering::SeqCst) {
                break;
            }
            let change = match self.removable().filter(|_| random.random_bool(0.15)) {
                Some(node) => Change::Remove { node },
                None => {
                    let count = if random.random_bool(0.3) { 5 } else { 1 };
                    Change::Add { name: format!("{number}"), count }
                }
            };
            let answer = send(&mut client, &graph, &change);
            let fate = self.fate(answer, killed)?;
            let read = (fate == Fate::Acknowledged).then(|| witness(&change));
            self.sent.push((change, fate));
            match read.map(|(node, there)| (client.node_properties(&graph, &node), there)) {
                Some((Ok(found), there)) => {
                    ensure!(
                        found.is_some() == there,
                        "{graph}: read after the acknowledgement of {:?}",
                        self.sent.last()
                    );
                }
                Some((Err(WireError::Io(_)), _)) if killed.load(Ordering::SeqCst) => break,
                Some((Err(WireError::Io(error)), _)) => bail!("{graph}: a read was not answered: {error}"),
                Some((Err(_), _)) | None => {}
            }
        }
        Ok(())
    }

    fn fate(&mut self, answer: Result<Value, WireError>, killed: &AtomicBool) -> Result<Fate> {
        match answer {
            Ok(answer) => {
                let errors = field(&answer, "errors").and_then(Value::as_array);
                ensure!(errors.is_none_or(Vec::is_empty), "{}: {answer}", self.graph);
                Ok(Fate::Acknowledged)
            }
            Err(WireError::Server(text)) => {
                let nothing =
                    NOTHING_DONE.iter().any(|words| text.contains(words)) || text.contains("not found");
                self.refusals.insert(text);
                Ok(if nothing { Fate::NotDone } else { Fate::InDoubt })
            }
            Err(WireError::Io(_)) if killed.load(Ordering::SeqCst) => Ok(Fate::InDoubt),
            Err(error) => bail!("{}: not answered: {error}", self.graph),
        }
    }

    /// A node that is there for certain and was not touched since.
    fn removable(&self) -> Option<String> {
        let (change, fate) = self.sent.last()?;
        match (change, fate) {
            (Change::Add { name, .. }, Fate::Acknowledged) => Some(format!("{name}.0")),
            _ => None,
        }
    }

    /// How many were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.sent.iter().filter(|(_, fate)| *fate == Fate::Acknowledged).count()
    }

    /// Compares what a server holds with what the writer was told.
    pub(crate) fn check(&self, client: &mut Client) -> Result<()> {
        let graph = &self.graph;
        let mut found = match client.call(graph, "NodeIds", None) {
            Ok(ids) => node_ids(&ids)?,
            Err(WireError::Server(text)) if text.contains("not found") => {
                ensure!(self.created != Fate::Acknowledged, "{graph}: created, and gone");
                ensure!(self.acknowledged() == 0, "{graph}: written to, and gone");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        ensure!(self.created != Fate::NotDone, "{graph}: its creation was refused, and it is there");
        let mut removed = BTreeSet::new();
        for (change, fate) in &self.sent {
            if let Change::Remove { node } = change {
                let there = found.remove(node);
                match fate {
                    Fate::Acknowledged => ensure!(!there, "{graph}: {node} was removed and is back"),
                    Fate::NotDone => ensure!(there, "{graph}: {node} is gone, its removal was refused"),
                    Fate::InDoubt => {}
                }
                removed.insert(node.clone());
            }
        }
        for (change, fate) in &self.sent {
            let Change::Add { name, count } = change else { continue };
            let all: Vec<_> = (0..*count).map(|number| format!("{name}.{number}")).collect();
            let expected = all.iter().filter(|node| !removed.contains(*node)).count();
            let there = all.iter().filter(|node| found.remove(*node)).count();
            match fate {
                Fate::Acknowledged => {
                    ensure!(there == expected, "{graph}: {there} of {expected} nodes of {name}")
                }
                Fate::NotDone => ensure!(there == 0, "{graph}: {there} nodes of {name}, which was refused"),
                Fate::InDoubt => {
                    ensure!(there == 0 || there == expected, "{graph}: {there} of {expected} nodes of {name}")
                }
            }
        }
        ensure!(found.is_empty(), "{graph}: nobody wrote {found:?}");
        Ok(())
    }
}

fn send(client: &mut Client, graph: &str, change: &Change) -> Result<Value, WireError> {
    match change {
        Change::Add { name, count: 1 } => {
            client.add_node(graph, &format!("{name}.0"), b"\x80").map(|()| Value::Nil)
        }
        Change::Add { name, count } => {
            let node = |number: usize| {
                let id = format!("{name}.{number}");
                map([("op", "add_node".into()), ("id", id.into()), ("properties", map([]))])
            };
            client.batch_update(graph, (0..*count).map(node).collect())
        }
        Change::Remove { node } => {
            client.call(graph, "RemoveNode", params([("node_id", node.as_str().into())]))
        }
    }
}

/// A node, and whether it is there when the change was made.
fn witness(change: &Change) -> (String, bool) {
    match change {
        Change::Add { name, .. } => (format!("{name}.0"), true),
        Change::Remove { node } => (node.clone(), false),
    }
}

fn node_ids(ids: &Value) -> Result<BTreeSet<String>> {
    let ids = ids.as_array().context("NodeIds is no array")?;
    ids.iter().map(|id| Ok(id.as_str().context("an id is no string")?.to_owned())).collect()
}
