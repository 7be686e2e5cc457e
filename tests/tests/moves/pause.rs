//! How long writers wait while a graph of 100,000 nodes and edges moves.
//!
//! `EG_MOVE_PAUSES` moves it so many times (3); docs/benchmarks.md has the figures of 20.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::seed::number_from_env;

use crate::load::Load;
use crate::mover::Mover;
use crate::{Pair, written};

const GRAPH: &str = "large";
const NODES: u64 = 100_000;
const LIMIT: Duration = Duration::from_millis(200);

#[test]
fn writers_wait_less_than_200_ms_for_100_000_nodes() -> Result<()> {
    let pair = Pair::start()?;
    pair.prepare(GRAPH, NODES)?;
    let [here, there] = pair.places();
    let load = Load::start(GRAPH, pair.places(), false)?;
    let (mut refused, mut waited) = (Vec::new(), Vec::new());
    let moves = number_from_env("EG_MOVE_PAUSES", 3);
    for number in 0..moves {
        let [from, to] = [[&here, &there], [&there, &here]][number % 2];
        let mover = Mover::new(&pair.work, GRAPH, &[from.clone(), to.clone()], "journal");
        load.take_longest_gap();
        let receipt = mover.finish()?;
        load.await_writes(40)?;
        waited.push(load.take_longest_gap());
        let pause = receipt["pause_ms"].as_f64().context("no pause in the receipt")?;
        refused.push(Duration::from_secs_f64(pause / 1000.0));
    }
    let owner = if moves % 2 == 1 { &pair.destination } else { &pair.source };
    written::check(&load.stop()?, &mut owner.client()?, GRAPH)?;
    let best = waited.iter().min().copied().unwrap_or_default();
    print("writes refused, by the receipts", &mut refused);
    print("longest wait of a writer for an answer", &mut waited);
    // Other tests share the disk and the cores, so the best of some tries counts.
    ensure!(best < LIMIT, "a writer waited for {best:?} even in the best of {moves} moves");
    Ok(())
}

fn print(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    eprintln!(
        "{what}, {} moves: p50 {:.1} ms, p90 {:.1} ms, max {:.1} ms",
        times.len(),
        at(50),
        at(90),
        at(100)
    );
}
