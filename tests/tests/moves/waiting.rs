//! Writes that meet the fence of a move wait for its end: clients of the reference do not try again what is refused.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{bin, field, map, pack, params};
use epistemic_tests::{Client, ServerProcess, Value, http, python};

use crate::mover::Mover;
use crate::{NODES, Pair};

const LIMIT: Duration = Duration::from_secs(60);
const OFTEN: Duration = Duration::from_millis(5);
/// A machine that sleeps longer than writes wait has refused some of them; then it is tried again.
const TRIES: usize = 20;
/// A move of which the receipt says less than this stopped no write for as long as writes wait (2 s).
const SHORT_MS: f64 = 1500.0;

/// The versions of the published client that write while their graph moves.
const VERSIONS: [&str; 2] = ["0.31.0", "2.23.0"];

#[test]
fn published_clients_that_write_all_the_time_notice_no_fence() -> Result<()> {
    let pair = Pair::start()?;
    let places = pair.places();
    for version in VERSIONS {
        let mut short = 0;
        for number in 0..TRIES {
            let graph = format!("moving {version} {number}");
            pair.prepare(&graph, NODES)?;
            let (old, new) = (places[0].name.clone(), places[1].name.clone());
            let (name, secret) = (graph.clone(), pair.source.secret().to_owned());
            let writers = thread::Builder::new()
                .name("writers".into())
                .spawn(move || python::judge(version, "moving_writer.py", &[&old, &new, &name], &secret))?;
            let mut client = pair.source.client()?;
            let writing = || {
                let count = client.call(&graph, "NodeCount", None)?.as_u64().context("a count")?;
                anyhow::Ok((count > NODES + 100 || writers.is_finished()).then_some(()))
            };
            poll(LIMIT, OFTEN, writing)?.context("nobody writes")?;
            let receipt = Mover::new(&pair.work, &graph, &places, &graph).finish()?;
            let Ok(told) = writers.join() else { bail!("the thread of the writers panicked") };
            let (told, pause) = (told?, receipt["pause_ms"].as_f64().context("no pause in the receipt")?);
            eprintln!("{version}: {told}; writes were stopped for {pause} ms");
            if pause < SHORT_MS {
                ensure!(
                    told.ends_with(", 0 MOVING"),
                    "{version}: {told}, though the fence stood for {pause} ms"
                );
                short += 1;
            }
            if short == 3 {
                break;
            }
        }
        ensure!(short > 0, "no move in {TRIES} was short");
    }
    Ok(())
}

/// A fence of 60 s that nobody but the test lowers.
struct Fence {
    graph: String,
    token: u64,
    fields: Vec<(&'static str, Value)>,
}

fn fence(client: &mut Client, graph: &str) -> Result<Fence> {
    let fields =
        params([("move_id", "m".into()), ("to", "tcp://there:1".into()), ("lease_ms", 60_000.into())]);
    let raised = client.call(graph, "MoveFence", fields)?;
    let number = |name: &'static str| {
        let found = field(&raised, name).and_then(Value::as_u64).context(name)?;
        anyhow::Ok((name, Value::from(found)))
    };
    let proof = [number("graph_id")?, number("epoch")?, number("sequence")?].into();
    let token = number("token")?.1.as_u64().context("token")?;
    Ok(Fence { graph: graph.to_owned(), token, fields: proof })
}

impl Fence {
    fn release(&self, client: &mut Client) -> Result<()> {
        client.call(&self.graph, "MoveRelease", params([("token", self.token.into())]))?;
        Ok(())
    }

    fn depart(mut self, client: &mut Client) -> Result<()> {
        self.fields.extend([
            ("move_id", "m".into()),
            ("to", "tcp://there:1".into()),
            ("token", self.token.into()),
        ]);
        client.call(&self.graph, "MoveDepart", params(self.fields))?;
        Ok(())
    }
}

fn node(id: &str) -> Option<Value> {
    params([("node_id", id.into()), ("properties_msgpack", bin([0x80]))])
}

