//! Wall clocks that are wrong by an hour, in both directions, and that are stepped while everything runs: nothing is lost, no
//! lease depends on them, the times of a graph's changes never go back, and backups go by the clock of the shard.
//!
//! `EG_CLOCK_ROUNDS` sets the number of rounds of each test.

mod backup;
mod fence;
mod shard;

use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::clock::{Clock, HOUR_MS};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, Egctl, Value};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Milliseconds that a clock is ahead.
const STEPS: [i64; 5] = [-HOUR_MS, HOUR_MS, 0, -30_000, 30_000];

fn step(random: &mut StdRng) -> i64 {
    *STEPS.choose(random).expect("not empty")
}

/// The changes of a graph in their order: number, and time by the clock of the shard.
fn changes(client: &mut Client, graph: &str) -> Result<Vec<(u64, u64)>> {
    let mut all: Vec<(u64, u64)> = Vec::new();
    loop {
        let after = all.last().map_or(0, |(sequence, _)| *sequence);
        let fields = params([("after", after.into()), ("max_bytes", (1 << 20).into())]);
        let answer = client.call(graph, "LedgerRead", fields)?;
        let mut records = field(&answer, "records").and_then(Value::as_slice).context("records")?;
        if records.is_empty() {
            return Ok(all);
        }
        while let Some((head, rest)) = records.split_first_chunk::<12>() {
            let number =
                |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            let (sequence, length) = (number(&head[..8]), number(&head[8..]));
            let (record, behind) =
                rest.split_at_checked(usize::try_from(length)?).context("a record is cut off")?;
            all.push((sequence, number(record.get(1..9).context("a record without its time")?)));
            records = behind;
        }
    }
}

/// The times of a graph's changes never go back.
fn check_times(client: &mut Client, graph: &str) -> Result<()> {
    let changes = changes(client, graph)?;
    for pair in changes.windows(2) {
        let [(before, earlier), (after, later)] = [pair[0], pair[1]];
        ensure!(earlier <= later, "{graph}: change {before} at {earlier}, change {after} at {later}");
    }
    Ok(())
}

/// `egctl` by the secret of the test servers, and a clock.
fn egctl(clock: Option<&Clock>, args: &[&str]) -> Result<Command> {
    let mut command = Egctl::with_secret("test-secret").command(args)?;
    if let Some(clock) = clock {
        command.envs(clock.environment());
    }
    Ok(command)
}
