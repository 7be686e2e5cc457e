//! A client that goes away in the middle of a computation.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::{Client, Endpoint, ServerProcess};

use crate::{LATER, Long, SOON, await_metric, graphs, metric, occupy, server, share};

const NODES: usize = 50_000;

/// How a client goes.
#[derive(Debug, Clone, Copy)]
enum Goodbye {
    Close,
    Reset,
}

/// What it has sent behind the computation.
#[derive(Debug, Clone, Copy)]
enum Behind {
    Nothing,
    /// One request, which waits for the computation.
    Request,
    /// More than the server reads ahead.
    Much,
    /// More computations.
    Computations,
}

impl Behind {
    fn send(self, client: &mut Client) -> Result<()> {
        match self {
            Behind::Nothing => {}
            Behind::Request => drop(client.send("ring", "NodeCount", None)?),
            Behind::Much => {
                let properties = vec![7; 1 << 10];
                for n in 0..400 {
                    let fields = [
                        ("node_id", format!("new {n}").into()),
                        ("properties_msgpack", epistemic_tests::wire::bin(properties.clone())),
                    ];
                    let request = client.request("ring", "AddNode", epistemic_tests::wire::params(fields));
                    // The server does not take all of it: what the socket takes will do.
                    client.set_limit(Duration::from_millis(200))?;
                    if client.send_body(&request.body()).is_err() {
                        break;
                    }
                }
            }
            Behind::Computations => {
                for _ in 0..20 {
                    Long::PageRank.send(client)?;
                }
            }
        }
        Ok(())
    }
}

/// What a thread may take to be free once its client has gone.
const PROMPT: Duration = Duration::from_millis(100);

/// The least time of a few tries: a busy machine delays some, a slow server all. Returns what to
/// print.
fn prompt(
    server: &ServerProcess,
    endpoint: &Endpoint,
    long: Long,
    behind: Behind,
    how: Goodbye,
) -> Result<String> {
    let kind = if matches!(endpoint, Endpoint::Tcp(_)) { "tcp" } else { "unix" };
    let case = format!("{long:?}, behind it: {behind:?}, {how:?}, {kind}");
    let mut times = Vec::new();
    while times.len() < 5 && times.last().is_none_or(|took| *took > PROMPT) {
        times.push(leave(server, endpoint, long, behind, how).with_context(|| case.clone())?);
    }
    ensure!(times.last().is_some_and(|took| *took <= PROMPT), "{case}: {times:?}");
    Ok(format!("{case}: free after {times:?}"))
}

/// Returns the time from the goodbye to a free thread.
fn leave(
    server: &ServerProcess,
    endpoint: &Endpoint,
    long: Long,
    behind: Behind,
    how: Goodbye,
) -> Result<Duration> {
    let mut client = Client::connect(endpoint, server.secret())?;
    long.send(&mut client)?;
    behind.send(&mut client)?;
    await_metric(server, "computations_running", 1.0, LATER)?;
    match how {
        Goodbye::Close => drop(client),
        Goodbye::Reset => client.reset()?,
    }
    let took = await_metric(server, "computations_running", 0.0, SOON)?;
    // Writes it left behind still have their places.
    await_metric(server, "in_flight_requests", 0.0, LATER)?;
    Ok(took)
}

#[test]
fn a_client_that_is_gone_frees_its_thread() -> Result<()> {
    let server = server().start()?;
    graphs::ring(&mut server.client()?, NODES)?;
    graphs::two_sides(&mut server.client()?)?;
    let (unix, tcp) = (server.unix_endpoint(), Endpoint::Tcp(server.tcp_addr()));
    for (endpoint, long, behind, how) in [
        (&unix, Long::PageRank, Behind::Nothing, Goodbye::Close),
        (&tcp, Long::PageRank, Behind::Nothing, Goodbye::Close),
        (&tcp, Long::PageRank, Behind::Nothing, Goodbye::Reset),
        (&unix, Long::Betweenness, Behind::Nothing, Goodbye::Close),
        (&tcp, Long::Betweenness, Behind::Nothing, Goodbye::Reset),
        (&unix, Long::SubgraphMatch, Behind::Nothing, Goodbye::Close),
        (&tcp, Long::SubgraphMatch, Behind::Request, Goodbye::Reset),
        (&unix, Long::Betweenness, Behind::Request, Goodbye::Close),
        (&tcp, Long::PageRank, Behind::Request, Goodbye::Close),
        (&unix, Long::Betweenness, Behind::Much, Goodbye::Close),
        (&tcp, Long::Betweenness, Behind::Much, Goodbye::Close),
        (&tcp, Long::Betweenness, Behind::Much, Goodbye::Reset),
        (&unix, Long::PageRank, Behind::Computations, Goodbye::Close),
        (&tcp, Long::Betweenness, Behind::Computations, Goodbye::Reset),
    ] {
        println!("{}", prompt(&server, endpoint, long, behind, how)?);
    }
    Ok(())
}

#[test]
fn whatever_is_computed_ends_with_its_client() -> Result<()> {
    let server = server().start()?;
    let mut client = server.client()?;
    graphs::vectors(&mut client, 20_000, 64)?;
    graphs::many(&mut client, 300_000)?;
    graphs::order(&mut client, 900)?;
    // So that it is the algorithm that is left, not the reading of the graph.
    client.call("many", "FindCycle", None)?;
    for long in [Long::SimilarityEdges, Long::Communities, Long::Reasoning] {
        for (endpoint, how) in
            [(server.unix_endpoint(), Goodbye::Close), (Endpoint::Tcp(server.tcp_addr()), Goodbye::Reset)]
        {
            println!("{}", prompt(&server, &endpoint, long, Behind::Nothing, how)?);
        }
    }
    Ok(())
}

#[test]
fn the_next_computation_starts_when_the_client_of_the_first_is_gone() -> Result<()> {
    let server = server().start()?;
    graphs::ring(&mut server.client()?, NODES)?;
    let occupied = occupy(&server)?;
    let mut next = server.client()?;
    next.send("ring", "ConnectedComponents", None)?;
    await_metric(&server, "computations_waiting", 1.0, SOON)?;
    let begun = Instant::now();
    drop(occupied);
    let answer = next.receive()?;
    println!("answered {:?} after the first was gone", begun.elapsed());
    ensure!(answer.outcome.is_ok() && begun.elapsed() < LATER, "{:?}", begun.elapsed());
    Ok(())
}

/// Requests of clients that are gone must not pile up behind a long computation.
#[test]
fn computations_that_nobody_waits_for_leave_the_queue() -> Result<()> {
    const CLIENTS: usize = 30;
    let server = server().start()?;
    graphs::ring(&mut server.client()?, NODES)?;
    let occupied = occupy(&server)?;
    for how in [Goodbye::Close, Goodbye::Reset] {
        let mut clients = (0..CLIENTS).map(|_| server.tcp_client()).collect::<Result<Vec<_>>>()?;
        for client in &mut clients {
            Long::PageRank.send(client)?;
        }
        await_metric(&server, "computations_waiting", CLIENTS as f64, SOON)?;
        for client in clients {
            match how {
                Goodbye::Close => drop(client),
                Goodbye::Reset => client.reset()?,
            }
        }
        await_metric(&server, "computations_waiting", 0.0, SOON)?;
        ensure!(metric(&server, "computations_running")? == share() as f64, "the first ones still run");
    }
    drop(occupied);
    await_metric(&server, "computations_running", 0.0, SOON).map(drop)
}
