//! Writers with the old list that follow signposts, and what they were told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, scope};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::wire::field;
use epistemic_tests::{Client, Endpoint, Value, WireError, wait};

/// How long a graph may refuse writes before a writer gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was acknowledged: nodes by graph.
#[derive(Default)]
pub(super) struct Written {
    pub(super) nodes: HashMap<String, Vec<String>>,
    pub(super) writes: usize,
    /// Refusals with the words to try again, and those that named the new owner.
    pub(super) tried_again: usize,
    pub(super) followed: usize,
    /// The longest that one write took with all its attempts.
    pub(super) longest: Duration,
}

/// Connections to shards by endpoint.
#[derive(Default)]
pub(super) struct Connections(HashMap<String, Client>);

impl Connections {
    pub(super) fn to(&mut self, endpoint: &str) -> Result<&mut Client> {
        if !self.0.contains_key(endpoint) {
            let path = endpoint.strip_prefix("unix://").context("a unix endpoint")?;
            let client = Client::connect(&Endpoint::Unix(path.into()), "test-secret")?;
            self.0.insert(endpoint.to_owned(), client);
        }
        self.0.get_mut(endpoint).context("just connected")
    }
}

/// Writes to all graphs from several threads while `work` runs; `load` begins the names of the nodes. `owners` are those that the clients know at first.
pub(super) fn while_written<T>(
    load: &str,
    writers: usize,
    graphs: &[String],
    owners: &[String],
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Written)> {
    let over = AtomicBool::new(false);
    scope(|scope| {
        let mut threads = Vec::new();
        for writer in 0..writers {
            let over = &over;
            let write = move || write(load, writer, graphs, owners, over);
            threads.push(Builder::new().name(format!("writer-{writer}")).spawn_scoped(scope, write)?);
        }
        let done = work();
        over.store(true, Ordering::Relaxed);
        let mut all = Written::default();
        for thread in threads {
            let Ok(written) = thread.join() else { bail!("a writer panicked") };
            let written = written?;
            for (graph, nodes) in written.nodes {
                all.nodes.entry(graph).or_default().extend(nodes);
            }
            all.writes += written.writes;
            all.tried_again += written.tried_again;
            all.followed += written.followed;
            all.longest = all.longest.max(written.longest);
        }
        Ok((done?, all))
    })
}

fn write(
    load: &str,
    writer: usize,
    graphs: &[String],
    owners: &[String],
    over: &AtomicBool,
) -> Result<Written> {
    let (mut shards, mut written) = (Connections::default(), Written::default());
    let mut owners = owners.to_vec();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        // Each writer begins somewhere else.
        let at = (number + writer * graphs.len() / 3) % graphs.len();
        let node = format!("{load}-{writer}-{number}");
        let begun = Instant::now();
        loop {
            ensure!(begun.elapsed() < PATIENCE, "graph {} takes no writes", graphs[at]);
            let error = match shards.to(&owners[at])?.add_node(&graphs[at], &node, b"\x80") {
                Ok(()) => break,
                Err(WireError::Server(text)) => text,
                Err(error) => return Err(error.into()),
            };
            if error.starts_with("MOVING: ") || error.starts_with("ARRIVING: ") {
                written.tried_again += 1;
                wait::pause(Duration::from_millis(5));
            } else if let Some(to) = signpost(&error) {
                written.followed += 1;
                owners[at] = to.to_owned();
            } else {
                bail!("graph {}: {error}", graphs[at]);
            }
        }
        written.writes += 1;
        written.longest = written.longest.max(begun.elapsed());
        written.nodes.entry(graphs[at].clone()).or_default().push(node);
    }
    Ok(written)
}

/// The endpoint that a signpost names.
pub(super) fn signpost(error: &str) -> Option<&str> {
    error.strip_prefix("MOVED: ")?.split_once("' moved to '")?.1.split('\'').next()
}

/// Every graph is on its owner with its first nodes and all that was acknowledged, and its ledger has no change more.
/// Returns the nodes of each.
pub(super) fn assert_all_there(
    graphs: &[String],
    owners: &[String],
    written: &[&Written],
) -> Result<Vec<u64>> {
    let mut shards = Connections::default();
    let mut stats = HashMap::new();
    for owner in owners {
        if !stats.contains_key(owner) {
            let rows = shards.to(owner)?.call("__commons__", "GraphStats", None)?;
            stats.insert(owner.clone(), rows);
        }
    }
    let mut counts = Vec::new();
    for (number, (graph, owner)) in graphs.iter().zip(owners).enumerate() {
        let rows = stats[owner].as_array().context("rows")?;
        let row = rows.iter().find(|row| field(row, "name").and_then(Value::as_str) == Some(graph));
        let row = row.with_context(|| format!("{graph} is not on {owner}"))?;
        let told = |name| field(row, name).and_then(Value::as_u64).context("a number");
        let acknowledged: Vec<_> =
            written.iter().flat_map(|written| written.nodes.get(graph).into_iter().flatten()).collect();
        let (nodes, edges) = super::size(number);
        let (nodes, edges) = (nodes as u64 + acknowledged.len() as u64, edges as u64);
        ensure!(told("nodes")? == nodes && told("edges")? == edges, "{graph}: {row}, not {nodes} nodes");
        ensure!(told("sequence")? == 1 + nodes + edges, "{graph}: a write was made twice: {row}");
        let client = shards.to(owner)?;
        for node in acknowledged {
            ensure!(client.node_properties(graph, node)?.is_some(), "{graph} lost {node}");
        }
        counts.push(nodes);
    }
    Ok(counts)
}
