//! What a tenant tries that wants more than it may have.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, field, map, params};
use epistemic_tests::{Client, ServerProcess, Value, transfer};

use crate::{EMPTY, create, nodes, refused, server, set};

/// A property map with one field of so many bytes.
fn sized(bytes: u32) -> Vec<u8> {
    [b"\x81\xa1a\xc6".as_slice(), &bytes.to_be_bytes(), &vec![7; bytes as usize]].concat()
}

/// What a tenant uses of a limit.
fn used(client: &mut Client, tenant: &str, limit: &str) -> Result<u64> {
    let shown = client.call("", "QuotaShow", params([("tenant", tenant.into())]))?;
    let tenants = field(&shown, "tenants").and_then(Value::as_array).context("tenants")?;
    let row = tenants.first().context("the tenant")?;
    field(row, "used")
        .and_then(|used| field(used, limit)?.as_u64())
        .with_context(|| format!("{limit}: {row}"))
}

/// One field of a large node: what is written is not in the request.
#[test]
fn changing_one_field_costs_what_it_writes() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    create(&mut client, "g", "acme")?;
    client.add_node("g", "large", &sized(4 << 20))?;
    set(&mut client, "acme", &["write_cost_per_second=1MiB"])?;
    let change = || {
        params([
            ("node_id", "large".into()),
            ("conditions_msgpack", bin(EMPTY)),
            ("updates_msgpack", bin(b"\x81\xa1b\x01")),
        ])
    };
    client.call("g", "CompareAndSetNodeFields", change())?;
    let text = refused(client.call("g", "CompareAndSetNodeFields", change()))?;
    assert!(text.contains("may use 1048576 bytes of writes per second"), "{text}");
    // Nor are many nodes in one request.
    create(&mut client, "h", "bob")?;
    for id in ["1", "2", "3"] {
        client.add_node("h", id, &sized(1 << 20))?;
    }
    set(&mut client, "bob", &["write_cost_per_second=1MiB"])?;
    let touch = params([("node_ids", Value::Array(["1", "2", "3"].map(Value::from).into()))]);
    client.call("h", "TouchNodes", touch)?;
    refused(client.add_node("h", "small", EMPTY))?;
    Ok(())
}

/// A graph may be created and written in one go: its writes count for its tenant, not for nobody.
#[test]
fn writes_behind_the_creation_of_their_graph_count() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = "[[rule]]\ntenant = \"acme\"\nwrite_cost_per_second = 100_000\n";
    let server = server(folder.path(), rules)?.start()?;
    let mut client = server.client()?;
    let fields = [("graph_name", "g".into()), ("graph_type", "Agent".into()), ("tenant", "acme".into())];
    client.send("g", "CreateGraph", params(fields))?;
    const SENT: usize = 100;
    for number in 0..SENT {
        let properties = sized(50_000);
        let fields = [("node_id", number.to_string().into()), ("properties_msgpack", bin(properties))];
        client.send("g", "AddNode", params(fields))?;
    }
    client.receive()?.outcome.map_err(anyhow::Error::msg)?;
    let mut taken = 0;
    for _ in 0..SENT {
        match client.receive()?.outcome {
            Ok(_) => taken += 1,
            Err(text) => ensure!(text.starts_with("QUOTA: tenant 'acme'"), "{text}"),
        }
    }
    assert!(taken < SENT / 2, "{taken} of {SENT} were taken");
    assert_eq!(nodes(&mut client, "g")?, taken as u64);
    Ok(())
}

