//! The backend on real object stores.
//!
//! `EG_STORE_PROGRAMS` sets how many random programs each backend is compared with memory by (2).

use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::{binaries, s3::S3Server, seaweed::SeaweedCluster};

/// The conformance suite and random programs below `url`, by the example of the backend's package.
fn run_suite(url: &str, env: Vec<(String, String)>) -> Result<()> {
    let programs = std::env::var("EG_STORE_PROGRAMS").unwrap_or_else(|_| "2".to_owned());
    let output = Command::new(binaries::example("suite", "epistemic-object-store")?)
        .args([url, &programs])
        .envs(env)
        .output()
        .context("the example 'suite'")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success()
            && text.contains("the conformance suite passes")
            && text.contains("programs agree"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[test]
fn the_backend_conforms_on_moto() -> Result<()> {
    let s3 = S3Server::start()?;
    run_suite(&format!("s3://{}/suite", S3Server::BUCKET), S3Server::env(s3.addr()))
}

#[test]
fn the_backend_conforms_on_seaweedfs() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    run_suite(&cluster.url("suite"), S3Server::env(cluster.addr()))
}
