//! The compaction that an operator asks for: all tables are written anew, without what was removed from them.

use std::{io, sync::Arc};

use epistemic_storage::{StoreError, clock::unix_ms};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::shard::Shard;

/// What is known of the newest compaction that was asked for.
#[derive(Default)]
pub(crate) struct Compaction(Mutex<Option<State>>);

#[derive(Debug, Clone)]
struct State {
    begun_ms: u64,
    bytes_before: u64,
    /// None while it runs.
    ended: Option<Ended>,
}

#[derive(Debug, Clone)]
struct Ended {
    at_ms: u64,
    bytes_after: u64,
    error: Option<String>,
}

impl Compaction {
    /// How it stands; null when none was asked for since the start.
    pub(crate) fn json(&self) -> Value {
        let Some(State { begun_ms, bytes_before, ended }) = self.0.lock().clone() else { return Value::Null };
        json!({
            "running": ended.is_none(),
            "begun_ms": begun_ms,
            "bytes_before": bytes_before,
            "ended_ms": ended.as_ref().map(|ended| ended.at_ms),
            "bytes_after": ended.as_ref().map(|ended| ended.bytes_after),
            "error": ended.and_then(|ended| ended.error),
        })
    }

    /// Takes note that one begins. False while one runs.
    fn begins(&self, bytes_before: u64) -> bool {
        let mut newest = self.0.lock();
        if newest.as_ref().is_some_and(|state| state.ended.is_none()) {
            return false;
        }
        *newest = Some(State { begun_ms: unix_ms(), bytes_before, ended: None });
        true
    }
}

/// Begins a compaction on a thread of its own, unless one runs. False where there are no tables.
///
/// # Errors
/// The system gives the server no thread.
pub(crate) fn begin(shard: &Arc<Shard>) -> io::Result<bool> {
    if shard.checkpoints.directory().is_none() {
        return Ok(false);
    }
    if !shard.compaction.begins(bytes(shard)) {
        return Ok(true);
    }
    let compacting = Arc::clone(shard);
    let started = std::thread::Builder::new().name("compact".into()).spawn(move || run(&compacting));
    if let Err(error) = &started {
        end(shard, Some(error.to_string()));
    }
    started.map(|_| true)
}

fn run(shard: &Arc<Shard>) {
    // A panic is told like an error.
    let compacted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compact(shard)));
    let error = match compacted {
        Ok(Ok(true)) => None,
        Ok(Ok(false)) => Some("tables could not be written anew: the log of the server says why".to_owned()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("it panicked: see the log of the server".to_owned()),
    };
    match &error {
        None => tracing::info!("all tables were written anew"),
        Some(error) => tracing::warn!(error, "the compaction that was asked for ended early"),
    }
    end(shard, error);
}

fn compact(shard: &Arc<Shard>) -> Result<bool, StoreError> {
    shard.graphs.reclaim()?;
    {
        // One at a time gives room back.
        let _no_other = shard.rest_until.lock();
        shard.graphs.give_back_room()?;
    }
    shard.graphs.compact()
}

fn end(shard: &Shard, error: Option<String>) {
    let ended = Ended { at_ms: unix_ms(), bytes_after: bytes(shard), error };
    if let Some(state) = &mut *shard.compaction.0.lock() {
        state.ended = Some(ended);
    }
}

fn bytes(shard: &Shard) -> u64 {
    shard.graphs.store().stats().map_or(0, |stats| stats.bytes)
}
