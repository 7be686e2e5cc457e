//! More requests than there are places: `BUSY` past the share of a graph, and for nobody else.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{Response, bin, map, pack, params};
use epistemic_tests::{Client, Request, ServerProcess, Value};

use crate::bystander::Bystander;
use crate::pipelining::frames;

/// A write to the graph `slow` that occupies the commit thread for a while.
pub(crate) fn slow_write(client: &mut Client) -> Request {
    let operation = |n: usize| map([("op", "add_node".into()), ("id", format!("slow {n}").into())]);
    let payload = pack(&Value::Array((0..60_000).map(operation).collect()));
    client.request("slow", "BatchUpdate", params([("operations_msgpack", bin(payload))]))
}

fn add_node(client: &mut Client, graph: &str, id: &str) -> Request {
    let fields = [("node_id", id.into()), ("properties_msgpack", bin([0x80]))];
    client.request(graph, "AddNode", params(fields))
}

/// Sends all requests in one go and reads the answers, which come in the order of the requests.
fn pipeline(client: &mut Client, requests: &[Request]) -> Result<Vec<Response>> {
    let bodies: Vec<_> = requests.iter().map(Request::body).collect();
    client.send_raw(&frames(&bodies))?;
    let answers = requests.iter().map(|_| client.receive()).collect::<Result<Vec<_>, _>>()?;
    ensure!(answers.windows(2).all(|pair| pair[0].id + 1 == pair[1].id), "answers out of order");
    Ok(answers)
}

/// Fault 14: at 128 requests in flight 70 % of the writes are answered BUSY.
#[test]
fn the_share_of_a_graph_is_queued_and_not_refused() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    let bystander = Bystander::start(&server)?;
    for client in [&mut server.client()?, &mut server.tcp_client()?] {
        for graph in ["slow", "g"] {
            let _ = client.create_graph(graph); // the second client finds them
        }
        for round in 0..20 {
            let mut requests = if round == 0 { vec![slow_write(client)] } else { Vec::new() };
            requests.extend((0..128).map(|n| add_node(client, "g", &format!("{round} {n}"))));
            for answer in pipeline(client, &requests)? {
                ensure!(answer.outcome.is_ok(), "round {round}: {answer:?}");
            }
        }
        ensure!(client.call("g", "NodeCount", None)? == (20 * 128).into());
    }
    // The same from 128 connections.
    let mut clients = (0..128).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    for round in 0..10 {
        for (n, client) in clients.iter_mut().enumerate() {
            let request = add_node(client, "g", &format!("{round} {n}"));
            client.send_body(&request.body())?;
        }
        for client in &mut clients {
            let answer = client.receive()?;
            ensure!(answer.outcome == Ok("ok".into()), "round {round}: {answer:?}");
        }
    }
    bystander.finish()
}

#[test]
fn fault_14_is_found_in_reference_2_0() -> Result<()> {
    let server = ServerProcess::reference("2.0.0").start()?;
    server.client()?.create_graph("g")?;
    let mut clients = (0..8).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    let mut busy = 0;
    for round in 0..20 {
        for (n, client) in clients.iter_mut().enumerate() {
            let bodies: Vec<_> =
                (0..16).map(|i| add_node(client, "g", &format!("{round} {n} {i}")).body()).collect();
            client.send_raw(&frames(&bodies))?;
        }
        for client in &mut clients {
            for _ in 0..16 {
                busy += usize::from(client.receive()?.outcome.is_err());
            }
        }
    }
    ensure!(busy > 0, "nothing was refused");
    Ok(())
}

#[test]
fn one_graph_over_its_share_is_told_so_and_the_others_are_served() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let bystander = Bystander::start(&server)?;
    let mut client = server.client()?;
    for graph in ["slow", "greedy", "modest"] {
        client.create_graph(graph)?;
    }
    let mut requests = vec![slow_write(&mut client)];
    requests.extend((0..300).map(|n| add_node(&mut client, "greedy", &format!("n{n}"))));
    requests.extend((0..50).map(|n| add_node(&mut client, "modest", &format!("n{n}"))));
    let answers = pipeline(&mut client, &requests)?;
    ensure!(answers[0].outcome.is_ok(), "{:?}", answers[0]);
    // All were there before the slow write was done: a quarter of 1,024 got a place.
    for (n, answer) in answers[1..301].iter().enumerate() {
        let id = format!("n{n}");
        let expected = if n < 256 {
            Ok(Value::from("ok"))
        } else {
            Err("BUSY: graph 'greedy' has its share of 256 requests in flight, retry with backoff".to_owned())
        };
        ensure!(answer.outcome == expected, "write {n}: {answer:?}");
        let stored = client.node_properties("greedy", &id)?.is_some();
        ensure!(stored == expected.is_ok(), "write {n} is stored: {stored}");
    }
    for answer in &answers[301..] {
        ensure!(answer.outcome == Ok("ok".into()), "{answer:?}");
    }
    add_is_served(&mut client, "greedy")?;
    bystander.finish()
}

#[test]
fn the_whole_server_over_its_limit_says_so() -> Result<()> {
    let server = ServerProcess::ours().metrics().env("EPISTEMIC_GRAPH_MAX_INFLIGHT", "16").start()?;
    let mut client = server.client()?;
    let graphs = ["slow", "a", "b", "c", "d", "e"];
    for graph in graphs {
        client.create_graph(graph)?;
    }
    let mut requests = vec![slow_write(&mut client)];
    for graph in &graphs[1..] {
        requests.extend((0..4).map(|n| add_node(&mut client, graph, &format!("n{n}"))));
    }
    let answers = pipeline(&mut client, &requests)?;
    let busy: Vec<_> = answers.iter().filter_map(|answer| answer.outcome.as_ref().err()).collect();
    // As places become few, who has some gets no more of them: those that are left are for those who have none.
    ensure!((1 + 5 * 4 - 16..1 + 5 * 4 - 12).contains(&busy.len()), "{busy:?}");
    let is_known = |text: &&String| {
        *text == "BUSY: server at capacity, retry with backoff"
            || text.starts_with("BUSY: peer uid ")
                && text.ends_with(" has its share of the requests in flight, retry with backoff")
    };
    ensure!(busy.iter().all(is_known), "{busy:?}");
    for (number, graph) in graphs[1..].iter().enumerate() {
        ensure!(answers[1 + number * 4].outcome.is_ok(), "'{graph}' had no place at all: {busy:?}");
    }
    for graph in graphs {
        add_is_served(&mut client, graph)?;
    }
    let page = epistemic_tests::http::get(server.metrics_addr(), "/metrics")?.body;
    let series = |name| epistemic_tests::http::series(&page, name).context("no such series");
    ensure!(series("epistemic_graph_busy_rejections_total")? == busy.len() as f64, "{page}");
    ensure!(series("epistemic_graph_in_flight_requests")? == 0.0, "{page}");
    ensure!(series("epistemic_graph_inflight_permits_available")? == 16.0, "{page}");
    Ok(())
}

fn add_is_served(client: &mut Client, graph: &str) -> Result<()> {
    client
        .add_node(graph, "after", &[0x80])
        .with_context(|| format!("places of '{graph}' were not given back"))
}
