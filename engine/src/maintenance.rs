//! Periodic work: reclaiming deleted graphs, checkpoints, the scrub, syncs of relaxed durability.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use epistemic_audit::Entry;
use epistemic_storage::{clock, graph::Graph};
use tokio::{
    signal::unix::Signal,
    time::{MissedTickBehavior, interval},
};

use crate::{
    account::{Account, Sender},
    config::DurabilityMode,
    lifecycle::{self, LifecycleError, Swept, Target},
    scrub,
    shard::Shard,
};

const RECLAIM_EVERY: Duration = Duration::from_secs(1);
/// So many bytes of removed records are given back at once.
const MUCH_BYTES: u64 = 64 << 20;
/// So long it is not tried again when it has failed.
const AFTER_FAILURE: Duration = Duration::from_secs(20);
/// For each second that this takes so many are left to requests.
const RESTS: u32 = 9;
const TRIM_EVERY: Duration = Duration::from_secs(5);
const END_IDLE_EVERY: Duration = Duration::from_secs(1);
const RECOVER_EVERY: Duration = Duration::from_secs(1);
const SAMPLE_EVERY: Duration = Duration::from_secs(30);

/// Runs one kind of work at its interval until the shard stops. A panic in it is counted and costs one turn.
async fn every(shard: Arc<Shard>, name: &'static str, period: Duration, work: fn(&Arc<Shard>)) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shard.stop.cancelled() => return,
        }
        let working = Arc::clone(&shard);
        if let Err(error) = tokio::task::spawn_blocking(move || work(&working)).await {
            shard.metrics.periodic_panic(name);
            tracing::error!(work = name, %error, "periodic work panicked and goes on at its next turn");
        }
    }
}

/// Starts all periodic work of the shard. Of a read replica, that which changes nothing.
pub(crate) fn start(shard: &Arc<Shard>) {
    tokio::spawn(every(Arc::clone(shard), "transfers", END_IDLE_EVERY, |shard| {
        shard.open_transfers.end_idle();
        shard.transactions.forget(Instant::now());
    }));
    tokio::spawn(every(Arc::clone(shard), "quotas", SAMPLE_EVERY, sample));
    let first = Arc::clone(shard);
    tokio::task::spawn_blocking(move || sample(&first));
    if shard.role.is_replica() {
        tokio::spawn(every(Arc::clone(shard), "caches", RECLAIM_EVERY, forget_deleted));
        return;
    }
    tokio::spawn(every(Arc::clone(shard), "reclaim", RECLAIM_EVERY, reclaim));
    tokio::spawn(every(Arc::clone(shard), "room", RECLAIM_EVERY, give_back_room));
    tokio::spawn(every(Arc::clone(shard), "ledger", TRIM_EVERY, trim_ledgers));
    tokio::spawn(every(Arc::clone(shard), "recover", RECOVER_EVERY, recover));
    tokio::spawn(scrub::worker::run(Arc::clone(shard)));
    if shard.checkpoint_interval > 0 && shard.dirty.is_kept() {
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

/// Gives the room of removed records back when it is much, or after a while. The work takes a small part of the time, so
/// that requests hardly notice.
fn give_back_room(shard: &Arc<Shard>) {
    let awaiting = shard.graphs.awaiting_room();
    let due = awaiting.bytes >= MUCH_BYTES || awaiting.oldest_ms >= shard.reclaim_delay.saturating_mul(1000);
    let due = due && awaiting.graphs > 0;
    let mut rest = shard.rest_until.lock();
    if !due || rest.is_some_and(|until| Instant::now() < until) {
        return;
    }
    let begun = Instant::now();
    let mut least = RECLAIM_EVERY;
    match shard.graphs.give_back_room() {
        Ok(0) => {}
        Ok(graphs) => {
            let seconds = begun.elapsed().as_secs_f64();
            tracing::info!(graphs, bytes = awaiting.bytes, seconds, "gave the room of removed records back");
        }
        Err(error) => {
            tracing::warn!(%error, "cannot give the room of removed records back yet");
            least = AFTER_FAILURE;
        }
    }
    *rest = Some(Instant::now() + (begun.elapsed() * RESTS).max(least));
}

fn forget_deleted(shard: &Arc<Shard>) {
    shard.projections.forget_deleted();
    shard.vectors.forget_deleted();
}

fn reclaim(shard: &Arc<Shard>) {
    forget_deleted(shard);
    match shard.graphs.reclaim() {
        Ok(0) => {}
        Ok(graphs) => tracing::debug!(graphs, "reclaimed the records of deleted graphs"),
        Err(error) => tracing::warn!(%error, "cannot reclaim the records of deleted graphs yet"),
    }
    let before = clock::unix_ms().saturating_sub(shard.authentication.keys_kept_ms());
    if let Err(error) = shard.graphs.forget_made_once(before) {
        tracing::warn!(%error, "cannot forget the idempotency keys of writes yet");
    }
}

/// Trims ledgers to what is to be kept of them, in steps between which other writes have their turn.
fn trim_ledgers(shard: &Arc<Shard>) {
    for graph in shard.graphs.graphs() {
        let keep = graph.ledger_keep().unwrap_or(shard.ledger_keep);
        loop {
            if shard.stop.is_cancelled() {
                return;
            }
            match shard.graphs.trim_ledger(&graph, &keep) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(graph = %graph.name(), %error, "cannot trim the ledger yet");
                    break;
                }
            }
        }
    }
}

