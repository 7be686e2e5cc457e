//! What happens to computations when their graph or the server goes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, Value};

use crate::graphs::{self, edge, node};
use crate::{LATER, Long, await_metric, endless_page_rank, server};

/// The server's drain deadline and what comes behind it.
const STOPPED: Duration = Duration::from_secs(15);

#[test]
fn a_server_stops_in_the_middle_of_computations() -> Result<()> {
    for long in [Long::PageRank, Long::Betweenness, Long::SubgraphMatch] {
        let mut server = server().start()?;
        graphs::ring(&mut server.client()?, 50_000)?;
        graphs::two_sides(&mut server.client()?)?;
        let mut clients = (0..6).map(|_| server.tcp_client()).collect::<Result<Vec<_>>>()?;
        clients.iter_mut().try_for_each(|client| long.send(client).map(drop))?;
        let running = crate::share() as f64;
        await_metric(&server, "computations_running", running, LATER)?;
        let begun = Instant::now();
        let status = server.terminate()?;
        println!("{long:?}: stopped after {:?}", begun.elapsed());
        ensure!(status.success() && begun.elapsed() < STOPPED, "{status}, {:?}", begun.elapsed());
        ensure!(!server.output().contains("panicked"), "{}", server.output());
    }
    Ok(())
}

fn names(value: &Value) -> Result<Vec<&str>> {
    let nodes = value.as_array().context("no list")?.iter();
    nodes.map(|pair| pair.as_array().and_then(|pair| pair[0].as_str()).context("no name")).collect()
}

/// The graph of the same name that follows has other nodes: an answer is of one of the two or there is none.
#[test]
fn a_graph_that_is_replaced_is_never_mixed_with_its_successor() -> Result<()> {
    const NODES: usize = 2_000;
    let server = server().start()?;
    let mut client = server.client()?;
    let content = |round: usize| {
        let nodes = (0..NODES).map(move |n| node(format!("{round} {n}")));
        nodes.chain(
            (0..NODES).map(move |n| edge(format!("{round} {n}"), format!("{round} {}", n * 31 % NODES))),
        )
    };
    let ask = |client: &mut Client, method: &str| match method {
        "PageRank" => {
            client.send("g", method, params([("damping", 0.85.into()), ("iterations", 500.into())]))
        }
        _ => client.send("g", method, None),
    };
    let mut askers = (0..4).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    let (mut answered, mut refused) = (0, 0);
    graphs::create(&mut client, "g", content(0))?;
    for round in 1..=15 {
        for (asker, method) in
            askers.iter_mut().zip(["PageRank", "DegreeCentralityAll", "PageRank", "GraphColoring"])
        {
            ask(asker, method)?;
        }
        client.call("", "DeleteGraph", params([("graph_name", "g".into())]))?;
        graphs::create(&mut client, "g", content(round))?;
        for asker in &mut askers {
            match asker.receive()?.outcome {
                Ok(answer) => {
                    let bytes = answer.as_slice().map(epistemic_tests::wire::unpack).transpose()?;
                    let answer = bytes.as_ref().unwrap_or(&answer);
                    let found = names(answer)?;
                    let owner = found.first().and_then(|name| name.split(' ').next());
                    ensure!(found.iter().all(|name| name.split(' ').next() == owner), "nodes of two graphs");
                    // One that has just been made may be seen while it is filled.
                    ensure!(
                        found.len() == NODES || owner != Some(&format!("{}", round - 1)),
                        "{}",
                        found.len()
                    );
                    answered += 1;
                }
                Err(text) => {
                    ensure!(text.contains("not found"), "{text}");
                    refused += 1;
                }
            }
        }
    }
    println!("{answered} answered, {refused} refused");
    Ok(())
}

/// The ranks are of the state when the computation began, whatever is swept away meanwhile.
#[test]
fn nodes_may_go_during_a_computation() -> Result<()> {
    let server = server().start()?;
    let mut client = server.client()?;
    graphs::ring(&mut client, 5_000)?;
    let mut asker = server.client()?;
    asker.send("ring", "PageRank", endless_page_rank())?;
    await_metric(&server, "computations_running", 1.0, LATER)?;
    client.call("ring", "EvictLRU", params([("max_nodes", 5_000.into())]))?;
    let sweep = [("half_life_secs", 1.0.into()), ("floor", 0.5.into()), ("prune", true.into())];
    client.call("ring", "DecaySweep", params(sweep))?;
    let left = client.call("ring", "NodeCount", None)?;
    ensure!(left.as_u64() <= Some(5_000), "{left}");
    let answer = asker.receive()?.outcome.map_err(anyhow::Error::msg)?;
    let ranks = epistemic_tests::wire::unpack(answer.as_slice().context("no bin")?)?;
    ensure!(ranks.as_array().is_some_and(|ranks| ranks.len() == 10_000), "not all nodes have a rank");
    Ok(())
}
