//! Transactions on one graph: by the published clients, and through kills.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::binaries::SIGNING_CLIENT;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{bin, map, pack, params};
use epistemic_tests::{Client, ServerProcess, Value, http, python, shared};

/// Clients that have transactions.
const VERSIONS: [&str; 3] = ["2.0.0", "2.23.0", SIGNING_CLIENT];
const GRAPH: &str = "g";

fn scripts() -> Result<PathBuf> {
    Ok(shared::package()?.join("python"))
}

fn transaction_ops(version: &str, server: &ServerProcess, more: &[&str]) -> Result<()> {
    let folder = scripts()?;
    let source = fs_err::read_to_string(folder.join("transaction_ops.py"))?;
    let path = folder.to_str().context("path of the scripts")?;
    let env = [("PYTHONPATH", path), ("PYTHONDONTWRITEBYTECODE", "1")];
    let endpoint = format!("unix://{}", server.socket().display());
    let args = [&[endpoint.as_str(), server.secret()], more].concat();
    let output = python::run_with_env(version, &source, &args, &env)?;
    let (stdout, stderr) = (&output.stdout, &output.stderr);
    ensure!(
        output.code == Some(0) && stdout.starts_with("ok "),
        "client {version}: exit {:?}\n{stdout}\n{stderr}",
        output.code
    );
    Ok(())
}

#[test]
fn the_published_clients_have_transactions() -> Result<()> {
    for server in [ServerProcess::ours(), ServerProcess::ours().in_memory()] {
        let server = server.start()?;
        VERSIONS.iter().try_for_each(|version| transaction_ops(version, &server, &[]))?;
    }
    Ok(())
}

/// The rules of conflicts are those of the reference.
#[test]
fn the_reference_has_the_same_rules() -> Result<()> {
    let server = ServerProcess::reference("2.0.0").start()?;
    transaction_ops("2.0.0", &server, &["--reference"])
}

/// Nodes of each transaction of the kill test.
const NODES: usize = 12;
const WRITERS: usize = 4;
const ROUNDS: usize = 5;

fn begin(client: &mut Client, graph: &str) -> Result<String> {
    let begun = client.call(graph, "BeginTxn", None)?;
    Ok(begun.as_str().context("no id")?.to_owned())
}

fn stage(client: &mut Client, transaction: &str, node: &str) -> Result<()> {
    let fields =
        [("txn_id", transaction.into()), ("node_id", node.into()), ("properties_msgpack", bin([0x80]))];
    client.call(GRAPH, "TxnAddNode", params(fields))?;
    Ok(())
}

fn commit(client: &mut Client, transaction: &str) -> Result<Value> {
    Ok(client.call(GRAPH, "Commit", params([("txn_id", transaction.into())]))?)
}

/// Stages and commits until the server is gone; returns the names of the transactions that were acknowledged, and of the
/// last one, of which nothing is known.
fn write(mut client: Client, writer: &str) -> (Vec<String>, String) {
    let mut acknowledged = Vec::new();
    loop {
        let name = format!("{writer}:{}", acknowledged.len());
        let made = begin(&mut client, GRAPH).and_then(|transaction| {
            (0..NODES).try_for_each(|node| stage(&mut client, &transaction, &format!("{name}:{node}")))?;
            commit(&mut client, &transaction)
        });
        match made {
            Ok(made) => {
                assert_eq!(made.as_bool(), Some(true), "{name}");
                acknowledged.push(name);
            }
            Err(_) => return (acknowledged, name),
        }
    }
}

fn nodes_of(client: &mut Client, name: &str) -> Result<usize> {
    let ids = (0..NODES).map(|node| Value::from(format!("{name}:{node}"))).collect();
    let found = client.call(GRAPH, "HasNodesBatch", params([("node_ids", Value::Array(ids))]))?;
    let Value::Binary(found) = found else { anyhow::bail!("{found}") };
    let found = epistemic_tests::wire::unpack(&found)?;
    let found = found.as_array().context("no list")?;
    Ok(found.iter().filter(|has| has.as_bool() == Some(true)).count())
}