/// A copy counts for whoever makes it, not for whose graph it is of.
#[test]
fn copies_of_others_graphs_are_paid_for_by_who_makes_them() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    create(&mut client, "public", "acme")?;
    client.add_node("public", "n", &sized(1 << 20))?;
    set(&mut client, "mallory", &["stored_bytes=100KiB"])?;
    let mut mallory = server.client()?.acting_as("mallory");
    let text = refused(mallory.call("public", "Fork", params([("graph_name", "copy".into())])))?;
    assert!(text.starts_with("QUOTA: tenant 'mallory' may use 102400 stored bytes"), "{text}");
    set(&mut client, "mallory", &["stored_bytes=10MiB"])?;
    mallory.call("public", "Fork", params([("graph_name", "copy".into())]))?;
    assert!(used(&mut client, "mallory", "stored_bytes")? > 1 << 20);
    set(&mut client, "mallory", &["stored_bytes=none", "nodes=1"])?;
    let text = refused(mallory.call("public", "Fork", params([("graph_name", "another".into())])))?;
    assert!(text.contains("has 1 nodes of the 1 that it may have"), "{text}");
    Ok(())
}

/// A snapshot is stored while it is received: it is cut off where the tenant has no more room.
#[test]
fn a_restore_is_cut_off_where_there_is_no_room() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    let mut mallory = server.client()?.acting_as("mallory");
    mallory.create_graph("source")?;
    for id in 0..16 {
        mallory.add_node("source", &id.to_string(), &sized(256 << 10))?;
    }
    let mut snapshot = Vec::new();
    transfer::export(&mut mallory, "source", &mut snapshot)?;
    set(&mut client, "mallory", &["stored_bytes=1GiB"])?;
    let before = used(&mut client, "mallory", "stored_bytes")?;
    assert!(before > 8 << 20, "{before}: nodes and their ledger");
    set(&mut client, "mallory", &[&format!("stored_bytes={}", before + (1 << 20))])?;
    let error = transfer::import(&mut mallory, "copy", &snapshot[..]).unwrap_err().to_string();
    assert!(error.contains("QUOTA: tenant 'mallory' may use") && error.contains("stored bytes"), "{error}");
    assert!(client.call("copy", "NodeCount", None).is_err());
    assert_eq!(used(&mut client, "mallory", "stored_bytes")?, before, "what was given up does not count");
    // In the place of the other one it fits.
    transfer::replace(&mut mallory, "source", &snapshot[..])?;
    set(&mut client, "mallory", &["stored_bytes=1GiB", "nodes=31"])?;
    let error = transfer::import(&mut mallory, "copy", &snapshot[..]).unwrap_err().to_string();
    assert!(error.contains("QUOTA: tenant 'mallory' has 16 nodes of the 31"), "{error}");
    set(&mut client, "mallory", &["nodes=32"])?;
    transfer::import(&mut mallory, "copy", &snapshot[..])?;
    assert!(used(&mut client, "mallory", "stored_bytes")? >= 2 * before - 1000);
    Ok(())
}

/// Many computations that are queued at once do not all run on what was left for the first.
#[test]
fn queued_computations_are_asked_again_when_their_turn_comes() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    create(&mut client, "g", "acme")?;
    let node =
        |id: u32| map([("op", "add_node".into()), ("id", id.to_string().into()), ("properties", map([]))]);
    const NODES: u32 = 6000;
    // A ring: from each node all others are reached.
    let edge = |id: u32| {
        let ends = [("source", id), ("target", (id + 1) % NODES)];
        let ends = ends.map(|(end, id)| (end, id.to_string().into()));
        map([("op", "add_edge".into()), ends[0].clone(), ends[1].clone(), ("properties", map([]))])
    };
    client.batch_update("g", (0..NODES).map(node).chain((0..NODES).map(edge)).collect())?;
    set(&mut client, "acme", &["compute_seconds_per_minute=1"])?;
    let mut clients = (0..40).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
    for client in &mut clients {
        client.send("g", "BetweennessCentrality", None)?;
    }
    let mut refusals = 0;
    for client in &mut clients {
        if let Err(text) = client.receive()?.outcome {
            ensure!(text.contains("may use 1 seconds of computation per minute"), "{text}");
            refusals += 1;
        }
    }
    assert!(refusals > 0, "all 40 ran");
    Ok(())
}

