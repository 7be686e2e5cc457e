//! Graphs that move between a shard on a disk and one on an object store, in both directions, under writes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use epistemic_tests::s3::S3Server;
use epistemic_tests::wire::field;
use epistemic_tests::{Client, Egctl, Endpoint, ServerProcess, WireError, wait};

use super::shard::on;

const GRAPHS: usize = 6;
const LIMIT: Duration = Duration::from_secs(120);

/// A shard with a disk and one without.
struct Pair {
    disk: ServerProcess,
    remote: ServerProcess,
    _s3: S3Server,
}

impl Pair {
    fn start() -> Result<Self> {
        let s3 = S3Server::start()?;
        let remote = on(ServerProcess::ours(), &format!("s3://{}/shard-2", S3Server::BUCKET));
        let remote = remote.envs(S3Server::env(s3.addr())).start()?;
        Ok(Self { disk: ServerProcess::ours().start()?, remote, _s3: s3 })
    }

    /// Endpoints: of the disk, and of the object store.
    fn names(&self) -> [String; 2] {
        [&self.disk, &self.remote].map(|server| format!("unix://{}", server.socket().display()))
    }
}

fn graphs() -> Vec<String> {
    (0..GRAPHS).map(|number| format!("tenant:customer-{number}/agent")).collect()
}

fn connect(endpoint: &str) -> Result<Client> {
    let path = endpoint.strip_prefix("unix://").context("a unix endpoint")?;
    Ok(Client::connect(&Endpoint::Unix(path.into()), "test-secret")?)
}

/// Adds nodes to the graphs in turn, each where its refusals say, until it is stopped. Returns how many of each were acknowledged.
fn write(graphs: &[String], at: &str, over: &AtomicBool, written: &AtomicUsize) -> Result<Vec<usize>> {
    let (mut owners, mut acknowledged) = (vec![at.to_owned(); graphs.len()], vec![0; graphs.len()]);
    while !over.load(Ordering::Relaxed) {
        for (number, graph) in graphs.iter().enumerate() {
            let node = format!("w{}", acknowledged[number]);
            let end = std::time::Instant::now() + LIMIT;
            loop {
                ensure!(std::time::Instant::now() < end, "{graph} takes no writes");
                let text = match connect(&owners[number])?.add_node(graph, &node, b"\x80") {
                    Ok(()) => break,
                    Err(WireError::Server(text)) => text,
                    Err(error) => return Err(error.into()),
                };
                if let Some(to) =
                    text.strip_prefix("MOVED: ").and_then(|text| text.split("' moved to '").nth(1))
                {
                    owners[number] = to.split('\'').next().context("a signpost")?.to_owned();
                } else if text.starts_with("MOVING: ") || text.starts_with("ARRIVING: ") {
                    wait::pause(Duration::from_millis(5));
                } else {
                    bail!("{graph}: {text}");
                }
            }
            acknowledged[number] += 1;
            written.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(acknowledged)
}

/// Every graph is at `at`, with what was acknowledged and nothing twice.
fn all_there(graphs: &[String], at: &str, acknowledged: &[usize]) -> Result<()> {
    let mut client = connect(at)?;
    let rows = client.call("__commons__", "GraphStats", None)?;
    let rows = rows.as_array().context("rows")?;
    for (graph, acknowledged) in graphs.iter().zip(acknowledged) {
        let row = rows.iter().find(|row| field(row, "name").and_then(|name| name.as_str()) == Some(graph));
        let row = row.with_context(|| format!("{graph} is not at {at}"))?;
        let told = |name| field(row, name).and_then(|value| value.as_u64()).context("a number");
        ensure!(told("nodes")? == *acknowledged as u64, "{graph}: {row}, {acknowledged} acknowledged");
        ensure!(told("sequence")? == 1 + *acknowledged as u64, "{graph}: a write was made twice: {row}");
    }
    Ok(())
}

/// There and back, by `carry(from, to, number)`, while all graphs are written to.
fn there_and_back(carry: impl Fn(&[String; 2], usize) -> Result<()>) -> Result<()> {
    let pair = Pair::start()?;
    let ([disk, remote], graphs) = (pair.names(), graphs());
    let mut client = connect(&disk)?;
    for graph in &graphs {
        client.create_graph(graph)?;
    }
    let (over, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let acknowledged = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&graphs, &disk, &over, &written));
        let carried = || -> Result<()> {
            for (number, way) in
                [[disk.clone(), remote.clone()], [remote.clone(), disk.clone()]].iter().enumerate()
            {
                let goal = written.load(Ordering::Relaxed) + 4 * GRAPHS;
                carry(way, number)?;
                // What is written at the new place counts too.
                let reached = wait::poll(LIMIT, Duration::from_millis(5), || {
                    ensure!(!writer.is_finished(), "the writer has ended");
                    Ok((written.load(Ordering::Relaxed) >= goal).then_some(()))
                })?;
                reached.context("no writes behind the move")?;
                let mut there = connect(&way[1])?;
                for graph in &graphs {
                    there.call(graph, "NodeCount", None)?;
                }
            }
            Ok(())
        };
        let carried = carried();
        over.store(true, Ordering::Relaxed);
        let acknowledged = writer.join().map_err(|_| anyhow!("the writer panicked"))?;
        carried.and(acknowledged)
    })?;
    all_there(&graphs, &disk, &acknowledged)?;
    ensure!(acknowledged.iter().all(|count| *count > 0), "{acknowledged:?}");
    Ok(())
}

#[test]
fn graphs_move_to_an_object_store_and_back_under_writes() -> Result<()> {
    let work = tempfile::tempdir()?;
    there_and_back(|[from, to], number| {
        for (graph, place) in graphs().iter().zip(0..) {
            let journal = work.path().join(format!("{number}-{place}"));
            let journal = journal.to_str().context("path")?;
            let args = ["move", graph, "--from", from, "--to", to, "--journal", journal];
            Egctl::with_secret("test-secret").report(0, &args)?;
        }
        Ok(())
    })
}

#[test]
fn a_tier_is_resharded_onto_an_object_store_and_back_under_writes() -> Result<()> {
    let work = tempfile::tempdir()?;
    there_and_back(|[from, to], number| {
        let state = work.path().join(number.to_string());
        let state = state.to_str().context("path")?;
        let args = ["reshard", "apply", "--from", from, "--to", to, "--state", state];
        let egctl = Egctl::with_secret("test-secret").env("GRAPH_AFFINITY_GROUPS", "");
        let summary = egctl.report(0, &args)?;
        ensure!(summary["moved"] == GRAPHS, "{summary:#}");
        Ok(())
    })
}
