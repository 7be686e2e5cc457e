//! Computations that take too long are ended, and until then keep nobody else from computing.

use anyhow::{Result, ensure};
use epistemic_tests::wire::params;

use crate::graphs::{self, edge, node};
use crate::{LATER, Long, await_metric, metric, server, share};

#[test]
fn what_takes_too_long_is_ended_and_told_how_far_it_came() -> Result<()> {
    let server = server().arg("--compute-deadline").arg("1").start()?;
    let mut client = server.client()?;
    graphs::two_sides(&mut client)?;
    graphs::ring(&mut client, 50_000)?;
    Long::SubgraphMatch.send(&mut client)?;
    let error = client.receive()?.outcome.err().unwrap_or_default();
    ensure!(
        error
            == "COMPUTE_DEADLINE: Vf2SubgraphMatch on graph 'two sides' was ended after 1 s (--compute-deadline); \
                0 matches were found until then (docs/errors/compute-deadline.md)",
        "{error}"
    );
    // Its parallel parts too.
    Long::PageRank.send(&mut client)?;
    let error = client.receive()?.outcome.err().unwrap_or_default();
    ensure!(error.contains("PageRank on graph 'ring' was ended after 1 s"), "{error}");
    await_metric(&server, "computations_running", 0.0, LATER)?;
    ensure!(client.call("ring", "NodeCount", None)?.as_u64() == Some(100_000));
    Ok(())
}

/// Security finding 3: four small pattern matches held all threads for as long as their clients stayed.
#[test]
fn pattern_matches_without_end_keep_nobody_from_computing() -> Result<()> {
    let server = server().start()?;
    let mut client = server.client()?;
    graphs::two_sides(&mut client)?;
    client.call("two sides", "Fork", params([("graph_name", "two more".into())]))?;
    client.call("two sides", "Fork", params([("graph_name", "another two".into())]))?;
    let content =
        (0..100).map(|n| node(format!("n{n}"))).chain((1..100).map(|n| edge("n0", format!("n{n}"))));
    graphs::create(&mut client, "victim", content)?;
    let mut attackers = Vec::new();
    for graph in ["two sides", "two more", "another two"] {
        for _ in 0..share() {
            let mut attacker = server.client()?;
            attacker.send(graph, "Vf2SubgraphMatch", params([("pattern_graph_name", "odd cycle".into())]))?;
            attackers.push(attacker);
        }
    }
    // More than there are threads: those that run for long go on beside the others.
    let running = (2 * share()) as f64;
    crate::await_at_least(&server, "computations_running", running, LATER)?;
    for _ in 0..5 {
        let fields = params([("agent_id", "n0".into()), ("max_tokens", 1000.into())]);
        let view = client.call("victim", "GetContextView", fields)?;
        ensure!(epistemic_tests::wire::field(&view, "nodes").is_some(), "{view}");
        client.call("victim", "ConnectedComponents", None)?;
    }
    ensure!(metric(&server, "computations_running")? >= running, "the others still run");
    drop(attackers);
    await_metric(&server, "computations_running", 0.0, LATER).map(drop)
}
