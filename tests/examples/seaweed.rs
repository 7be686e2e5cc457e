//! A SeaweedFS cluster for `scripts/bench-object-store`: prints the variables that lead to it, a line of `NAME=VALUE` each and an empty
//! one behind them, and runs until its standard input ends.

#![expect(clippy::print_stdout, reason = "it is what it prints")]

use std::io::Read;

use anyhow::Result;
use epistemic_tests::{s3::S3Server, seaweed::SeaweedCluster};

fn main() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    for (name, value) in S3Server::env(cluster.addr()) {
        println!("{name}={value}");
    }
    println!();
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