/// Sets the store going again when it can, and says when it stops taking writes and when it takes them again.
fn recover(shard: &Arc<Shard>) {
    shard.graphs.recover();
    let refusal = shard.refusal();
    let was_refusing = shard.refusing.swap(refusal.is_some(), Ordering::Relaxed);
    match refusal {
        Some(reason) if !was_refusing => tracing::error!(reason, "no writes are taken"),
        None if was_refusing => tracing::info!("writes are taken again"),
        Some(_) | None => {}
    }
}

/// Reads the file of quotas again at each signal.
pub(crate) async fn read_quotas_again(shard: Arc<Shard>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        let reading = Arc::clone(&shard);
        let read = tokio::task::spawn_blocking(move || reading.quotas.reload(&reading.graphs)).await;
        match read {
            Ok(Ok(rules)) => tracing::info!(rules, "the quotas were read again"),
            Ok(Err(error)) => tracing::error!("the quotas stay as they were: --quotas: {error}"),
            Err(error) => tracing::error!(%error, "reading the quotas panicked"),
        }
    }
}

/// Looks how much tenants store.
fn sample(shard: &Arc<Shard>) {
    shard.quotas.sample(&shard.graphs, &|| !shard.stop.is_cancelled());
}

fn checkpoint(shard: &Arc<Shard>) {
    let taken = shard.checkpoints.take(&shard.graphs);
    if let Err(error) = &taken {
        tracing::error!(%error, "checkpoint failed");
    }
    if let Some(log) = &shard.audit {
        let outcome = Some(if taken.is_ok() { "ok" } else { "error" }.to_owned());
        log.note(Entry { outcome, principal: Some("server".into()), ..Entry::new("checkpoint") });
    }
}

/// Sweeps over all graphs on one of the compute threads, and waits for the end: sweeps never pile up.
fn decay(shard: &Arc<Shard>) {
    let (done, swept) = std::sync::mpsc::channel::<()>();
    let sweeping = Arc::clone(shard);
    shard.compute.submit(&Account::own("decay sweep"), &shard.sweeps, move || {
        sweeping.graphs.graphs().iter().for_each(|graph| sweep(&sweeping, graph));
        drop(done);
    });
    // Nothing is ever sent: the other side is dropped at the end.
    let _ = swept.recv();
}

fn sweep(shard: &Shard, graph: &Arc<Graph>) {
    if graph.quarantined().is_some() || shard.stop.is_cancelled() {
        return;
    }
    let nobody = Sender { agent: None, peer: "server" };
    let account = Account::of(graph.name(), Some(graph), nobody);
    let target = Target { shard, graph, cancel: &shard.sweeps, account, tenant: None };
    match lifecycle::decay_sweep(target, shard.decay.work) {
        Ok(swept) if swept == Swept::default() => {}
        Ok(swept) => tracing::info!(graph = %graph.name(), ?swept, "decay sweep"),
        Err(LifecycleError::Read(error)) => {
            let error = shard.graphs.quarantine_if_corrupt(graph.name(), error);
            tracing::warn!(graph = %graph.name(), %error, "decay sweep ended early");
        }
        Err(error) => tracing::warn!(graph = %graph.name(), %error, "decay sweep ended early"),
    }
}

fn sync(shard: &Arc<Shard>) {
    // A failure poisons the store, which logs it.
    let _ = shard.graphs.sync();
}
