//! What README tells people to paste works as pasted.

use anyhow::{Context, Result, ensure};
use epistemic_tests::{ServerProcess, python, shared};

/// Published clients with `ShardRouter`, for which README gives the example.
const CLIENTS: [&str; 3] = ["0.31.0", "2.0.0", "2.23.0"];

#[test]
fn the_python_example_prints_what_it_says() -> Result<()> {
    let readme = fs_err::read_to_string(shared::package()?.join("../README.md"))?;
    let section = readme.split("\n## From Python\n").nth(1).context("## From Python")?;
    let example = section.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let example = example.context("an example")?;
    let said = section
        .split("It prints `")
        .nth(1)
        .and_then(|rest| rest.split('`').next())
        .context("what it prints")?;

    // Two shards that share a secret, as in a tier; it is run twice on each client, for the second time on what is there.
    let secret = "of-both-shards-as-long-as-it-has-to-be";
    let start = || ServerProcess::ours().secret(secret).tcp().start();
    let shards = [start()?, start()?];
    let endpoints =
        shards.iter().map(|shard| format!("tcp://{}", shard.tcp_addr())).collect::<Vec<_>>().join(",");
    let env = [("GRAPH_SERVICE_ENDPOINTS", endpoints.as_str()), ("GRAPH_SERVICE_AUTH_SECRET", secret)];
    for client in CLIENTS.into_iter().chain(CLIENTS) {
        let output = python::run_with_env(client, example, &[], &env)?;
        ensure!(
            output.code == Some(0) && output.stdout.trim_end() == said,
            "client {client} ended with {:?} and printed\n{}{}",
            output.code,
            output.stdout,
            output.stderr
        );
    }
    Ok(())
}
