//! The scrub: reads all tables of the store, slowly and in the background, and begins again after its interval.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use epistemic_storage::{
    clock::unix_ms,
    scrub::{Pass, ScrubLog, Step},
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::shard::Shard;

/// A pass reads no slower than this: a small store is done soon.
const LEAST_RATE: u64 = 1 << 20;
/// Nor faster: requests need the disk.
const MOST_RATE: u64 = 32 << 20;
/// A pass is to be done in so many tenths of its interval.
const SHARE: u64 = 8;
/// Time between two notes of how far a pass is.
const NOTE_EVERY: Duration = Duration::from_secs(10);
/// After a failure that is no damage, so long nothing is tried.
const PAUSE: Duration = Duration::from_secs(60);

/// What the shard knows of its scrub.
pub(crate) struct Scrub {
    /// The data directory; none in memory, where there is nothing to read.
    dir: Option<PathBuf>,
    /// Zero: only when asked for.
    interval: Duration,
    state: Mutex<State>,
    asked: Notify,
}

#[derive(Default)]
struct State {
    log: ScrubLog,
    /// Bytes that the running pass reads in all.
    total: u64,
    /// Bytes read since the start.
    read: u64,
    /// Somebody wants a pass now: as fast as it may be, and from the beginning.
    wanted: bool,
    hurried: bool,
}

/// How the scrub stands, for those who show it.
#[derive(Debug, Clone)]
pub(crate) struct ScrubState {
    pub(crate) interval: Duration,
    pub(crate) log: ScrubLog,
    pub(crate) total: u64,
    pub(crate) read: u64,
}

impl ScrubState {
    /// The part of the running pass that is done, 0 to 1; 1 between passes.
    pub(crate) fn progress(&self) -> f64 {
        match self.log.running {
            Some(place) if self.total > 0 => (place.read as f64 / self.total as f64).min(1.0),
            Some(_) => 0.0,
            None => 1.0,
        }
    }
}

impl Scrub {
    /// Goes on from what an earlier run of the process left in `dir`.
    pub(crate) fn new(dir: Option<PathBuf>, interval: Duration) -> Self {
        let log = dir.as_deref().map(ScrubLog::load).unwrap_or_default();
        // Graphs are quarantined in memory only: where damage was found, it is looked for again.
        let wanted = !log.findings.is_empty();
        Self {
            dir,
            interval,
            state: Mutex::new(State { log, wanted, ..State::default() }),
            asked: Notify::new(),
        }
    }

    /// How it stands; none in memory.
    pub(crate) fn state(&self) -> Option<ScrubState> {
        self.dir.as_ref()?;
        let state = self.state.lock();
        Some(ScrubState {
            interval: self.interval,
            log: state.log.clone(),
            total: state.total,
            read: state.read,
        })
    }

    /// Begins a pass from the beginning, in place of one that runs, as fast as the scrub may read. False in memory.
    pub(crate) fn begin_now(&self) -> bool {
        self.state.lock().wanted = true;
        self.asked.notify_one();
        self.dir.is_some()
    }

    /// How long until the next pass is due; none when it has to be asked for.
    fn due(&self) -> Option<Duration> {
        let state = self.state.lock();
        if state.wanted {
            return Some(Duration::ZERO);
        }
        if self.interval.is_zero() {
            return None;
        }
        let (None, Some(last)) = (state.log.running, state.log.last) else { return Some(Duration::ZERO) };
        // A clock that was set back must not put it off for longer than the interval.
        let since = Duration::from_millis(unix_ms().saturating_sub(last.begun_ms));
        Some(self.interval.saturating_sub(since))
    }

    /// Bytes a second of a pass over `total` bytes.
    fn rate(&self, total: u64) -> u64 {
        if self.state.lock().hurried {
            return MOST_RATE;
        }
        let seconds = (self.interval.as_secs() * SHARE / 10).max(1);
        (total / seconds).clamp(LEAST_RATE, MOST_RATE)
    }

    /// Writes down how far it is. Blocks.
    fn note(&self) {
        let log = self.state.lock().log.clone();
        if let Some(dir) = &self.dir
            && let Err(error) = log.store(dir)
        {
            tracing::warn!(%error, "how far the scrub is cannot be written down: a restart begins its pass anew");
        }
    }
}

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

#[cfg(test)]
mod tests {
    use epistemic_storage::scrub::{LastPass, Place};

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn scrub(interval: Duration, log: ScrubLog) -> Scrub {
        let scrub = Scrub::new(Some("/nowhere".into()), interval);
        scrub.state.lock().log = log;
        scrub
    }

    fn begun(ago: Duration) -> ScrubLog {
        let begun_ms = unix_ms() - ago.as_millis() as u64;
        let last = LastPass { begun_ms, ended_ms: begun_ms, read: 1, found: 0 };
        ScrubLog { last: Some(last), ..ScrubLog::default() }
    }

    #[test]
    fn a_pass_is_due_an_interval_after_the_last_one_began() {
        assert_eq!(scrub(7 * DAY, ScrubLog::default()).due(), Some(Duration::ZERO), "the first");
        assert_eq!(scrub(7 * DAY, begun(8 * DAY)).due(), Some(Duration::ZERO));
        let left = scrub(7 * DAY, begun(2 * DAY)).due().unwrap();
        assert!(left > 4 * DAY && left <= 5 * DAY, "{left:?}");
        let mut ahead = begun(Duration::ZERO);
        ahead.last.as_mut().unwrap().begun_ms += 400 * DAY.as_millis() as u64;
        assert_eq!(scrub(7 * DAY, ahead).due(), Some(7 * DAY), "the clock was set back");
        let place = Place { begun_ms: 1, next: 2, upto: 3, read: 4 };
        let running = ScrubLog { running: Some(place), ..begun(2 * DAY) };
        assert_eq!(scrub(7 * DAY, running).due(), Some(Duration::ZERO), "it goes on");
    }

    #[test]
    fn without_an_interval_it_has_to_be_asked_for() {
        let scrub = scrub(Duration::ZERO, ScrubLog::default());
        assert_eq!(scrub.due(), None);
        assert!(scrub.begin_now());
        assert_eq!(scrub.due(), Some(Duration::ZERO));
        assert!(!Scrub::new(None, DAY).begin_now(), "there is nothing to read in memory");
    }

    #[test]
    fn the_rate_fits_the_interval_and_has_bounds() {
        let scrub = scrub(7 * DAY, ScrubLog::default());
        assert_eq!(scrub.rate(1 << 30), LEAST_RATE);
        assert_eq!(scrub.rate(1 << 50), MOST_RATE);
        let tib = 4 << 40;
        let seconds = tib / scrub.rate(tib);
        assert!((5 * 86_400..6 * 86_400).contains(&seconds), "{seconds} s");
        scrub.state.lock().hurried = true;
        assert_eq!(scrub.rate(1), MOST_RATE);
    }
}