/// After an acknowledged commit all of it is there, otherwise all or nothing, whenever the server is killed.
#[test]
fn a_kill_leaves_all_of_a_transaction_or_nothing() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    server.client()?.create_graph(GRAPH)?;
    let mut all = 0;
    for round in 0..ROUNDS {
        let clients: Vec<_> = (0..WRITERS).map(|_| server.client()).collect::<Result<_, _>>()?;
        let written = thread::scope(|scope| {
            let writers: Vec<_> = clients
                .into_iter()
                .enumerate()
                .map(|(number, client)| scope.spawn(move || write(client, &format!("{round}:{number}"))))
                .collect();
            #[expect(clippy::disallowed_methods, reason = "the kill comes at some moment of the writing")]
            thread::sleep(Duration::from_millis(150 + 37 * round as u64));
            server.kill9()?;
            anyhow::Ok(writers.into_iter().map(|writer| writer.join().expect("no panic")).collect::<Vec<_>>())
        })?;
        server = server.restart()?;
        let mut client = server.client()?;
        for (acknowledged, last) in written {
            all += acknowledged.len();
            for name in acknowledged {
                let found = nodes_of(&mut client, &name)?;
                ensure!(found == NODES, "{name} was acknowledged and has {found} of {NODES} nodes");
            }
            let found = nodes_of(&mut client, &last)?;
            ensure!(found == 0 || found == NODES, "{last} has {found} of {NODES} nodes");
        }
    }
    ensure!(all > ROUNDS * WRITERS, "{all} transactions were acknowledged");
    Ok(())
}

/// A restart forgets what was not committed.
#[test]
fn what_is_staged_does_not_outlive_the_server() -> Result<()> {
    let mut server = ServerProcess::ours().metrics().start()?;
    let mut client = server.client()?;
    client.create_graph(GRAPH)?;
    let transaction = begin(&mut client, GRAPH)?;
    stage(&mut client, &transaction, "n")?;
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    let series = |name: &str| http::series(&page, &format!("epistemic_graph_{name}"));
    ensure!(series("transactions_open") == Some(1.0), "{page}");
    ensure!(series("transactions_bytes").is_some_and(|bytes| bytes > 100.0), "{page}");
    server.kill9()?;
    server = server.restart()?;
    let mut client = server.client()?;
    let told = commit(&mut client, &transaction).expect_err("it is gone").to_string();
    ensure!(told.contains(&format!("unknown transaction '{transaction}'")), "{told}");
    ensure!(client.call(GRAPH, "NodeCount", None)?.as_u64() == Some(0));
    Ok(())
}

/// Open transactions of a graph at most.
const MOST: usize = 256;

#[test]
fn open_transactions_are_bounded_and_end_with_their_connections() -> Result<()> {
    let server = ServerProcess::ours().in_memory().metrics().start()?;
    let mut client = server.client()?;
    client.create_graph(GRAPH)?;
    client.create_graph("other")?;
    let mut second = server.client()?;
    let first = begin(&mut client, GRAPH)?;
    for _ in 1..MOST {
        let transaction = begin(&mut second, GRAPH)?;
        stage(&mut second, &transaction, "n")?;
    }
    let told = begin(&mut client, GRAPH).expect_err("one too many").to_string();
    ensure!(told.contains("too many open transactions for graph 'g': 256 are the most"), "{told}");
    begin(&mut client, "other")?;
    drop(second);
    let begun = poll(Duration::from_secs(20), Duration::from_millis(20), || {
        anyhow::Ok(begin(&mut client, GRAPH).ok())
    })?;
    ensure!(begun.is_some(), "those of a connection that ended have no place");
    stage(&mut client, &first, "n")?;
    ensure!(commit(&mut client, &first)?.as_bool() == Some(true));
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    let series = |name: &str| http::series(&page, &format!("epistemic_graph_{name}"));
    ensure!(series("transactions_open") == Some(2.0), "{page}");
    ensure!(series("transactions_bytes") == Some(0.0), "{page}");
    ensure!(series("transactions_forgotten_total") == Some((MOST - 1) as f64), "{page}");
    Ok(())
}

