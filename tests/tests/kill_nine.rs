//! `kill -9` loses nothing that was acknowledged, and leaves nothing half-applied.

use anyhow::{Context, Result, ensure};
use epistemic_tests::crash::{
    self, Kind, MAIN_GRAPH, Mix, SYSTEM_AGENT, Writers, read_same_keys, write_same_keys,
};
use epistemic_tests::seed::{number_from_env, seed};
use epistemic_tests::wire::params;
use epistemic_tests::{Egctl, ServerProcess, Value};

const WRITERS: usize = 8;
const ANSWERS_PER_ROUND: usize = 300;

/// Every operation that writes, eight connections with 16 requests each in flight.
#[test]
fn acknowledged_writes_survive_kill_nine() -> Result<()> {
    let rounds = number_from_env("EG_CRASH_ROUNDS", 25);
    let mut writers = Writers::new(WRITERS, Mix::ALL, seed("acknowledged_writes_survive_kill_nine"));
    let mut server = crash::server().start()?;
    writers.prepare(&server)?;
    let (mut answers, mut done, mut not_done) = (0, 0, 0);
    for round in 1..=rounds {
        if round % 4 == 0 {
            writers.clear_main_ledger(&server)?;
        }
        answers += writers.write_and_kill(&mut server, ANSWERS_PER_ROUND)?;
        server = server.restart()?;
        let verdict = writers.check(&server)?;
        done += verdict.in_flight_done;
        not_done += verdict.in_flight_not_done;
        verdict.into_result().with_context(|| format!("round {round}\n{}", server.output()))?;
    }
    server.terminate()?;
    Egctl::new().verify(server.persist_dir())?;
    eprintln!(
        "figures: kills={rounds} acknowledged={answers} in_flight_done={done} in_flight_not_done={not_done}"
    );
    Ok(())
}

/// Negative control: the same harness must find the writes that 2.0.0 acknowledges and forgets (fault 11).
#[test]
fn harness_finds_batches_lost_by_reference_2_0() -> Result<()> {
    let mut writers =
        Writers::new(WRITERS, Mix::BATCHES, seed("harness_finds_batches_lost_by_reference_2_0"));
    let mut server = ServerProcess::reference("2.0.0").start()?;
    writers.prepare(&server)?;
    let answers = writers.write_and_kill(&mut server, ANSWERS_PER_ROUND)?;
    let verdict = writers.check(&server.restart()?)?;
    let lost = verdict.count(Kind::NodeLost);
    eprintln!("2.0.0: {answers} batches acknowledged, {lost} acknowledged nodes lost");
    ensure!(lost > 100, "only {lost} lost nodes found: {:?}", verdict.differences.first());
    Ok(())
}

/// Positive control: 2.0.0 does store single writes before it answers, and the harness agrees.
#[test]
fn harness_finds_nothing_lost_where_reference_2_0_is_sound() -> Result<()> {
    let mut writers = Writers::new(WRITERS, Mix::SINGLE, seed("harness_finds_nothing_lost"));
    let mut server = ServerProcess::reference("2.0.0").start()?;
    writers.prepare(&server)?;
    writers.write_and_kill(&mut server, ANSWERS_PER_ROUND)?;
    let verdict = writers.check(&server.restart()?)?;
    let lost = verdict.count(Kind::NodeLost);
    ensure!(lost == 0, "{lost} lost: {:?}", verdict.into_result());
    Ok(())
}

/// The expected state of all operations is that of the server when nothing is killed.
#[test]
fn expected_state_agrees_with_the_server() -> Result<()> {
    let mut writers = Writers::new(WRITERS, Mix::ALL, seed("expected_state_agrees_with_the_server"));
    let server = crash::server().start()?;
    writers.prepare(&server)?;
    writers.write_and_stop(&server, 10 * ANSWERS_PER_ROUND)?;
    writers.check(&server)?.into_result()
}

