//! When the other shards are asked.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use crate::shard::Shard;

/// Between two rounds when all is well.
const USUAL: Duration = Duration::from_secs(60);
/// Between two rounds while something is to be resolved: it is seen soon that it was.
const UNRESOLVED: Duration = Duration::from_secs(5);
/// The first wait for a shard that did not answer; doubled each time, up to [`USUAL`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// A round costs this share of the time at most.
const SHARE: u32 = 20;
/// A shard serves nobody before it has asked the others, but for no longer than this: a directory may be an older one.
const BEFORE_SERVING: Duration = Duration::from_secs(1);
/// The same for one that was restored, and so is an older one.
const RESTORED_BEFORE_SERVING: Duration = Duration::from_secs(5);

/// Asks the others before anybody is served. One that has no others to ask is what there is.
pub(crate) async fn check_first(shard: &Arc<Shard>) {
    let restored = shard.restored();
    // What lies on an object store is never an older one, unless it is a clone.
    if shard.checkpoints.directory().is_none() && restored.is_none() {
        return;
    }
    if let Some(restored) = &restored {
        let (from, taken_ms) = (&restored.from, restored.taken_ms);
        tracing::warn!(from, taken_ms, "this store was restored: moves since then are not known in it");
    }
    let Some(peers) = &shard.peers else {
        settle(shard).await;
        return;
    };
    peers.show(&shard.metrics);
    let limit = if restored.is_some() { RESTORED_BEFORE_SERVING } else { BEFORE_SERVING };
    if timeout(limit, round(shard)).await.is_err() {
        tracing::warn!("the other shards do not answer in time; they are asked again while this one serves");
    }
}

/// Keeps asking until the server stops.
pub(crate) fn start(shard: &Arc<Shard>) {
    if shard.peers.is_some() {
        tokio::spawn(watch(Arc::clone(shard)));
    }
}

async fn watch(shard: Arc<Shard>) {
    let mut retry = FIRST_RETRY;
    let mut silent = 0;
    loop {
        let begun = Instant::now();
        let asking = Arc::clone(&shard);
        if let Err(error) = tokio::spawn(async move { round(&asking).await }).await {
            shard.metrics.periodic_panic("owners");
            tracing::error!(%error, "asking the other shards panicked and goes on at its next turn");
        }
        let Some(peers) = &shard.peers else { return };
        let unasked = peers.unasked();
        if silent != unasked.len() {
            silent = unasked.len();
            let names: Vec<&str> = unasked.iter().map(|silent| silent.endpoint.as_str()).collect();
            let reason = unasked.first().map(|silent| silent.reason.as_str());
            match reason {
                Some(_) => {
                    tracing::info!(shards = ?names, reason, "shards were not asked whose graphs they serve; tried again")
                }
                None => tracing::info!("all shards were asked whose graphs they serve"),
            }
        }
        let wait = if unasked.is_empty() {
            retry = FIRST_RETRY;
            USUAL
        } else {
            let wait = retry;
            retry = (retry * 2).min(USUAL);
            wait
        };
        let wait = if peers.has_conflicts() { wait.min(UNRESOLVED) } else { wait };
        tokio::select! {
            () = sleep(wait.max(begun.elapsed() * SHARE)) => {}
            () = shard.stop.cancelled() => return,
        }
    }
}

/// Asks the others once. The note that the directory was restored has served its purpose once all is well.
async fn round(shard: &Arc<Shard>) {
    let Some(peers) = &shard.peers else { return };
    // Identities are the same on all shards: whoever may list names here may there.
    peers.ask(shard.access.a_system_agent(), &shard.graphs, &shard.metrics).await;
    if peers.is_settled() {
        settle(shard).await;
    }
}

async fn settle(shard: &Arc<Shard>) {
    let settling = Arc::clone(shard);
    let settled = tokio::task::spawn_blocking(move || settling.settle_restored()).await;
    let told: Option<String> = match settled {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(error) = told {
        tracing::warn!(error, "the note that this store was restored cannot be removed; it is tried again");
    }
}