/// The limits of writes hold for each change, and that of a batch for all together; what was staged before stays.
#[test]
fn what_a_transaction_writes_is_bounded() -> Result<()> {
    let limits = ["--max-property-bytes", "4000", "--max-node-labels", "3", "--max-batch-bytes", "10000"];
    let server =
        limits.into_iter().fold(ServerProcess::ours().in_memory(), |server, arg| server.arg(arg)).start()?;
    let mut client = server.client()?;
    client.create_graph(GRAPH)?;
    for node in ["hub", "n"] {
        client.add_node(GRAPH, node, &[0x80])?;
    }
    for _ in 0..500 {
        client.add_edge(GRAPH, "hub", "n", &[0x80])?;
    }
    let transaction = begin(&mut client, GRAPH)?;
    let labels =
        pack(&map([("labels", (0..4).map(|n| format!("l{n}").into()).collect::<Vec<Value>>().into())]));
    let large = vec![0xc0; 4001];
    let properties =
        |id: &str, properties: &[u8]| vec![("node_id", id.into()), ("properties_msgpack", bin(properties))];
    let refused = [
        ("TxnAddNode", properties("x", &labels), "--max-node-labels"),
        ("TxnAddNode", properties("x", &large), "--max-property-bytes"),
        (
            "TxnAddEdge",
            vec![
                ("source_id", "hub".into()),
                ("target_id", "n".into()),
                ("properties_msgpack", bin(large.as_slice())),
            ],
            "--max-property-bytes",
        ),
        (
            "TxnCas",
            vec![
                ("node_id", "n".into()),
                ("conditions_msgpack", bin([0x80])),
                ("updates_msgpack", bin(labels.as_slice())),
            ],
            "--max-node-labels",
        ),
        (
            "TxnAddEmbedding",
            vec![("node_id", "n".into()), ("embedding", vec![Value::F32(1.0); 1001].into())],
            "--max-property-bytes",
        ),
    ];
    for (method, fields, flag) in refused {
        let fields = params(fields.into_iter().chain([("txn_id", transaction.as_str().into())]));
        let told = client.call(GRAPH, method, fields).expect_err("beyond a limit").to_string();
        ensure!(told.contains("LIMIT_EXCEEDED: ") && told.contains(flag), "{method}: {told}");
    }
    let full = (0..3).map(|n| {
        let fields = properties(&format!("n{n}"), &[0xc0; 2000]);
        let fields = params(fields.into_iter().chain([("txn_id", transaction.as_str().into())]));
        client.call(GRAPH, "TxnAddNode", fields).map_err(|error| error.to_string())
    });
    let full: Vec<_> = full.collect();
    ensure!(full[..2] == [Ok(true.into()), Ok(true.into())], "{full:?}");
    ensure!(full[2].as_ref().is_err_and(|told| told.contains("--max-batch-bytes")), "{full:?}");
    ensure!(commit(&mut client, &transaction)?.as_bool() == Some(true));
    ensure!(client.call(GRAPH, "NodeCount", None)?.as_u64() == Some(4));

    // How many edges go with a node is known only when it is removed.
    let transaction = begin(&mut client, GRAPH)?;
    stage(&mut client, &transaction, "first")?;
    let fields = params([("txn_id", transaction.as_str().into()), ("node_id", "hub".into())]);
    client.call(GRAPH, "TxnRemoveNode", fields)?;
    let told = commit(&mut client, &transaction).expect_err("too much").to_string();
    ensure!(told.contains("LIMIT_EXCEEDED: the batch writes over 10000 bytes (--max-batch-bytes)"), "{told}");
    ensure!(client.call(GRAPH, "NodeCount", None)?.as_u64() == Some(4));
    ensure!(client.call(GRAPH, "EdgeCount", None)?.as_u64() == Some(500));
    Ok(())
}

/// Who may not write a graph may not begin a transaction on it, nor go on with that of another.
#[test]
fn access_control_holds_for_transactions() -> Result<()> {
    let server = ServerProcess::ours().arg("--system-agent").arg("ops").start()?;
    let mut ops = server.client()?.acting_as("ops");
    for agent in ["ann", "bob"] {
        let fields = [
            ("agent_id", agent.into()),
            ("role", "Agent".into()),
            ("teams", Value::Array(Vec::new())),
            ("signature", "".into()),
        ];
        ops.call("", "RegisterIdentity", params(fields))?;
    }
    let mut ann = server.client()?.acting_as("ann");
    ann.create_graph(GRAPH)?;
    let mut bob = server.client()?.acting_as("bob");
    let denied = begin(&mut bob, GRAPH).expect_err("it is not his").to_string();
    ensure!(denied.contains("ACCESS_DENIED"), "{denied}");
    let transaction = begin(&mut ann, GRAPH)?;
    let unknown = stage(&mut bob, &transaction, "n").expect_err("it is not his").to_string();
    ensure!(unknown.contains("unknown transaction"), "{unknown}");
    stage(&mut ann, &transaction, "n")?;
    ensure!(commit(&mut ann, &transaction)?.as_bool() == Some(true));
    Ok(())
}
