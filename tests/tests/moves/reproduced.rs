//! Moves that went wrong once, message by message: what was held up, slept or stalled, and what was acknowledged meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::frames::{Fate, FrameProxy};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerProcess};
use rustix::process::{Pid, Signal, kill_process};

use crate::mover::Mover;
use crate::{Pair, Place, digest};

const GRAPH: &str = "g";
const LIMIT: Duration = Duration::from_secs(30);
const OFTEN: Duration = Duration::from_millis(5);

/// A mover sleeps in front of the commit point for longer than its fence stands. Meanwhile the graph is deleted, created again
/// and changed as often as before: another graph with the same sequence number.
#[test]
fn d1_a_graph_that_was_created_again_does_not_leave_as_the_one_before_it() -> Result<()> {
    let pair = Pair::start()?;
    let mut client = pair.source.client()?;
    fill(&mut client, "old")?;
    let mover = Mover::new(&pair.work, GRAPH, &pair.places(), "journal");
    let held = mover.held_at("depart")?.context("it was done already")?;
    let deleted = || {
        let done = client.call(GRAPH, "DeleteGraph", params([("graph_name", GRAPH.into())]));
        anyhow::Ok(done.ok())
    };
    poll(LIMIT, OFTEN, deleted)?.context("the fence outlives its mover")?;
    fill(&mut client, "new")?;
    let expected = digest(&mut client, GRAPH)?;
    held.go_on()?;
    held.ended()?;
    let receipt = mover.finish()?;
    pair.served_by_destination(GRAPH)?;
    ensure!(digest(&mut pair.destination.client()?, GRAPH)? == expected);
    ensure!(receipt["digest"] == *expected.1 && receipt["digest_at"] == expected.0, "{receipt}");
    let nodes = pair.destination.client()?.call(GRAPH, "NodeIds", None)?.to_string();
    ensure!(nodes.contains("new") && !nodes.contains("old"), "{nodes}");
    Ok(())
}

/// The network holds the departure up, the mover dies, the move is given up, and then the message arrives.
#[test]
fn d2_a_departure_that_arrives_behind_the_abort_is_refused() -> Result<()> {
    let disturbed = Disturbed::start("MoveDepart")?;
    let mut client = disturbed.source.client()?;
    fill(&mut client, "node")?;
    let before = digest(&mut client, GRAPH)?;
    let mover = disturbed.mover("mover");
    let held = mover.held_at("depart")?.context("it was done already")?;
    disturbed.keep(true);
    held.go_on()?;
    poll(LIMIT, OFTEN, || anyhow::Ok((disturbed.proxies[0].kept() > 0).then_some(())))?
        .context("it did not depart")?;
    drop(held);
    disturbed.keep(false);
    let output = disturbed.mover("abort").abort()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let serves = |disturbed: &Disturbed| -> Result<()> {
        ensure!(digest(&mut disturbed.source.client()?, GRAPH)? == before, "the source has something else");
        ensure!(disturbed.destination.client()?.call(GRAPH, "NodeCount", None).is_err(), "two serve it");
        Ok(())
    };
    serves(&disturbed)?;
    for answer in disturbed.proxies[0].deliver()? {
        let refused = answer.outcome.err().context("it departed behind the abort")?;
        ensure!(refused.starts_with("MOVE_ABORTED: "), "{refused}");
    }
    serves(&disturbed)?;
    disturbed.mover("again").finish()?;
    ensure!(digest(&mut disturbed.destination.client()?, GRAPH)? == before);
    Ok(())
}

/// An abort dies between its halves: the source has a signpost, and the destination has refused. Whoever follows the signpost
/// must not create another graph there, neither then nor when the source has the graph again.
#[test]
fn d2_no_graph_is_created_where_a_signpost_led() -> Result<()> {
    let disturbed = Disturbed::start("MoveReturn")?;
    let mut client = disturbed.source.client()?;
    fill(&mut client, "node")?;
    let before = digest(&mut client, GRAPH)?;
    drop(disturbed.mover("mover").held_at("admit")?.context("it was done already")?);
    disturbed.keep(true);
    let output = disturbed.mover("first abort").abort()?;
    ensure!(!output.status.success(), "the graph is back: {}", String::from_utf8_lossy(&output.stdout));
    disturbed.keep(false);
    let create = |code: &str| -> Result<()> {
        let created = disturbed.destination.client()?.create_graph(GRAPH);
        let text = created.err().context("another graph was created")?.to_string();
        ensure!(text.contains(code) && text.contains(&disturbed.places[0].name), "{text}");
        Ok(())
    };
    create("ARRIVING: ")?;
    let output = disturbed.mover("second abort").abort()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    create("MOVED: ")?;
    disturbed.proxies[0].deliver()?;
    ensure!(digest(&mut client, GRAPH)? == before);
    client.add_node(GRAPH, "since", b"\x80")?;
    disturbed.mover("again").finish()?;
    ensure!(digest(&mut disturbed.destination.client()?, GRAPH)?.0 == before.0 + 1);
    Ok(())
}

