//! The passes of the scrub.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use epistemic_storage::scrub::{Pass, Step};

use crate::shard::Shard;

/// Time between two notes of how far a pass is.
const NOTE_EVERY: Duration = Duration::from_secs(10);
/// After a failure that is no damage, so long nothing is tried.
const PAUSE: Duration = Duration::from_secs(60);

/// Scrubs until the shard stops.
pub(crate) async fn run(shard: Arc<Shard>) {
    if shard.scrub.dir.is_none() {
        return;
    }
    loop {
        let due = async {
            match shard.scrub.due() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = shard.scrub.asked.notified() => {}
            () = shard.stop.cancelled() => return,
        }
        let worked = tokio::select! {
            worked = pass(&shard) => worked,
            () = shard.stop.cancelled() => return,
        };
        if !worked {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = shard.scrub.asked.notified() => {}
                () = shard.stop.cancelled() => return,
            }
        }
    }
}

/// What one step came to, on a thread for blocking work.
struct Stepped {
    pass: Pass,
    read: u64,
    is_last: bool,
    failed: bool,
}

/// One pass. False when it could not begin or ended in a panic.
async fn pass(shard: &Arc<Shard>) -> bool {
    let beginning = Arc::clone(shard);
    let begun = on_thread(shard, move || begin(&beginning)).await;
    let Some(Some(mut pass)) = begun else { return false };
    let mut noted = Instant::now();
    loop {
        if shard.scrub.state.lock().wanted {
            // The next one begins at once.
            return true;
        }
        let (from, stepping) = (Instant::now(), Arc::clone(shard));
        let note = noted.elapsed() >= NOTE_EVERY;
        let Some(stepped) = on_thread(shard, move || step(&stepping, pass, note)).await else { return false };
        if stepped.is_last {
            return true;
        }
        if note {
            noted = Instant::now();
        }
        let rate = shard.scrub.rate(stepped.pass.total());
        let pause =
            if stepped.failed { PAUSE } else { Duration::from_secs_f64(stepped.read as f64 / rate as f64) };
        pass = stepped.pass;
        tokio::select! {
            () = tokio::time::sleep(pause.saturating_sub(from.elapsed())) => {}
            () = shard.scrub.asked.notified() => {}
        }
    }
}

/// The result of blocking work; none when it panicked.
async fn on_thread<T: Send + 'static>(shard: &Shard, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Some(result),
        Err(error) => {
            shard.metrics.periodic_panic("scrub");
            tracing::error!(%error, "the scrub panicked and begins again later");
            None
        }
    }
}

fn begin(shard: &Shard) -> Option<Pass> {
    let mut log = {
        let mut state = shard.scrub.state.lock();
        state.hurried = state.wanted;
        if std::mem::take(&mut state.wanted) {
            state.log.running = None;
        }
        state.log.clone()
    };
    match Pass::begin(&shard.graphs, &mut log) {
        Ok(pass) => {
            let mut state = shard.scrub.state.lock();
            (state.log, state.total) = (log, pass.total());
            Some(pass)
        }
        Err(error) => {
            tracing::warn!(%error, "the scrub cannot begin yet");
            None
        }
    }
}

fn step(shard: &Shard, mut pass: Pass, note: bool) -> Stepped {
    let mut log = shard.scrub.state.lock().log.clone();
    let found = log.found;
    let (stepped, failed) = match pass.step(&shard.graphs, &mut log) {
        Ok(stepped) => (stepped, false),
        Err(error) => {
            tracing::warn!(%error, "a table cannot be scrubbed and is left out of this pass");
            (Step::default(), true)
        }
    };
    for finding in log.findings.iter().skip(found as usize) {
        tracing::error!(
            table = finding.table,
            space = finding.space,
            graphs = ?finding.graphs,
            reason = finding.reason,
            "the scrub found damage"
        );
    }
    if stepped.is_last {
        let (bytes, damaged) = (log.last.map_or(0, |last| last.read), log.found);
        tracing::info!(bytes, damaged, "the scrub has read all tables");
    }
    let must_note = stepped.is_last || log.found > found || (note && stepped.table_done);
    {
        let mut state = shard.scrub.state.lock();
        state.log = log;
        state.total = pass.total();
        state.read += stepped.read;
    }
    if must_note {
        shard.scrub.note();
    }
    Stepped { pass, read: stepped.read, is_last: stepped.is_last, failed }
}
