//! A destination that takes small requests only.

use anyhow::{Context, Result, ensure};
use epistemic_tests::{ServerProcess, wait::poll};
use std::time::Duration;

use super::{Pair, digest, mover::Mover};

const GRAPH: &str = "g";

/// The copy, and a tail of changes that is many times as large as a request may be, go over in pieces; one change that is
/// too large for any request is an error that says what to do.
#[test]
fn a_move_fits_its_requests_to_the_destination() -> Result<()> {
    let small = ServerProcess::ours().arg("--max-frame-bytes").arg("20000").start()?;
    let pair =
        Pair { source: ServerProcess::ours().start()?, destination: small, work: tempfile::tempdir()? };
    let mut client = pair.source.client()?;
    client.create_graph(GRAPH)?;
    for number in 0..40 {
        client.add_node(GRAPH, &format!("before {number}"), &[0xc0; 5_000])?;
    }
    let mover = Mover::new(&pair.work, GRAPH, &pair.places(), "journal");
    let held = mover.held_at("catch_up")?.context("the move was done already")?;
    for number in 0..40 {
        client.add_node(GRAPH, &format!("behind {number}"), &[0xc0; 5_000])?;
    }
    let expected = digest(&mut client, GRAPH)?;
    held.go_on()?;
    let output = held.ended()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(digest(&mut pair.destination.client()?, GRAPH)? == expected);

    client.create_graph("large")?;
    let mover = Mover::new(&pair.work, "large", &pair.places(), "journal");
    let held = mover.held_at("catch_up")?.context("the move was done already")?;
    client.add_node("large", "x", &[0xc0; 30_000])?;
    held.go_on()?;
    let output = held.ended()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && error.contains("--max-frame-bytes"), "{error}");
    // The source serves it still.
    let served = poll(Duration::from_secs(20), Duration::from_millis(50), || {
        anyhow::Ok(client.add_node("large", "y", b"\x80").ok())
    })?;
    served.context("the source takes no writes")
}
