//! A tenant that takes all it can get leaves enough to the others.

use anyhow::{Result, ensure};
use epistemic_tests::wire::{bin, map, pack, params};
use epistemic_tests::{ServerProcess, Value};

use crate::bystander::Bystander;

/// Security finding 3: computations that waited on a few graphs took the places of everybody's writes.
#[test]
fn computations_that_wait_leave_places_to_writes() -> Result<()> {
    let server = ServerProcess::ours().env("EPISTEMIC_GRAPH_MAX_INFLIGHT", "64").start()?;
    let mut client = server.client()?;
    client.create_graph("victim")?;
    // Searches that do not end before their clients do: a ring of odd length is nowhere in a graph of two sides.
    let node = |id: String| map([("op", "add_node".into()), ("id", id.into())]);
    let edge = |source: String, target: String| {
        map([("op", "add_edge".into()), ("source", source.into()), ("target", target.into())])
    };
    client.create_graph("odd")?;
    let ring = (0..11).map(|n| edge(format!("p{n}"), format!("p{}", (n + 1) % 11)));
    client.batch_update("odd", (0..11).map(|n| node(format!("p{n}"))).chain(ring).collect())?;
    let mut attackers = Vec::new();
    for n in 0..4 {
        let graph = format!("own {n}");
        client.create_graph(&graph)?;
        let nodes = (0..30).flat_map(|n| [node(format!("l{n}")), node(format!("r{n}"))]);
        let edges = (0..30 * 30).flat_map(|pair| {
            let (left, right) = (format!("l{}", pair / 30), format!("r{}", pair % 30));
            [edge(left.clone(), right.clone()), edge(right, left)]
        });
        client.batch_update(&graph, nodes.chain(edges).collect())?;
        for _ in 0..20 {
            let mut attacker = server.client()?;
            attacker.send(&graph, "Vf2SubgraphMatch", params([("pattern_graph_name", "odd".into())]))?;
            attackers.push(attacker);
        }
    }
    // Those that found no place are told so; the others wait, or run.
    for _ in 0..200 {
        client.add_node("victim", "n", &[0x80])?;
    }
    Ok(())
}

/// Security finding 5: one stored node kept the server's threads, pings included.
#[test]
fn a_node_of_many_lists_is_read_beside_the_others() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let bystander = Bystander::start(&server)?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let lists = Value::Array(vec![Value::Array(Vec::new()); 250_000]);
    client.add_node("g", "n", &pack(&map([("lists", lists)])))?;
    let mut readers = (0..4).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    for _ in 0..3 {
        for reader in &mut readers {
            reader.send("g", "GetNodes", None)?;
        }
        for reader in &mut readers {
            ensure!(reader.receive()?.outcome.is_ok());
        }
    }
    bystander.finish()
}

/// A large request is decoded beside the connection's task; what is behind it on the connection keeps its order.
#[test]
fn large_requests_keep_their_order() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let large = |fill: u8| {
        let properties = pack(&map([("text", bin(vec![fill; 200 << 10]))]));
        params([("node_id", "n".into()), ("properties_msgpack", bin(properties))])
    };
    for round in 0..10_u8 {
        client.send("g", "AddNode", large(round))?;
        client.send(
            "g",
            "AddNode",
            params([("node_id", "n".into()), ("properties_msgpack", bin([0x80]))]),
        )?;
        client.send("g", "AddNode", large(round + 100))?;
        client.send("g", "GetNodeProperties", crate::node("n"))?;
        // Refused while it is decoded.
        let broken = params([("operations_msgpack", bin(vec![0xc1; 100 << 10]))]);
        client.send("g", "BatchUpdate", broken)?;
        client.send("g", "HasNode", crate::node("n"))?;
        let answers = (0..6).map(|_| client.receive()).collect::<Result<Vec<_>, _>>()?;
        ensure!(answers.windows(2).all(|pair| pair[0].id + 1 == pair[1].id), "{answers:?}");
        ensure!(answers[..3].iter().all(|answer| answer.outcome == Ok("ok".into())), "round {round}");
        let stored = answers[3].outcome.as_ref().ok().and_then(Value::as_slice).unwrap_or_default();
        ensure!(stored.last() == Some(&(round + 100)), "round {round}: the last one counts");
        let text = answers[4].outcome.as_ref().err();
        ensure!(text.is_some_and(|text| text.contains("invalid MsgPack")), "{text:?}");
        ensure!(answers[5].outcome == Ok(true.into()));
    }
    Ok(())
}

#[test]
fn transfers_are_bounded_over_all_connections() -> Result<()> {
    let server = ServerProcess::ours().in_memory().arg("--max-transfers").arg("6").start()?;
    let mut clients = (0..3).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    clients[0].create_graph("g")?;
    for n in 0..6 {
        clients[n / 3].call("g", "SnapshotOpen", None)?;
    }
    let error = clients[2].call("g", "SnapshotOpen", None).err();
    let text = error.as_ref().and_then(|error| error.server_text()).unwrap_or_default();
    ensure!(text.starts_with("BUSY: as many transfers are open as may be (--max-transfers)"), "{error:?}");
    // Those of a connection end with it.
    clients.remove(0);
    epistemic_tests::wait::poll(
        std::time::Duration::from_secs(30),
        std::time::Duration::from_millis(5),
        || anyhow::Ok(clients[1].call("g", "SnapshotOpen", None).is_ok().then_some(())),
    )?;
    Ok(())
}
