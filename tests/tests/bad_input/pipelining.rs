//! Many requests at once, and many connections that say nothing.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::{generator, seed};
use epistemic_tests::wire::{bin, params};
use epistemic_tests::{Client, ServerProcess, Value};
use rand::RngExt;

use crate::bystander::Bystander;
use crate::endpoints;
use crate::overload::slow_write;

const REQUESTS: usize = 10_000;
const NODES: usize = 40;

/// The bodies as frames, one behind the other.
pub(crate) fn frames(bodies: &[Vec<u8>]) -> Vec<u8> {
    let length = |body: &Vec<u8>| u32::try_from(body.len()).expect("a small frame").to_be_bytes();
    bodies.iter().flat_map(|body| [&length(body)[..], body].concat()).collect()
}

/// A mixed run of requests with the answers that one client after the other would get.
fn mixed(client: &mut Client, seed: u64) -> (Vec<u8>, Vec<(u64, Value)>) {
    let mut random = generator(seed, 0);
    let mut model: Vec<Option<u32>> = vec![None; NODES];
    let (mut bodies, mut expected) = (Vec::new(), Vec::new());
    for number in 0..REQUESTS as u32 {
        let place = random.random_range(0..NODES);
        let id = Value::from(format!("n{place}"));
        let (method, fields, answer) = match random.random_range(0..10) {
            0..4 => {
                model[place] = Some(number);
                let fields = params([("node_id", id), ("properties_msgpack", bin(number.to_be_bytes()))]);
                ("AddNode", fields, "ok".into())
            }
            4 => {
                model[place] = None;
                ("RemoveNode", params([("node_id", id)]), "ok".into())
            }
            5 => ("NodeCount", None, model.iter().flatten().count().into()),
            6 => ("Ping", None, "pong".into()),
            7 => ("HasNode", params([("node_id", id)]), model[place].is_some().into()),
            _ => {
                let stored = model[place].map_or(Value::Nil, |number| bin(number.to_be_bytes()));
                ("GetNodeProperties", params([("node_id", id)]), stored)
            }
        };
        bodies.push(client.request("g", method, fields).body());
        // `create_graph` had the first id.
        expected.push((u64::from(number) + 2, answer));
    }
    (frames(&bodies), expected)
}

/// Fault 27: a pipelined read misses the write before it on the same connection.
#[test]
fn pipelined_requests_see_the_ones_before_and_are_answered_in_order() -> Result<()> {
    let seed = seed("pipelined_requests");
    let server = ServerProcess::ours().tcp().start()?;
    let bystander = Bystander::start(&server)?;
    for endpoint in endpoints(&server) {
        let mut client = Client::connect(&endpoint, server.secret())?;
        client.create_graph("g")?;
        let (bytes, expected) = mixed(&mut client, seed);
        let mut sender = client.try_clone()?;
        thread::scope(|scope| -> Result<()> {
            let sending = scope.spawn(move || sender.send_raw(&bytes));
            for (id, answer) in expected {
                let response = client.receive()?;
                ensure!(
                    response.id == id && response.outcome == Ok(answer.clone()),
                    "{response:?}, not {answer}"
                );
            }
            Ok(sending.join().expect("no panic in the sender")?)
        })?;
        server.client()?.call("", "DeleteGraph", params([("graph_name", "g".into())]))?;
    }
    bystander.finish()
}

#[test]
fn fault_27_is_found_in_reference_2_0() -> Result<()> {
    let server = ServerProcess::reference("2.0.0").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let mut missed = 0;
    for n in 0..300 {
        let id = Value::from(format!("n{n}"));
        client.send(
            "g",
            "AddNode",
            params([("node_id", id.clone()), ("properties_msgpack", bin([0x80]))]),
        )?;
        client.send("g", "HasNode", params([("node_id", id)]))?;
        for _ in 0..2 {
            missed += usize::from(client.receive()?.outcome == Ok(false.into()));
        }
    }
    ensure!(missed > 0, "every read saw the write before it");
    Ok(())
}