/// Negative control: what somebody else wrote behind the writers' backs is found, of each kind.
#[test]
fn the_check_finds_every_kind_of_difference() -> Result<()> {
    let mut writers = Writers::new(WRITERS, Mix::ALL, seed("the_check_finds_every_kind_of_difference"));
    let server = crash::server().start()?;
    writers.prepare(&server)?;
    let mut client = server.client()?.acting_as(SYSTEM_AGENT);
    let own_graph = "d00/g0:é";
    client.create_graph(own_graph)?;
    ensure!(writers.check(&server)?.count(Kind::GraphUnexpected) == 1, "a graph");
    client.call(own_graph, "DeleteGraph", params([("graph_name", own_graph.into())]))?;
    for id in ["d00:x", "d00:y"] {
        client.add_node(MAIN_GRAPH, id, b"\x80")?;
    }
    client.add_edge(MAIN_GRAPH, "d00:x", "d00:y", b"\x80")?;
    let embedding = Value::Array(vec![1.0.into(), 2.0.into()]);
    client.call(
        MAIN_GRAPH,
        "AddEmbedding",
        params([("node_id", "d00:x".into()), ("embedding", embedding)]),
    )?;
    let agent = |name: &str| Value::Array(vec![name.into()]);
    let channel = [
        ("channel_id", "d00:c0".into()),
        ("channel_type", "Group".into()),
        ("creator", "d00:a0".into()),
        ("initial_members", agent("d00:a0")),
    ];
    client.call("", "CreateChannel", params(channel))?;
    let identity = [
        ("agent_id", "d00:a0".into()),
        ("role", "Agent".into()),
        ("teams", agent("t")),
        ("signature", "".into()),
    ];
    client.call("", "RegisterIdentity", params(identity))?;
    let verdict = writers.check(&server)?;
    for (kind, count) in [
        (Kind::NodeUnexpected, 2),
        (Kind::Edges, 1),
        (Kind::Embeddings, 1),
        (Kind::Ledger, 1),
        (Kind::Channel, 1),
        (Kind::Identity, 1),
    ] {
        ensure!(verdict.count(kind) == count, "{kind:?}: {:?}", verdict.differences);
    }
    Ok(())
}

/// The expected state follows the protocol's rules: with nothing killed, 0.31.0 agrees with all of it but the
/// degrees of removed parallel edges (fault 24).
#[test]
fn expected_state_agrees_with_reference_0_31() -> Result<()> {
    let mut writers = Writers::new(WRITERS, Mix::COMMON, seed("expected_state_agrees_with_reference_0_31"));
    let server = ServerProcess::reference("0.31.0").start()?;
    writers.prepare(&server)?;
    writers.write_and_stop(&server, 10 * ANSWERS_PER_ROUND)?;
    let mut verdict = writers.check(&server)?;
    verdict.differences.retain(|difference| difference.kind != Kind::Inconsistent);
    verdict.into_result()
}

/// Fault 26: the order in the log is the order in which writes were applied, also for writers on one key.
#[test]
fn concurrent_writers_one_key() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    for round in 0..number_from_env("EG_CRASH_ROUNDS", 20) {
        let changed;
        (server, changed) = keys_changed_by_kill(server, &format!("one-key-{round}"))?;
        ensure!(changed.is_empty(), "round {round}: recovered with another value: {changed:?}");
    }
    Ok(())
}

/// Negative control: 0.31.0 recovers some keys with another value than the one that was last read.
#[test]
fn harness_finds_keys_reordered_by_reference_0_31() -> Result<()> {
    let mut server = ServerProcess::reference("0.31.0").start()?;
    for round in 0..50 {
        let changed;
        (server, changed) = keys_changed_by_kill(server, &format!("one-key-{round}"))?;
        if !changed.is_empty() {
            eprintln!("0.31.0: {} keys recovered with another value in round {round}", changed.len());
            return Ok(());
        }
    }
    anyhow::bail!("no key recovered with another value in 50 rounds")
}

/// Four writers on the same 1,000 keys, then a kill: the keys that are recovered with another value than the one
/// read just before.
fn keys_changed_by_kill(server: ServerProcess, graph: &str) -> Result<(ServerProcess, Vec<String>)> {
    let (writers, keys) = (4, 1000);
    server.client()?.create_graph(graph)?;
    let before = write_same_keys(&server, graph, writers, keys)?;
    let server = server.restart()?;
    let after = read_same_keys(&server, graph, keys)?;
    let changed = before.into_iter().filter(|(key, value)| after.get(key) != Some(value));
    let changed = changed.map(|(key, _)| key).collect();
    Ok((server, changed))
}
