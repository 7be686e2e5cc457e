//! Many graphs on one shard: creating one stays cheap, an idle one takes next to no memory, a restart is quick.
//!
//! `EG_GRAPHS=100000 cargo test --release -p epistemic-tests --test many_graphs -- --nocapture` prints the figures of
//! the size that a shard is built for.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::number_from_env;
use epistemic_tests::wire::field;
use epistemic_tests::{ServerProcess, Value, http, memory};

/// Memory that an idle graph may take.
const BYTES_PER_GRAPH: u64 = 2048;
/// What creating one may take at the 99th percentile with nothing else on the machine.
const CREATE: Duration = Duration::from_millis(5);
/// From the start of the process until it answers.
const RESTART: Duration = Duration::from_secs(2);
/// From this many graphs on the run is a measurement: the machine is idle and the limits above hold exactly.
const MEASUREMENT: usize = 100_000;
/// How much slower the slowest creations may be on a machine that has other work. Medians get no such room, nor does
/// the restart: its limit is that of [`MEASUREMENT`] graphs.
const BUSY: u32 = 3;

#[test]
fn an_idle_graph_costs_next_to_nothing() -> Result<()> {
    let graphs = number_from_env("EG_GRAPHS", 5_000);
    let slack = if graphs >= MEASUREMENT { 1 } else { BUSY };
    let mut server = ServerProcess::ours().metrics().start()?;
    server = server.restart()?;
    let empty = memory::resident_bytes(server.pid())?;

    let mut client = server.client()?;
    let mut times = Vec::with_capacity(graphs);
    let begun = Instant::now();
    for number in 0..graphs {
        let begun = Instant::now();
        client.create_graph(&name(number))?;
        times.push(begun.elapsed());
    }
    let all = begun.elapsed();
    let newest = times[graphs * 9 / 10..].to_vec();
    let (median, slow) = (percentile(&mut times, 50), percentile(&mut times, 99));
    let [newest_median, newest_slow] = [50, 99].map(|percent| percentile(&mut newest.clone(), percent));
    eprintln!("{graphs} graphs created in {all:?}: p50 {median:?}, p99 {slow:?}");
    eprintln!("the last tenth of them: p50 {newest_median:?}, p99 {newest_slow:?}");
    let created = memory::resident_bytes(server.pid())?;
    ensure!(newest_median <= CREATE, "creating a graph beside {graphs} takes {newest_median:?} (median)");
    ensure!(newest_slow <= CREATE * slack, "creating a graph beside {graphs} takes {newest_slow:?} (p99)");

    timed("metrics before a restart", || Ok(http::get(server.metrics_addr(), "/metrics")?.body.len()))?;
    timed("Checkpoint", || Ok(client.call("__commons__", "Checkpoint", None)?))?;
    timed("Checkpoint of one more change", || {
        client.add_node(&name(0), "n", b"\x80")?;
        Ok(client.call("__commons__", "Checkpoint", None)?)
    })?;

    server.kill9()?;
    let begun = Instant::now();
    let server = server.builder().start()?;
    let restart = begun.elapsed();
    let restarted = memory::resident_bytes(server.pid())?;
    let mut client = server.client()?;
    let listed = timed("ListGraphs", || Ok(client.call("__commons__", "ListGraphs", None)?))?;
    let listed = listed.as_array().context("ListGraphs is no array")?;
    let names = listed.iter().map(|entry| field(entry, "name").and_then(Value::as_str).map(str::to_owned));
    let expected = std::iter::once("__commons__".to_owned()).chain((0..graphs).map(name)).map(Some);
    ensure!(names.eq(expected), "all graphs are listed in the order of their creation");
    for number in [0, graphs / 2, graphs - 1] {
        let count = client.call(&name(number), "NodeCount", None)?;
        ensure!(count == u64::from(number == 0).into(), "{}: {count}", name(number));
    }
    timed("metrics after a restart", || Ok(http::get(server.metrics_addr(), "/metrics")?.body.len()))?;

    timed("a read of every graph", || {
        (0..graphs).try_for_each(|n| Ok(client.call(&name(n), "NodeCount", None).map(drop)?))
    })?;
    timed("metrics of graphs that were all used", || {
        Ok(http::get(server.metrics_addr(), "/metrics")?.body.len())
    })?;
    let used = memory::resident_bytes(server.pid())?;

    eprintln!("resident: {empty} empty, {created} created, {restarted} restarted in {restart:?}");
    let per_graph = |resident: u64| resident.saturating_sub(empty) / graphs as u64;
    let [created, restarted, used] = [created, restarted, used].map(per_graph);
    eprintln!("bytes per graph: {created} created, {restarted} restarted, {used} used once and scraped");
    ensure!(restarted.max(created) <= BYTES_PER_GRAPH, "{created} or {restarted} bytes per idle graph");
    ensure!(restart <= RESTART, "restart took {restart:?}");
    Ok(())
}

/// A name of usual length.
fn name(number: usize) -> String {
    format!("tenant:customer-{number:06}/agent")
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

fn timed<T: std::fmt::Debug>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    let result = run().with_context(|| what.to_owned())?;
    let mut shown = format!("{result:?}");
    shown.truncate(60);
    eprintln!("{what}: {:?} {shown}", begun.elapsed());
    Ok(result)
}
