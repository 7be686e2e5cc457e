//! One graph's computations keep neither another's nor its point reads waiting.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerProcess};

use crate::graphs::{self, edge, node};
use crate::{LATER, Long, await_metric, metric, occupy, server};

const NODES: usize = 50_000;
const READS: usize = 5_000;
/// A p99 that is good, however quick it is on a quiet machine.
const NOISE: Duration = Duration::from_micros(300);

/// A second tenant's graph.
fn small(client: &mut Client) -> Result<()> {
    let nodes = (0..100).map(|n| node(format!("n{n}")));
    let edges = (0..100).map(|n| edge(format!("n{n}"), format!("n{}", n * 7 % 100)));
    graphs::create(client, "small", nodes.chain(edges))
}

/// p50 and p99 of point reads.
fn point_reads(server: &ServerProcess) -> Result<(Duration, Duration)> {
    let mut client = server.client()?;
    let mut times = Vec::new();
    for n in 0..READS {
        let begun = Instant::now();
        client.node_properties("small", &format!("n{}", n % 100))?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok((times[READS / 2], times[READS * 99 / 100]))
}

#[test]
fn a_short_computation_does_not_wait_for_twenty_long_ones() -> Result<()> {
    let server = server().start()?;
    graphs::ring(&mut server.client()?, NODES)?;
    small(&mut server.client()?)?;
    let _occupied = occupy(&server)?;
    let mut waiting = (0..20).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    waiting.iter_mut().try_for_each(|client| Long::Betweenness.send(client).map(drop))?;
    for (method, fields) in [
        ("ConnectedComponents", None),
        ("PageRank", params([("damping", 0.85.into()), ("iterations", 20.into())])),
        ("BetweennessCentrality", None),
    ] {
        let begun = Instant::now();
        server.client()?.call("small", method, fields)?;
        println!("{method} of another graph answered after {:?}", begun.elapsed());
        ensure!(begun.elapsed() < LATER, "{method}: {:?}", begun.elapsed());
        ensure!(metric(&server, "computations_waiting")? == 20.0, "the others are answered already");
    }
    Ok(())
}

#[test]
fn point_reads_go_on_beside_computations() -> Result<()> {
    let server = server().start()?;
    graphs::ring(&mut server.client()?, NODES)?;
    small(&mut server.client()?)?;
    // The best of five rounds, so that a busy machine is not mistaken for a slow server.
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let (p50, quiet) = point_reads(&server)?;
        println!("quiet: p50 {p50:?}, p99 {quiet:?}");
        let occupied = occupy(&server)?;
        let (p50, loaded) = point_reads(&server)?;
        println!("beside computations: p50 {p50:?}, p99 {loaded:?}");
        drop(occupied);
        await_metric(&server, "computations_running", 0.0, LATER)?;
        if loaded <= (2 * quiet).max(NOISE) {
            return Ok(());
        }
        rounds.push((quiet, loaded));
    }
    bail!("p99 without and beside computations: {rounds:?}")
}

/// Three tenants that compute all the time, one each.
#[test]
fn a_short_computation_runs_beside_long_ones_of_several_graphs() -> Result<()> {
    let server = server().start()?;
    let mut client = server.client()?;
    graphs::ring(&mut client, NODES)?;
    small(&mut client)?;
    let mut long = Vec::new();
    for n in 0..3 {
        let graph = format!("ring {n}");
        client.call("ring", "Fork", params([("graph_name", graph.as_str().into())]))?;
        long.push(server.client()?);
        long[n].send(&graph, "BetweennessCentrality", None)?;
    }
    await_metric(&server, "computations_running", 3.0, LATER)?;
    let begun = Instant::now();
    client.call("small", "ConnectedComponents", None)?;
    println!("answered after {:?}", begun.elapsed());
    ensure!(begun.elapsed() < LATER && metric(&server, "computations_running")? == 3.0);
    Ok(())
}
