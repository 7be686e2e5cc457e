//! Periodic work: reclaiming deleted graphs, checkpoints, the scrub, syncs of relaxed durability.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use epistemic_storage::graph::Graph;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    config::DurabilityMode,
    lifecycle::{self, LifecycleError, Swept, Target},
    scrub,
    shard::{Shard, stopped},
};

const RECLAIM_EVERY: Duration = Duration::from_secs(1);
const RECOVER_EVERY: Duration = Duration::from_secs(1);

/// Runs one kind of work at its interval until the shard stops. A panic in it is counted and costs one turn.
async fn every(shard: Arc<Shard>, name: &'static str, period: Duration, work: fn(&Arc<Shard>)) {
    let mut stop = shard.stop.subscribe();
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopped(&mut stop) => return,
        }
        let working = Arc::clone(&shard);
        if let Err(error) = tokio::task::spawn_blocking(move || work(&working)).await {
            shard.metrics.periodic_panic(name);
            tracing::error!(work = name, %error, "periodic work panicked and goes on at its next turn");
        }
    }
}

/// Starts all periodic work of the shard.
pub(crate) fn start(shard: &Arc<Shard>) {
    tokio::spawn(every(Arc::clone(shard), "reclaim", RECLAIM_EVERY, reclaim));
    tokio::spawn(every(Arc::clone(shard), "recover", RECOVER_EVERY, recover));
    tokio::spawn(scrub::run(Arc::clone(shard)));
    if shard.checkpoint_interval > 0 && shard.checkpoints.directory().is_some() {
        let period = Duration::from_secs(shard.checkpoint_interval);
        tokio::spawn(every(Arc::clone(shard), "checkpoint", period, checkpoint));
    }
    if shard.decay.seconds > 0 {
        let period = Duration::from_secs(shard.decay.seconds);
        tokio::spawn(every(Arc::clone(shard), "decay", period, decay));
    }
    if let DurabilityMode::Interval(period) = shard.durability {
        tokio::spawn(every(Arc::clone(shard), "sync", period, sync));
    }
}

fn reclaim(shard: &Arc<Shard>) {
    shard.projections.forget_deleted();
    shard.vectors.forget_deleted();
    match shard.graphs.reclaim() {
        Ok(0) => {}
        Ok(graphs) => tracing::debug!(graphs, "reclaimed the records of deleted graphs"),
        Err(error) => tracing::warn!(%error, "cannot reclaim the records of deleted graphs yet"),
    }
}

/// Sets the store going again when it can, and says when it stops taking writes and when it takes them again.
fn recover(shard: &Arc<Shard>) {
    shard.graphs.recover();
    let refusal = shard.graphs.refusal();
    let was_refusing = shard.refusing.swap(refusal.is_some(), Ordering::Relaxed);
    match refusal {
        Some(reason) if !was_refusing => tracing::error!(reason, "no writes are taken"),
        None if was_refusing => tracing::info!("writes are taken again"),
        Some(_) | None => {}
    }
}

fn checkpoint(shard: &Arc<Shard>) {
    if let Err(error) = shard.checkpoints.take(&shard.graphs) {
        tracing::error!(%error, "checkpoint failed");
    }
}

/// Sweeps over all graphs on one of the compute threads, and waits for the end: sweeps never pile up.
fn decay(shard: &Arc<Shard>) {
    let (done, swept) = std::sync::mpsc::channel::<()>();
    let sweeping = Arc::clone(shard);
    shard.compute.submit(&"(decay sweep)".into(), &shard.stopping, move || {
        sweeping.graphs.graphs().iter().for_each(|graph| sweep(&sweeping, graph));
        drop(done);
    });
    // Nothing is ever sent: the other side is dropped at the end.
    let _ = swept.recv();
}

fn sweep(shard: &Shard, graph: &Arc<Graph>) {
    if graph.quarantined().is_some() || shard.stopping.check().is_err() {
        return;
    }
    let target = Target { shard, graph, cancel: &shard.stopping };
    match lifecycle::decay_sweep(target, shard.decay.work) {
        Ok(swept) if swept == Swept::default() => {}
        Ok(swept) => tracing::info!(graph = %graph.name(), ?swept, "decay sweep"),
        Err(LifecycleError::Read(error)) => {
            let error = shard.graphs.damage(graph.name(), error);
            tracing::warn!(graph = %graph.name(), %error, "decay sweep ended early");
        }
        Err(error) => tracing::warn!(graph = %graph.name(), %error, "decay sweep ended early"),
    }
}

fn sync(shard: &Arc<Shard>) {
    // A failure poisons the store, which logs it.
    let _ = shard.graphs.sync();
}
