//! Reshards under load: killed, paused, stopped, given up.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::{number_from_env, seed};
use epistemic_tests::{Egctl, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::load::{Connections, assert_all_there, signpost, while_written};
use super::{Shards, egctl, json, owners};

const LIMIT: Duration = Duration::from_secs(120);
const WRITERS: usize = 3;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("tenant:customer-{number:04}/agent")).collect()
}

/// Starts `egctl reshard` in the background.
fn start(args: &[&str]) -> Result<Child> {
    // A saved plan has its groups; those of the environment are for planning.
    let egctl = Egctl::with_secret("test-secret").env("GRAPH_AFFINITY_GROUPS", "");
    let mut command = egctl.command([&["reshard"][..], args].concat())?;
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

fn reshard(args: &[&str]) -> Result<Value> {
    json(&[&["reshard"][..], args, &["--json"]].concat())
}

/// Lines of the journal so far.
fn steps(state: &Path) -> usize {
    let journal = fs_err::read(state.join("journal.jsonl")).unwrap_or_default();
    journal.iter().filter(|&&byte| byte == b'\n').count()
}

/// Waits for so many lines, or the end of the process.
fn wait_for_steps(state: &Path, count: usize, child: &mut Child) -> Result<()> {
    let seen = wait::poll(LIMIT, Duration::from_millis(1), || {
        Ok::<_, anyhow::Error>((steps(state) >= count || child.try_wait()?.is_some()).then_some(()))
    })?;
    seen.with_context(|| format!("{} of {count} steps", steps(state)))
}

fn receipts(state: &Path) -> Result<Vec<Value>> {
    let files = fs_err::read_dir(state.join("receipts"))?;
    files.map(|file| Ok(serde_json::from_slice(&fs_err::read(file?.path())?)?)).collect()
}

/// A client with the old list is sent to the new owner, whatever it asks for.
fn assert_signposts(graphs: &[String], before: &[String], after: &[String]) -> Result<usize> {
    let mut shards = Connections::default();
    let mut moved = 0;
    for ((graph, old), new) in graphs.iter().zip(before).zip(after).filter(|((_, old), new)| old != new) {
        let client = shards.to(old)?;
        for error in [
            client.call(graph, "NodeCount", None).map(drop),
            client.create_graph(graph),
            client.add_node(graph, "n", b"\x80"),
        ] {
            let text = error.err().with_context(|| format!("{graph} on {old}: no error"))?.to_string();
            let to = text.find("MOVED: ").and_then(|at| signpost(&text[at..]));
            ensure!(to == Some(new.as_str()), "{graph}: {text}");
        }
        moved += 1;
    }
    Ok(moved)
}

/// One receipt for each graph that changed its owner; their sums are those of the summary.
fn assert_receipts(state: &Path, summary: &Value, moved: usize) -> Result<()> {
    let receipts = receipts(state)?;
    ensure!(receipts.len() == moved && summary["moved"] == moved, "{} receipts: {summary:#}", receipts.len());
    for what in ["nodes", "edges", "bytes"] {
        let sum: u64 = receipts.iter().filter_map(|receipt| receipt[what].as_u64()).sum();
        ensure!(summary[what] == sum, "{what}: {sum}, {summary:#}");
    }
    ensure!(serde_json::from_slice::<Value>(&fs_err::read(state.join("summary.json"))?)? == *summary);
    Ok(())
}

/// `EG_RESHARD_GRAPHS=1000 cargo test --release -p epistemic-tests --test reshard under_load -- --nocapture` prints the
/// figures in docs/benchmarks.md.
#[test]
fn three_shards_become_four_and_three_again_under_load() -> Result<()> {
    let shards = Shards::start(3)?;
    let graphs = names(number_from_env("EG_RESHARD_GRAPHS", 200));
    shards.fill(&graphs)?;
    let (from, to) = (shards.from(), shards.to());
    let (before, after) = (owners(&from, &graphs)?, owners(&to, &graphs)?);
    let folder = tempfile::tempdir()?;
    let (there, back) = (folder.path().join("there"), folder.path().join("back"));
    let apply = |from: &str, to: &str, state: &Path| {
        let begun = Instant::now();
        let state = state.to_str().context("path")?;
        let summary = reshard(&["apply", "--from", from, "--to", to, "--state", state])?;
        eprintln!("apply took {:?}: {summary:#}", begun.elapsed());
        Ok(summary)
    };
    let (summary, first) = while_written("there", WRITERS, &graphs, &before, || apply(&from, &to, &there))?;
    assert_all_there(&graphs, &after, &[&first])?;
    let moved = assert_signposts(&graphs, &before, &after)?;
    assert_receipts(&there, &summary, moved)?;
    ensure!(moved > 0 && first.followed > 0, "{moved} moved, {} signposts", first.followed);
    let next = summary["next"].as_str().context("next")?;
    ensure!(next.contains(&format!("GRAPH_SERVICE_ENDPOINTS={to}")), "{next}");

    let (summary, second) = while_written("back", WRITERS, &graphs, &after, || apply(&to, &from, &back))?;
    assert_all_there(&graphs, &before, &[&first, &second])?;
    ensure!(assert_signposts(&graphs, &after, &before)? == moved);
    assert_receipts(&back, &summary, moved)?;
    let next = summary["next"].as_str().context("next")?;
    ensure!(next.contains("has no graphs left but signposts"), "{next}");
    for (what, written) in [("there", first), ("back", second)] {
        let load = (written.writes, written.tried_again, written.followed, written.longest);
        eprintln!("{what}: (writes, tried again, signposts followed, longest write) {load:?}");
    }
    Ok(())
}

#[test]
fn a_reshard_that_is_killed_is_resumed() -> Result<()> {
    let seed = seed("a_reshard_that_is_killed_is_resumed");
    let shards = Shards::start(3)?;
    let graphs = names(60);
    shards.fill(&graphs)?;
    let (from, to) = (shards.from(), shards.to());
    let (before, after) = (owners(&from, &graphs)?, owners(&to, &graphs)?);
    let folder = tempfile::tempdir()?;
    let (dir, plan) = (folder.path().join("state"), folder.path().join("plan.json"));
    let (state, plan) = (dir.to_str().context("path")?, plan.to_str().context("path")?);
    reshard(&["plan", "--from", &from, "--to", &to, "--out", plan])?;
    let (summary, written) = while_written("load", WRITERS, &graphs, &before, || {
        let mut args = vec!["apply", "--plan", plan, "--state", state];
        for kill in 0..3 {
            let mut child = start(&args)?;
            // Nine steps make a move, two go on at once.
            let more = 1 + (seed >> (8 * kill)) % 40;
            wait_for_steps(&dir, steps(&dir) + more as usize, &mut child)?;
            child.kill()?;
            child.wait()?;
            args = vec!["resume", "--state", state];
        }
        reshard(&args)
    })?;
    assert_all_there(&graphs, &after, &[&written])?;
    let moved = assert_signposts(&graphs, &before, &after)?;
    assert_receipts(&dir, &summary, moved)
}

#[test]
fn shards_that_die_are_connected_to_again() -> Result<()> {
    let mut shards = Shards::start(3)?;
    let graphs = names(60);
    shards.fill(&graphs)?;
    let (from, to) = (shards.from(), shards.to());
    let after = owners(&to, &graphs)?;
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("state");
    let state = dir.to_str().context("path")?;
    let mut child = start(&["apply", "--json", "--from", &from, "--to", &to, "--state", state])?;
    // Once all moves come to it, once some of them leave it.
    for source in [false, true] {
        wait_for_steps(&dir, steps(&dir) + 10, &mut child)?;
        let server = if source { &mut shards.servers[0] } else { &mut shards.newcomer };
        server.kill9()?;
        // A reshard that meets it is what is tried out.
        wait::pause(Duration::from_millis(300));
        *server = server.builder().start()?;
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{text}");
    ensure!(text.contains("it will be tried again"), "{text}");
    assert_all_there(&graphs, &after, &[]).map(drop)
}

#[test]
fn a_reshard_is_paused_stopped_and_given_up() -> Result<()> {
    let shards = Shards::start(3)?;
    let graphs = names(60);
    shards.fill(&graphs)?;
    let (from, to) = (shards.from(), shards.to());
    let (before, after) = (owners(&from, &graphs)?, owners(&to, &graphs)?);
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("state");
    let state = dir.to_str().context("path")?;
    let apply = ["apply", "--from", &from, "--to", &to, "--state", state, "--rate-limit", "4kB"];
    let mut child = start(&apply)?;
    wait_for_steps(&dir, 1, &mut child)?;
    let of_state = |command| reshard(&[command, "--state", state]);
    of_state("pause")?;
    // What is in hand goes on to its next step or piece.
    let at = |field: &str| Ok::<_, anyhow::Error>(of_state("status")?[field].clone());
    ensure!(at("running")? == true && at("paused")? == true);
    let left = at("left")?.as_u64().context("left")?;
    ensure!(left > 1, "{left}");

    // Names that wait are reserved: a client with the new list is told where the graph is.
    let mut shards_of = Connections::default();
    let mut reserved = 0;
    for ((graph, old), new) in graphs.iter().zip(&before).zip(&after).filter(|((_, old), new)| old != new) {
        let Err(error) = shards_of.to(new)?.create_graph(graph) else { anyhow::bail!("{graph} was created") };
        reserved += usize::from(error.to_string().contains(&format!("is served by '{old}' until then")));
    }
    ensure!(reserved > 0);

    let second =
        egctl(&[&["reshard"][..], &["apply", "--from", &from, "--to", &to, "--state", state]].concat())?;
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    ensure!(second.status.code() == Some(1) && text.contains("another egctl works with"), "{text}");
    ensure!(of_state("resume")?["told"].as_str().is_some_and(|told| told.contains("goes on")));
    ensure!(at("paused")? == false);
    let now = steps(&dir);
    wait_for_steps(&dir, now + 1, &mut child)?;
    kill_process(Pid::from_child(&child), Signal::INT)?;
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1) && text.contains("egctl reshard resume"), "{text}");

    let left = at("left")?.as_u64().context("left")?;
    ensure!(left > 0 && at("running")? == false, "{left}");
    let summary = of_state("abort")?;
    ensure!(summary["given_up"] == left && summary["left"] == 0, "{summary:#}");
    let gone: Vec<Value> = receipts(&dir)?;
    let moved = |graph: &String| gone.iter().any(|receipt| receipt["graph"] == graph.as_str());
    let now: Vec<String> = graphs
        .iter()
        .enumerate()
        .map(|(at, graph)| if moved(graph) { after[at].clone() } else { before[at].clone() })
        .collect();
    assert_all_there(&graphs, &now, &[])?;
    ensure!(of_state("resume")?["left"] == 0, "what was given up is not moved");
    assert_all_there(&graphs, &now, &[])?;
    // The way back: those that moved return, the others are where they belong.
    let back = folder.path().join("back");
    let summary =
        reshard(&["apply", "--from", &to, "--to", &from, "--state", back.to_str().context("path")?])?;
    ensure!(summary["moved"] == gone.len(), "{summary:#}");
    assert_all_there(&graphs, &before, &[]).map(drop)
}