/// Names that are made up do not stay in memory, and use up nothing of anybody.
#[test]
fn made_up_tenants_leave_nothing_behind() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), "[[rule]]\ntenant = \"*\"\nrequests_per_second = 1000\n")?.start()?;
    let mut client = server.client()?;
    let long = "x".repeat(9000);
    for number in 0..50 {
        let tenant = format!("{number}{}", "y".repeat(100_000));
        let fields =
            [("graph_name", long.as_str().into()), ("graph_type", "Agent".into()), ("tenant", tenant.into())];
        ensure!(client.call("", "CreateGraph", params(fields)).is_err());
        ensure!(
            server.client()?.acting_as(&format!("agent {number}")).call("no", "NodeCount", None).is_err()
        );
    }
    let shown = client.call("", "QuotaShow", None)?;
    let tenants = field(&shown, "tenants").and_then(Value::as_array).context("tenants")?;
    // That of `__commons__` alone.
    assert!(tenants.len() <= 1, "{tenants:?}");
    Ok(())
}

/// With access control on, nobody uses up what is another's by asking for what is refused to him.
#[test]
fn what_is_denied_is_not_paid_for_by_its_victim() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = "[[rule]]\ntenant = \"acme\"\nrequests_per_second = 5\ncursors = 1\n";
    let server = server(folder.path(), rules)?.arg("--system-agent").arg("s").start()?;
    let mut operator = server.client()?.acting_as("s");
    for (agent, role) in [("s", "System"), ("acme", "Agent"), ("mallory", "Agent")] {
        let teams = Value::Array(Vec::new());
        let fields =
            [("agent_id", agent.into()), ("role", role.into()), ("teams", teams), ("signature", "".into())];
        operator.call("", "RegisterIdentity", params(fields))?;
    }
    let mut acme = server.client()?.acting_as("acme");
    create(&mut acme, "tenant__acme__g", "acme")?;
    let mut mallory = server.client()?.acting_as("mallory");
    for number in 0..50 {
        let text = refused(create(&mut mallory, &format!("tenant__acme__{number}"), "acme"))?;
        ensure!(text.starts_with("ACCESS_DENIED"), "{text}");
        let text = refused(mallory.call("tenant__acme__g", "NodeCount", None))?;
        ensure!(text.starts_with("ACCESS_DENIED"), "{text}");
        let open = params([("graph_name", "tenant__acme__new".into()), ("replace", false.into())]);
        let text = refused(mallory.call("", "RestoreOpen", open))?;
        ensure!(text.starts_with("ACCESS_DENIED"), "{text}");
    }
    assert_eq!(nodes(&mut acme, "tenant__acme__g")?, 0);
    acme.call("tenant__acme__g", "SnapshotOpen", None)?;
    // The operator is not bound by it.
    for _ in 0..20 {
        assert_eq!(nodes(&mut operator, "tenant__acme__g")?, 0);
    }
    operator.call("tenant__acme__g", "SnapshotOpen", None)?;
    Ok(())
}

/// A large write is decoded on another thread than small ones: it counts there.
#[test]
fn large_requests_count_as_small_ones_do() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    create(&mut client, "g", "acme")?;
    set(&mut client, "acme", &["stored_bytes=1MiB"])?;
    let text = refused(client.add_node("g", "n", &sized(8 << 20)))?;
    assert!(text.starts_with("QUOTA: tenant 'acme' may use 1048576 stored bytes"), "{text}");
    let many = (0..2000).map(|id| {
        map([
            ("op", "add_node".into()),
            ("id", id.to_string().into()),
            ("properties", map([("a", "x".repeat(1000).into())])),
        ])
    });
    let text = refused(client.batch_update("g", many.collect()))?;
    assert!(text.contains("stored bytes"), "{text}");
    assert_eq!(nodes(&mut client, "g")?, 0);
    set(&mut client, "acme", &["stored_bytes=none", "write_cost_per_second=1MiB"])?;
    client.add_node("g", "n", &sized(8 << 20))?;
    let text = refused(client.add_node("g", "m", &sized(100_000)))?;
    assert!(text.contains("bytes of writes per second"), "{text}");
    Ok(())
}