/// More writes than a connection may have waiting, with nothing behind them that would push them on.
#[test]
fn every_one_of_many_pipelined_writes_is_answered() -> Result<()> {
    const GRAPHS: usize = 8;
    const WRITES: usize = 6_000;
    let server = ServerProcess::ours().tcp().start()?;
    for endpoint in endpoints(&server) {
        for half_close in [false, true] {
            let mut client = Client::connect(&endpoint, server.secret())?;
            client.set_limit(Duration::from_secs(20))?;
            for n in 0..GRAPHS {
                client.create_graph(&format!("g{n} {half_close} {endpoint:?}"))?;
            }
            let requests: Vec<_> = (0..WRITES)
                .map(|n| {
                    let fields =
                        params([("node_id", format!("n{n}").into()), ("properties_msgpack", bin([0x80]))]);
                    client
                        .request(&format!("g{} {half_close} {endpoint:?}", n % GRAPHS), "AddNode", fields)
                        .body()
                })
                .collect();
            let bytes = frames(&requests);
            let mut sender = client.try_clone()?;
            thread::scope(|scope| -> Result<()> {
                let sending = scope.spawn(move || {
                    sender.send_raw(&bytes)?;
                    if half_close { sender.finish_sending() } else { Ok(()) }
                });
                for n in 0..WRITES {
                    let answer =
                        client.receive().with_context(|| format!("answer {n}, half-closed: {half_close}"))?;
                    let busy = answer.outcome.as_ref().is_err_and(|text| text.starts_with("BUSY: "));
                    ensure!(
                        answer.id == (n + GRAPHS + 1) as u64,
                        "{answer:?} is not the answer to write {n}"
                    );
                    ensure!(busy || answer.outcome == Ok("ok".into()), "{answer:?}");
                }
                Ok(sending.join().expect("no panic in the sender")?)
            })?;
        }
    }
    Ok(())
}

/// As many as may wait behind a slow one, and a few more: those must not be forgotten once the others are answered.
#[test]
fn requests_beyond_the_waiting_ones_are_answered() -> Result<()> {
    const WAITING: usize = 1_024;
    let server = ServerProcess::ours().start()?;
    server.client()?.create_graph("slow")?;
    for more in [1, 5, 20] {
        let mut client = server.client()?;
        client.set_limit(Duration::from_secs(20))?;
        let mut bodies = vec![slow_write(&mut client).body()];
        // Writes that are refused while the slow one keeps the answers back.
        bodies.extend((1..WAITING + more).map(|_| client.request("slow", "AddNode", params([])).body()));
        client.send_raw(&frames(&bodies))?;
        for n in 0..bodies.len() {
            client.receive().with_context(|| format!("answer {n} of {}", bodies.len()))?;
        }
    }
    Ok(())
}

const BLOCKS: usize = 10;
const CALLS: usize = 200;

/// The 99th percentile of the calmest of some blocks of calls: a server that is slow is slow in all of them, a busy machine
/// is not.
fn p99(client: &mut Client) -> Result<Duration> {
    let mut calmest = Duration::MAX;
    for _ in 0..BLOCKS {
        let mut times = Vec::new();
        for _ in 0..CALLS {
            let begun = Instant::now();
            client.node_properties("g", "n")?;
            times.push(begun.elapsed());
        }
        times.sort();
        calmest = calmest.min(times[CALLS * 99 / 100]);
    }
    Ok(calmest)
}

/// Fault 13: 300 half-open clients push a good client's p99 past 40 ms.
#[test]
fn half_open_connections_do_not_slow_others_down() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    let mut client = server.tcp_client()?;
    client.create_graph("g")?;
    client.add_node("g", "n", &[7; 100])?;
    let (mut alone, mut among) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        alone = alone.min(p99(&mut client)?);
        let mut half_open = Vec::new();
        for n in 0..300 {
            let mut other = server.tcp_client()?;
            other.send_raw(&[0, 0, 1, 0, 0x85][..n % 6])?;
            half_open.push(other);
        }
        among = among.min(p99(&mut client)?);
    }
    ensure!(among < 5 * alone, "p99 {among:?} among 300 half-open connections, {alone:?} without");
    Ok(())
}
