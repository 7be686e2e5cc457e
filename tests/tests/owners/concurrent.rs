//! Moves that are under way are no conflicts.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};

use super::tier::{Tier, endpoint};
use super::{GRAPH, has, told};

/// There and back, as often as looks at it take turns with it.
const ROUNDS: usize = 6;

#[test]
fn a_move_that_is_under_way_is_no_conflict() -> Result<()> {
    let tier = Tier::start()?;
    let (from, to) = (endpoint(&tier.source), endpoint(&tier.destination));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0;
            while !over.load(Ordering::Relaxed) {
                let answer = tier.json(0, &["owners", "check"])?;
                ensure!(answer["conflicts"] == serde_json::json!([]), "{answer}");
                looks += 1;
            }
            Ok(looks)
        });
        let moved = (0..ROUNDS).try_for_each(|round| {
            let (from, to) = if round % 2 == 0 { (&from, &to) } else { (&to, &from) };
            tier.egctl(0, &["move", GRAPH, "--from", from, "--to", to, "--no-checkpoint"]).map(drop)
        });
        over.store(true, Ordering::Relaxed);
        let looks = looking.join().ok().context("a panic")?;
        moved?;
        ensure!(looks? > ROUNDS, "too few looks to tell");
        anyhow::Ok(())
    })?;
    for shard in [&tier.source, &tier.destination] {
        let mut client = shard.client()?;
        ensure!(told(&mut client, "two_owners")? + told(&mut client, "no_owner")? == 0);
        ensure!(!shard.output().contains("shards serve a graph"), "{}", shard.output());
    }
    has(&mut tier.source.client()?, GRAPH, 10)
}
