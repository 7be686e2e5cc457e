//! The metrics page under those who ask for it often, and with many graphs.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::params;
use epistemic_tests::{ServerProcess, http};

const LIMIT: Duration = Duration::from_secs(60);

fn count_of(page: &str, name: &str) -> usize {
    page.lines().filter(|line| line.starts_with(name)).count()
}

#[test]
fn graphs_beyond_the_limit_have_no_series_until_there_is_room() -> Result<()> {
    let server = ServerProcess::ours().in_memory().metrics().arg("--max-graph-series").arg("3").start()?;
    let mut client = server.client()?;
    let page = || -> Result<String> { Ok(http::get(server.metrics_addr(), "/metrics")?.body) };
    for number in 0..6 {
        let graph = format!("g{number}");
        client.create_graph(&graph)?;
        client.add_node(&graph, "n", b"\x80")?;
    }
    let before = page()?;
    ensure!(count_of(&before, "epistemic_graph_graph_ops_total{") == 3, "{before}");
    ensure!(count_of(&before, "epistemic_graph_graph_nodes{") == 3, "{before}");
    let unlisted = http::series(&before, "epistemic_graph_graph_ops_unlisted_total");
    ensure!(unlisted >= Some(3.0), "{unlisted:?}");
    for number in 0..3 {
        client.call("", "DeleteGraph", params([("graph_name", format!("g{number}").into())]))?;
    }
    page()?;
    client.add_node("g5", "m", b"\x80")?;
    let after = page()?;
    ensure!(http::series(&after, "epistemic_graph_graph_nodes{graph=\"g5\"}") == Some(2.0), "{after}");
    Ok(())
}

/// A small page is always of now; a large one is shown again for a moment, so that asking for it often costs little.
#[test]
fn a_large_page_is_rendered_once_for_many() -> Result<()> {
    let server = ServerProcess::ours().in_memory().metrics().start()?;
    let mut client = server.client()?;
    let pings = |page: &str| http::series(page, "epistemic_graph_requests_total{op=\"Ping\"}");
    for number in 1..20 {
        client.call("", "Ping", None)?;
        let page = http::get(server.metrics_addr(), "/metrics")?.body;
        // The harness pings too.
        ensure!(pings(&page) >= Some(f64::from(number)), "{number}: {page}");
    }
    let tail = "x".repeat(1000);
    for number in 0..120 {
        let graph = format!("{number}{tail}");
        client.create_graph(&graph)?;
        client.add_node(&graph, "n", b"\x80")?;
    }
    let kept = poll(LIMIT, Duration::from_millis(1), || -> Result<_> {
        let first = http::get(server.metrics_addr(), "/metrics")?.body;
        ensure!(first.len() > 256 << 10, "{} bytes", first.len());
        client.call("", "Ping", None)?;
        let second = http::get(server.metrics_addr(), "/metrics")?.body;
        Ok((first == second).then_some(()))
    })?;
    kept.context("each page was rendered anew")?;

    let address = server.metrics_addr();
    let served = thread::scope(|scope| {
        let read = || http::get(address, "/metrics").map(|answer| answer.status);
        let readers: Vec<_> = (0..80).map(|_| scope.spawn(read)).collect();
        for _ in 0..20 {
            client.call("", "ShardStatus", None)?;
        }
        let answers = readers.into_iter().filter_map(|reader| reader.join().ok()?.ok());
        anyhow::Ok(answers.filter(|status| *status == 200).count())
    })?;
    // Beyond its 64 connections the listener lets go of those that wait longest without a request.
    ensure!(served >= 40, "{served}");
    // And it becomes of now again.
    let sent = pings(&http::get(server.metrics_addr(), "/metrics")?.body);
    client.call("", "Ping", None)?;
    let renewed = poll(LIMIT, Duration::from_millis(10), || -> Result<_> {
        let page = http::get(server.metrics_addr(), "/metrics")?.body;
        Ok((pings(&page) > sent).then_some(()))
    })?;
    renewed.context("the page stays as it was")
}

/// What runs, what it takes, and what writes wait for.
#[test]
fn builds_the_process_and_phases_of_commits_are_told() -> Result<()> {
    let mut server = ServerProcess::ours().metrics().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    for number in 0..20 {
        client.add_node("g", &format!("n{number}"), b"\x80")?;
    }
    let neighbors = || params([("node_id", "n1".into())]);
    for _ in 0..3 {
        client.call("g", "GetNeighbors", neighbors())?;
    }
    let page =
        |server: &ServerProcess| -> Result<String> { Ok(http::get(server.metrics_addr(), "/metrics")?.body) };
    let shown = page(&server)?;
    let build =
        shown.lines().find(|line| line.starts_with("epistemic_graph_build_info{")).context("build_info")?;
    ensure!(
        build.ends_with(" 1") && build.contains("commit=\"") && build.contains("format=\"1\""),
        "{build}"
    );
    let value = |name: &str| http::series(&shown, name).with_context(|| format!("{name} in {shown}"));
    for name in
        ["process_resident_memory_bytes", "process_open_fds", "process_threads", "process_start_time_seconds"]
    {
        ensure!(value(name)? > 0.0, "{name}");
    }
    let phase = |name: &str, part: &str| {
        value(&format!("epistemic_graph_commit_phase_duration_seconds_{part}{{phase=\"{name}\"}}"))
    };
    let groups = value("epistemic_graph_commit_group_writes_count")?;
    ensure!(groups >= 20.0, "{groups}");
    for name in ["gathering", "writing", "syncing", "answering"] {
        // The newest group may have answered and not told yet.
        ensure!(phase(name, "count")? >= groups - 1.0, "{name}");
    }
    ensure!(phase("waiting", "count")? >= 20.0);
    // Each group was synced, which takes longer than to do nothing.
    ensure!(phase("syncing", "sum")? > 0.0 && phase("writing", "sum")? > 0.0);
    ensure!(value("epistemic_graph_commit_queue_writes")? == 0.0);
    ensure!(value("epistemic_graph_store_log_bytes_total")? > 0.0);
    let asked = |kind: &str| value(&format!("epistemic_graph_cache_{kind}_total{{cache=\"neighbors\"}}"));
    ensure!(asked("hits")? >= 2.0 && asked("misses")? >= 1.0, "{shown}");
    ensure!(shown.contains("le=\"0.00001\"") && shown.contains("le=\"10\""), "{shown}");

    // What is in tables is read from files, then from memory.
    client.call("", "Checkpoint", None)?;
    server = server.restart()?;
    let mut client = server.client()?;
    for _ in 0..10 {
        client.call("g", "GetNodeProperties", params([("node_id", "n1".into())]))?;
    }
    let shown = page(&server)?;
    let blocks =
        |kind: &str| http::series(&shown, &format!("epistemic_graph_cache_{kind}_total{{cache=\"blocks\"}}"));
    ensure!(blocks("hits") > Some(0.0) && blocks("misses") > Some(0.0), "{shown}");
    Ok(())
}

/// Series of files are those of a store with files.
#[test]
fn a_store_in_memory_has_no_series_of_files() -> Result<()> {
    let server = ServerProcess::ours().in_memory().metrics().start()?;
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    for name in
        ["epistemic_graph_store_stall_seconds_total", "epistemic_graph_store_free_bytes", "cache=\"blocks\""]
    {
        ensure!(!page.contains(name), "{name}");
    }
    ensure!(page.contains("epistemic_graph_cache_hits_total{cache=\"neighbors\"}"), "{page}");
    Ok(())
}
