//! The file is looked at each second, and read again when it has changed or a signal says so.

use std::{sync::Arc, time::Duration};

use epistemic_audit::Entry;
use tokio::{
    signal::unix::Signal,
    time::{MissedTickBehavior, interval},
};

use super::{Keys, Reloaded};
use crate::shard::Shard;

const EVERY: Duration = Duration::from_secs(1);

/// Keeps the keys as the file has them, until the shard stops.
pub(crate) async fn watch(shard: Arc<Shard>, mut hangup: Signal) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            _ = ticks.tick() => false,
            signal = hangup.recv() => signal.is_some(),
            () = shard.stop.cancelled() => return,
        };
        let reading = Arc::clone(&shard);
        let look = move || {
            let Some(keys) = reading.authentication.keys() else { return };
            if asked || keys.has_changed() {
                read_again(keys, &reading);
            }
        };
        if let Err(error) = tokio::task::spawn_blocking(look).await {
            tracing::error!(%error, "reading the keys file panicked; the keys stay as they were");
        }
    }
}

fn read_again(keys: &Keys, shard: &Shard) {
    match keys.reload() {
        Ok(Reloaded { count, changes }) => {
            shard.access.trust(keys.trusted());
            let ended = shard.sessions.end(|session| keys.ends(session));
            tracing::info!(keys = count, connections_ended = ended, "the keys file was read again");
            note(
                shard,
                Entry { count: Some(count as u64), outcome: Some("ok".into()), ..Entry::new("keys-read") },
            );
            for (event, key) in changes {
                note(shard, Entry { about: Some(format!("key {key}")), ..Entry::new(event) });
            }
        }
        Err(error) => {
            tracing::error!("SECURITY: the keys stay as they were: --keys-file: {error}");
            note(shard, Entry { outcome: Some("error".into()), ..Entry::new("keys-read").detail(error) });
        }
    }
}

fn note(shard: &Shard, entry: Entry) {
    if let Some(log) = &shard.audit {
        log.note(entry);
    }
}
