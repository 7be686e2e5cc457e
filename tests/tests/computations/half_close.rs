//! A client that only ends its own side: it gets all answers, but nothing long is computed for it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use epistemic_tests::wire::{Response, bin, params};
use epistemic_tests::{Client, ServerProcess, Value};

use crate::{LATER, Long, SOON, await_metric, graphs, occupy, server};

const NODES: usize = 50_000;

fn is_cancelled(answer: &Response) -> bool {
    answer.outcome.as_ref().is_err_and(|text| text.starts_with("CANCELLED: "))
}

fn both(server: &ServerProcess) -> Result<[Client; 2]> {
    Ok([server.client()?, server.tcp_client()?])
}

#[test]
fn the_computation_is_cancelled_and_what_is_behind_it_answered() -> Result<()> {
    let server = server().start()?;
    graphs::ring(&mut server.client()?, NODES)?;
    for mut client in both(&server)? {
        let first = Long::PageRank.send(&mut client)?;
        client.send("ring", "NodeCount", None)?;
        let fields = params([("node_id", "new".into()), ("properties_msgpack", bin([0x80]))]);
        client.send("ring", "AddNode", fields)?;
        Long::Betweenness.send(&mut client)?;
        client.send("ring", "HasNode", params([("node_id", "new".into())]))?;
        await_metric(&server, "computations_running", 1.0, LATER)?;
        client.finish_sending()?;
        let begun = Instant::now();
        let answers = (0..5).map(|_| client.receive()).collect::<Result<Vec<_>, _>>()?;
        println!("all answered {:?} after the end of the requests", begun.elapsed());
        ensure!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        ensure!(answers.iter().map(|answer| answer.id).eq(first..first + 5), "{answers:?}");
        ensure!(is_cancelled(&answers[0]) && is_cancelled(&answers[3]), "{answers:?}");
        ensure!(answers[1].outcome.as_ref().is_ok_and(|count| count.as_u64() >= Some(2 * NODES as u64)));
        ensure!(answers[2].outcome == Ok("ok".into()) && answers[4].outcome == Ok(true.into()));
        ensure!(client.is_closed_by_server()?);
        await_metric(&server, "computations_running", 0.0, SOON)?;
    }
    Ok(())
}

/// A client that reads until the end of the answers gets all of them.
#[test]
fn a_large_read_is_finished() -> Result<()> {
    let server = server().start()?;
    graphs::ring(&mut server.client()?, NODES)?;
    let count = |answer: Response| answer.outcome.ok().and_then(|rows| rows.as_array().map(Vec::len));
    for mut client in both(&server)? {
        for method in ["GetNodes", "GetEdges", "GetLedger", "NodeIds"] {
            client.send("ring", method, None)?;
        }
        let union = params([("graphs", Value::Array(vec!["ring".into()])), ("node_id", "c0".into())]);
        client.send("ring", "UnionGetNeighbors", union)?;
        client.send("ring", "Ping", None)?;
        client.finish_sending()?;
        for rows in [2 * NODES, 2 * NODES, 4 * NODES, 2 * NODES, NODES + 2] {
            let answer = client.receive()?;
            let text = format!("{:.200}", format!("{answer:?}"));
            ensure!(count(answer) == Some(rows), "{text}");
        }
        ensure!(client.receive()?.outcome == Ok("pong".into()));
        ensure!(client.is_closed_by_server()?);
    }
    Ok(())
}

#[test]
fn one_that_waits_for_a_thread_is_answered_at_once() -> Result<()> {
    let server = server().start()?;
    graphs::ring(&mut server.client()?, NODES)?;
    let _occupied = occupy(&server)?;
    for mut client in both(&server)? {
        client.set_limit(Duration::from_secs(10))?;
        Long::PageRank.send(&mut client)?;
        client.send("ring", "Ping", None)?;
        await_metric(&server, "computations_waiting", 1.0, SOON)?;
        client.finish_sending()?;
        ensure!(is_cancelled(&client.receive()?));
        ensure!(client.receive()?.outcome == Ok("pong".into()));
        await_metric(&server, "computations_waiting", 0.0, SOON)?;
    }
    Ok(())
}
