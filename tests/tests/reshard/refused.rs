//! Plans that there must not be: exit code, what is wrong, and what to do.

use anyhow::{Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::wire::params;
use serde_json::Value;

use super::{Shards, egctl, endpoint};

/// Plans, which must end with this code and these words on stderr; returns the codes of the refusals.
fn refused(exit: i32, words: &[&str], args: &[&str]) -> Result<Vec<String>> {
    let output = egctl(&[&["reshard", "plan", "--json"][..], args].concat())?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(exit), "{args:?}: {}: {error}", output.status);
    ensure!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    let Ok(printed) = serde_json::from_slice::<Value>(&output.stdout) else { return Ok(Vec::new()) };
    let refusals = printed["refusals"].as_array().into_iter().flatten();
    Ok(refusals.filter_map(|refusal| refusal["code"].as_str().map(str::to_owned)).collect())
}

#[test]
fn lists_that_name_a_shard_in_two_ways_are_wrong_usage() -> Result<()> {
    let from = "tcp://localhost:9101,tcp://localhost:9102";
    for to in
        ["tcp://127.0.0.1:9101,tcp://localhost:9102", "tcp://LOCALHOST:9101", "tcp://x:1,tcp://[::1]:9102"]
    {
        let codes = refused(2, &["write 'tcp://localhost:910"], &["--from", from, "--to", to])?;
        ensure!(codes == ["ENDPOINT_SPELLING"], "{codes:?}");
    }
    refused(2, &["listed twice"], &["--from", "tcp://a:1,tcp://a:1", "--to", from])?;
    refused(2, &["1 to 65535"], &["--from", from, "--to", "tcp://localhost:9101/"])?;
    refused(2, &["no scheme"], &["--from", from, "--to", "localhost:9101"])?;
    refused(2, &["ENDPOINT=PATH"], &["--from", from, "--to", from, "--dir", "tcp://localhost:9103=/tmp"])?;
    Ok(())
}

#[test]
fn a_shard_that_cannot_be_read_is_named() -> Result<()> {
    let mut shards = Shards::start(2)?;
    let (from, to) = (shards.from(), shards.to());
    let gone = endpoint(&shards.servers[1].builder());
    ensure!(shards.servers[1].terminate()?.success());
    let lists = ["--from", &from, "--to", &to];
    let codes = refused(3, &[&gone, "--dir ENDPOINT=PATH"], &lists)?;
    ensure!(codes == ["SHARD_UNREADABLE"], "{codes:?}");
    let directory = format!("{gone}={}", shards.servers[1].persist_dir().join("nothing").display());
    refused(4, &["there is no directory"], &[&lists[..], &["--dir", &directory]].concat())?;
    // A directory that a server owns is not read beside it.
    let running = &shards.servers[0];
    let directory = format!("{}={}", endpoint(&running.builder()), running.persist_dir().display());
    refused(3, &["owns"], &[&lists[..], &["--dir", &directory]].concat())?;
    Ok(())
}

#[test]
fn one_name_on_two_shards_and_one_store_behind_two_names_are_refused() -> Result<()> {
    let shards = Shards::start(1)?;
    let (from, to) = (shards.from(), shards.to());
    for (server, nodes) in [(&shards.servers[0], 3), (&shards.newcomer, 1)] {
        let mut client = server.client()?;
        client.create_graph("twice")?;
        for node in 0..nodes {
            client.add_node("twice", &node.to_string(), b"\x80")?;
        }
    }
    let words = ["graph twice", "3 nodes, 0 edges, sequence 4", "1 nodes, 0 edges, sequence 2"];
    let codes = refused(4, &words, &["--from", &from, "--to", &to])?;
    ensure!(codes == ["GRAPH_CONFLICT"], "{codes:?}");

    let other = ServerProcess::ours().tcp().start()?;
    let (unix, tcp) = (endpoint(&other.builder()), format!("tcp://{}", other.tcp_addr()));
    let codes = refused(2, &[&unix, &tcp], &["--from", &unix, "--to", &format!("{unix},{tcp}")])?;
    ensure!(codes.contains(&"SAME_STORE".to_owned()), "{codes:?}");
    Ok(())
}

#[test]
fn a_caller_that_may_not_see_all_graphs_gets_no_plan() -> Result<()> {
    let server = ServerProcess::ours().arg("--system-agent").arg("ops").start()?;
    let mut ops = server.client()?.acting_as("ops");
    ops.create_graph("hidden")?;
    let identity = [
        ("agent_id", "ops".into()),
        ("role", "System".into()),
        ("teams", epistemic_tests::Value::Array(Vec::new())),
        ("signature", "".into()),
    ];
    ops.call("", "RegisterIdentity", params(identity))?;
    let list = endpoint(&server.builder());
    let lists = ["--from", &list, "--to", &list];
    let codes = refused(4, &["1 of its 2 graphs", "--agent-id"], &lists)?;
    ensure!(codes == ["GRAPHS_HIDDEN"], "{codes:?}");
    let output = egctl(&[&["reshard", "plan", "--agent-id", "ops"][..], &lists].concat())?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