/// The destination stalls while writes are stopped, for longer than they may be. Writes go on; the mover notices that it was
/// overtaken and does it again.
#[test]
fn d10_a_destination_that_stalls_during_the_fence_is_caught_up_with() -> Result<()> {
    let pair = Pair::start()?;
    let mut client = pair.source.client()?;
    fill(&mut client, "before")?;
    let mover = Mover::new(&pair.work, GRAPH, &pair.places(), "journal").with(&["--max-pause", "1"]);
    let held = mover.held_at("fence")?.context("it was done already")?;
    let destination = Pid::from_raw(i32::try_from(pair.destination.pid())?).context("pid")?;
    kill_process(destination, Signal::STOP)?;
    held.go_on()?;
    let mut other = pair.source.client()?;
    let stopped = || {
        let rows = other.call(GRAPH, "MoveStatus", params([("graph_name", GRAPH.into())]))?;
        anyhow::Ok(rows.to_string().contains("fenced_by").then_some(()))
    };
    poll(LIMIT, OFTEN, stopped)?.context("writes are not stopped")?;
    let mut number = 0;
    let written = || {
        number += 1;
        anyhow::Ok(client.add_node(GRAPH, &format!("meanwhile {number}"), b"\x80").ok())
    };
    poll(LIMIT, OFTEN, written)?.context("writes are stopped for ever")?;
    let expected = digest(&mut client, GRAPH)?;
    kill_process(destination, Signal::CONT)?;
    let output = held.ended()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    pair.served_by_destination(GRAPH)?;
    ensure!(digest(&mut pair.destination.client()?, GRAPH)? == expected);
    Ok(())
}

/// A graph with ten nodes of this name.
fn fill(client: &mut Client, name: &str) -> Result<()> {
    client.create_graph(GRAPH)?;
    for number in 0..10 {
        client.add_node(GRAPH, &format!("{name}{number}"), b"\x80")?;
    }
    Ok(())
}

/// Two shards behind proxies, of which the first keeps requests of one method.
struct Disturbed {
    source: ServerProcess,
    destination: ServerProcess,
    proxies: [FrameProxy; 2],
    places: [Place; 2],
    keeps: Arc<AtomicBool>,
    work: tempfile::TempDir,
}

impl Disturbed {
    fn start(kept: &'static str) -> Result<Self> {
        let (source, destination) =
            (ServerProcess::ours().tcp().start()?, ServerProcess::ours().tcp().start()?);
        let keeps = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&keeps);
        let fates = move |_: &str, method: &str| match method == kept && asked.load(Ordering::SeqCst) {
            true => Fate::Keep,
            false => Fate::Pass,
        };
        let proxies = [
            FrameProxy::before(source.tcp_addr(), Box::new(fates))?,
            FrameProxy::before(destination.tcp_addr(), Box::new(|_, _| Fate::Pass))?,
        ];
        let place = |proxy: &FrameProxy, server: &ServerProcess| Place {
            name: format!("tcp://{}", proxy.addr()),
            endpoint: server.unix_endpoint(),
        };
        let places = [place(&proxies[0], &source), place(&proxies[1], &destination)];
        let work = tempfile::tempdir()?;
        Ok(Self { source, destination, proxies, places, keeps, work })
    }

    fn keep(&self, keeps: bool) {
        self.keeps.store(keeps, Ordering::SeqCst);
    }

    /// A mover, or an operator who gives up, with a journal of its own.
    fn mover(&self, journal: &str) -> Mover {
        Mover::new(&self.work, GRAPH, &self.places, journal)
    }
}
