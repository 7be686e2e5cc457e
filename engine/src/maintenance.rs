//! Periodic work: reclaiming deleted graphs, checkpoints, syncs of relaxed durability.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{
    config::DurabilityMode,
    shard::{Shard, stopped},
};

const RECLAIM_EVERY: Duration = Duration::from_secs(1);

/// Runs one kind of work at its interval until the shard stops.
async fn every(shard: Arc<Shard>, period: Duration, work: fn(&Shard)) {
    let mut stop = shard.stop.subscribe();
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopped(&mut stop) => return,
        }
        let shard = Arc::clone(&shard);
        if let Err(error) = tokio::task::spawn_blocking(move || work(&shard)).await {
            tracing::error!(%error, "periodic work panicked");
        }
    }
}

/// Starts all periodic work of the shard.
pub(crate) fn start(shard: &Arc<Shard>) {
    tokio::spawn(every(Arc::clone(shard), RECLAIM_EVERY, reclaim));
    if shard.checkpoint_interval > 0 && shard.checkpoints.directory().is_some() {
        let period = Duration::from_secs(shard.checkpoint_interval);
        tokio::spawn(every(Arc::clone(shard), period, checkpoint));
    }
    if let DurabilityMode::Interval(period) = shard.durability {
        tokio::spawn(every(Arc::clone(shard), period, sync));
    }
}

fn reclaim(shard: &Shard) {
    match shard.graphs.reclaim() {
        Ok(0) => {}
        Ok(graphs) => tracing::debug!(graphs, "reclaimed the records of deleted graphs"),
        Err(error) => tracing::warn!(%error, "cannot reclaim the records of deleted graphs yet"),
    }
}

fn checkpoint(shard: &Shard) {
    if let Err(error) = shard.checkpoints.take(&shard.graphs) {
        tracing::error!(%error, "checkpoint failed");
    }
}

fn sync(shard: &Shard) {
    // A failure poisons the store, which logs it.
    let _ = shard.graphs.sync();
}
