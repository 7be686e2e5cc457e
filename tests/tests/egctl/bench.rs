//! `egctl bench`.

use std::time::Duration;

use anyhow::{Result, ensure};
use epistemic_tests::server::START_LIMIT;
use epistemic_tests::{Egctl, ServerProcess, wait};

/// A server that takes nothing else gets signed requests, each with a nonce of its own.
#[test]
fn the_load_generator_signs_its_requests() -> Result<()> {
    let server = ServerProcess::ours().secret("s").arg("--min-auth").arg("signed").spawn()?;
    wait::poll(START_LIMIT, Duration::from_millis(20), || {
        anyhow::Ok(server.output().contains("Listening").then_some(()))
    })?;
    let endpoint = format!("unix://{}", server.socket().display());
    let load = ["bench", "--op", "mixed", "--nodes", "100", "--count", "600", "--endpoint", &endpoint];
    let egctl = Egctl::with_secret("s");
    let refused = egctl.run(load)?;
    ensure!(!refused.status.success(), "{refused:?}");
    let report = egctl.json(&[&load[..], &["--sign-as", "bench"]].concat())?;
    ensure!(report["failed"] == 0 && report["done"].as_u64() >= Some(600), "{report}");
    Ok(())
}