/// Writes of each kind, sent without waiting, and what they leave.
fn send_all_kinds(client: &mut Client, graph: &str) -> Result<usize> {
    let batch = pack(&Value::Array(vec![map([("op", "add_node".into()), ("id", "from a batch".into())])]));
    let named = || params([("graph_name", graph.into()), ("graph_type", "Agent".into())]);
    let steps = [
        (graph, "AddNode", node("before")),
        (graph, "BatchUpdate", params([("operations_msgpack", bin(batch))])),
        ("", "DeleteGraph", params([("graph_name", graph.into())])),
        ("", "CreateGraph", named()),
        (graph, "AddNode", node("a")),
        (graph, "AddNode", node("b")),
        (
            graph,
            "AddEdge",
            params([
                ("source_id", "a".into()),
                ("target_id", "b".into()),
                ("properties_msgpack", bin([0x80])),
            ]),
        ),
        (graph, "RemoveNode", params([("node_id", "b".into())])),
        (graph, "TouchNodes", params([("node_ids", Value::Array(vec!["a".into()]))])),
        (graph, "EvictLRU", params([("max_nodes", 100.into())])),
        (graph, "AddNode", node("last")),
        (graph, "NodeCount", None),
    ];
    let count = steps.len();
    for (graph, method, fields) in steps {
        client.send(graph, method, fields)?;
    }
    Ok(count)
}

fn outcomes(client: &mut Client, count: usize) -> Result<Vec<Result<Value, String>>> {
    (0..count).map(|_| Ok(client.receive()?.outcome)).collect()
}

/// Whether this machine was too slow for the test.
fn was_slow(outcomes: &[Result<Value, String>]) -> bool {
    outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(|text| text.starts_with("MOVING: ")))
}

#[test]
fn writes_of_each_kind_wait_in_their_order_until_the_fence_is_taken_back() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let (mut writer, mut mover) = (server.client()?, server.client()?);
    writer.create_graph("other")?;
    for number in 0..TRIES {
        let graph = format!("g{number}");
        writer.create_graph(&graph)?;
        let fence = fence(&mut mover, &graph)?;
        let count = send_all_kinds(&mut writer, &graph)?;
        let mut bystander = server.client()?;
        bystander.add_node("other", "x", b"\x80")?;
        ensure!(bystander.call(&graph, "NodeCount", None)? == 0.into(), "a write came past the fence");
        fence.release(&mut mover)?;
        let outcomes = outcomes(&mut writer, count)?;
        if was_slow(&outcomes) {
            continue;
        }
        ensure!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        ensure!(outcomes.last() == Some(&Ok(2.into())), "{outcomes:?}");
        return Ok(());
    }
    bail!("this machine sleeps all the time");
}

#[test]
fn behind_the_departure_waiting_writes_are_told_where_the_graph_is() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let (mut writer, mut mover) = (server.client()?, server.client()?);
    for number in 0..TRIES {
        let graph = format!("g{number}");
        writer.create_graph(&graph)?;
        let fence = fence(&mut mover, &graph)?;
        let count = send_all_kinds(&mut writer, &graph)?;
        if fence.depart(&mut mover).is_err() {
            outcomes(&mut writer, count)?;
            continue;
        }
        let outcomes = outcomes(&mut writer, count)?;
        if was_slow(&outcomes) {
            continue;
        }
        let words = format!("MOVED: graph '{graph}' moved to 'tcp://there:1'");
        let told =
            |outcome: &Result<Value, String>| outcome.as_ref().is_err_and(|text| text.starts_with(&words));
        ensure!(outcomes.iter().all(told), "{outcomes:?}");
        return Ok(());
    }
    bail!("this machine sleeps all the time");
}

/// A mover that stalls does not keep writers for ever, nor the places of those that have left.
#[test]
fn a_write_is_refused_when_it_has_waited_long_enough() -> Result<()> {
    let server = ServerProcess::ours().metrics().start()?;
    let (mut writer, mut mover) = (server.client()?, server.client()?);
    writer.create_graph("g")?;
    let fence = fence(&mut mover, "g")?;
    let await_places = |places: f64| {
        let held = || {
            let page = http::get(server.metrics_addr(), "/metrics")?.body;
            let held = http::series(&page, "epistemic_graph_in_flight_requests").context("no such series")?;
            anyhow::Ok((held == places).then_some(()))
        };
        poll(LIMIT, OFTEN, held)?.with_context(|| format!("there are never {places} requests in flight"))
    };
    let mut leaves = server.client()?;
    leaves.send("g", "AddNode", node("of one that leaves"))?;
    await_places(1.0)?;
    drop(leaves);
    let text = writer.add_node("g", "x", b"\x80").err().context("it was written")?.to_string();
    ensure!(text.contains("MOVING: graph 'g' is being moved to 'tcp://there:1'"), "{text}");
    await_places(0.0)?;
    fence.release(&mut mover)?;
    writer.add_node("g", "x", b"\x80")?;
    ensure!(writer.call("g", "NodeCount", None)? == 1.into(), "what was refused was written");
    Ok(())
}
