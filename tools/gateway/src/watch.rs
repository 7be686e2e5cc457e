//! A shard under watch. Each has a task of its own, so that a slow one delays nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use epistemic_router::status::{GraphStats, GraphStatsParams};
use epistemic_router::{Breaker, ConnectOptions, Endpoint, EndpointList, Secret, ShardRouter};
use tokio::sync::{Mutex, Notify, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::api::Reason;
use super::clock::unix_ms;
use super::explorer::AT_A_TIME;
use super::growth::Growth;
use super::moves::{self, Moved};
use super::probe::{Answer, DEADLINE, Seen, call, call_with, look};
use super::rate::{Rate, Rates};
use super::series::Series;
use super::sized::carry;

/// Time between two looks, and for how long a list of graphs is good.
const INTERVAL: Duration = Duration::from_secs(1);

/// Time between two questions for moves.
const MOVES_INTERVAL: Duration = Duration::from_secs(5);

/// Time between two questions for the sizes of all graphs, which may take long.
const SIZES_INTERVAL: Duration = Duration::from_secs(60);
const SIZES_DEADLINE: Duration = Duration::from_secs(30);

/// Graphs of a shard by name, or why they are not known.
pub(super) type Graphs = Result<Arc<Vec<GraphStats>>, String>;

/// One shard.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) endpoint: Endpoint,
    pub(super) breaker: Arc<Breaker>,
    router: ShardRouter,
    latest: watch::Sender<Option<Arc<Look>>>,
    graphs: Mutex<Option<(Instant, Graphs)>>,
    known: parking_lot::Mutex<Option<Arc<Known>>>,
    series: parking_lot::Mutex<Series>,
    moves: parking_lot::Mutex<Option<Arc<[Moved]>>>,
    growth: parking_lot::Mutex<Growth>,
    /// Its graphs as they were when it told how large each is.
    sized: parking_lot::Mutex<Arc<Vec<GraphStats>>>,
    /// Somebody looks at graphs.
    graphs_wanted: Notify,
    /// Places of calls that look into graphs.
    pub(super) explorers: Semaphore,
    secret: Secret,
    options: ConnectOptions,
    /// Graphs that it has, less those that it shows.
    hidden: AtomicU64,
    store: parking_lot::Mutex<KnownStore>,
}

/// The store behind an endpoint.
#[derive(Debug, Default)]
struct KnownStore {
    first: Option<String>,
    /// What to say while another one answers.
    changed: Option<String>,
    changes: u64,
}

/// What a shard said of itself last, however long ago.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) at: Instant,
    /// Unix milliseconds.
    pub(super) at_ms: u64,
    pub(super) answer: Answer,
}

/// The newest look at a shard.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) seen: Seen,
    /// It takes connections and does not answer.
    pub(super) hung: bool,
    pub(super) rate: Option<Rate>,
    /// What to say when another store answers than at first.
    pub(super) store_changed: Option<String>,
}

impl Watched {
    pub(super) fn new(endpoint: &Endpoint, secret: &Secret, options: &ConnectOptions) -> Self {
        let alone = EndpointList::new(vec![endpoint.clone()]).expect("one endpoint is a list");
        // A shard with another list is shown with it, and with its figures.
        let options = ConnectOptions { compare_lists: false, ..options.clone() };
        Self {
            endpoint: endpoint.clone(),
            breaker: Breaker::shared(endpoint, options.breaker),
            router: ShardRouter::new(alone, secret.clone(), options.clone()),
            latest: watch::Sender::new(None),
            graphs: Mutex::new(None),
            known: parking_lot::Mutex::default(),
            series: parking_lot::Mutex::new(Series::new(unix_ms())),
            moves: parking_lot::Mutex::default(),
            growth: parking_lot::Mutex::default(),
            sized: parking_lot::Mutex::default(),
            graphs_wanted: Notify::new(),
            explorers: Semaphore::new(AT_A_TIME),
            secret: secret.clone(),
            options,
            hidden: AtomicU64::new(0),
            store: parking_lot::Mutex::default(),
        }
    }

    /// Looks for ever, after a panic too.
    pub(super) async fn run(self: Arc<Self>) {
        while let Err(error) = tokio::spawn(Arc::clone(&self).look_on()).await {
            tracing::error!(endpoint = %self.endpoint, %error, "looking at a shard panicked and begins anew");
            sleep(INTERVAL).await;
        }
    }

    async fn look_on(self: Arc<Self>) {
        let (mut rates, mut hung) = (Rates::default(), false);
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let seen = look(&self.router).await;
            self.remember(&seen);
            let status = seen.answer.as_ref().ok().and_then(|answer| answer.status.as_ref());
            let rate = match status {
                Some(status) => rates.add(seen.at, status.requests, status.request_seconds),
                None => {
                    rates.clear();
                    None
                }
            };
            let store_changed = self.compare_store(status.and_then(|status| status.store_id.as_deref()));
            hung = seen.is_hung(hung);
            self.latest.send_replace(Some(Arc::new(Look { seen, hung, rate, store_changed })));
        }
    }

    /// Keeps what it said, and what happened since the last look.
    fn remember(&self, seen: &Seen) {
        let now_ms = unix_ms();
        match &seen.answer {
            Ok(answer) => {
                let load = answer.status.as_ref().and_then(|status| status.load.as_ref());
                self.series.lock().answered(seen.at, now_ms, answer.health.uptime_s, load);
                let disk =
                    answer.status.as_ref().and_then(|status| Some((status.disk_bytes?, status.free_bytes?)));
                if let Some((total, free)) = disk {
                    self.growth.lock().add(now_ms, total.saturating_sub(free));
                }
                let known = Known { at: seen.at, at_ms: now_ms, answer: answer.clone() };
                *self.known.lock() = Some(Arc::new(known));
            }
            Err(trouble) => self.series.lock().silent(now_ms, &trouble.reason),
        }
    }

    /// Asks for ever which moves go on.
    pub(super) async fn follow_moves(self: Arc<Self>) {
        loop {
            if self.trouble().is_none()
                && let Some(moves) = moves::ask(&self.router, self.endpoint.as_str(), DEADLINE).await
            {
                *self.moves.lock() = Some(moves.into());
            }
            sleep(MOVES_INTERVAL).await;
        }
    }

    /// Asks for ever how large graphs are, while somebody looks at them.
    pub(super) async fn follow_sizes(self: Arc<Self>) {
        loop {
            self.graphs_wanted.notified().await;
            let sizes = GraphStatsParams { sizes: true };
            let told = call_with::<Vec<GraphStats>>(&self.router, "GraphStats", &sizes, SIZES_DEADLINE).await;
            if let Ok(Ok(mut graphs)) = told {
                graphs.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                *self.sized.lock() = Arc::new(graphs);
            }
            sleep(SIZES_INTERVAL).await;
        }
    }

    /// A router with connections of its own, which end with it.
    pub(super) fn own_router(&self) -> ShardRouter {
        let alone = EndpointList::new(vec![self.endpoint.clone()]).expect("one endpoint is a list");
        ShardRouter::new(alone, self.secret.clone(), self.options.clone())
    }

    /// What it said last; nothing while it never answered.
    pub(super) fn known(&self) -> Option<Arc<Known>> {
        self.known.lock().clone()
    }

    /// The moves that it told last; nothing while it does not tell.
    pub(super) fn moves(&self) -> Option<Arc<[Moved]>> {
        self.moves.lock().clone()
    }

    /// Bytes that are added to what is in use of its disk in a day, where that is known.
    pub(super) fn growth_per_day(&self) -> Option<u64> {
        self.growth.lock().per_day()
    }

    /// Its last hour.
    pub(super) fn series(&self) -> parking_lot::MutexGuard<'_, Series> {
        self.series.lock()
    }

    /// Whether it was started anew in that hour.
    pub(super) fn restarted(&self) -> bool {
        self.series.lock().has_restarted()
    }

    /// Graphs that it does not show to this gateway, as far as its graphs were asked for.
    pub(super) fn hidden_graphs(&self) -> u64 {
        self.hidden.load(Ordering::Relaxed)
    }

    /// Why it does not answer now.
    pub(super) fn trouble(&self) -> Option<Reason> {
        let look = self.newest()?;
        let trouble = look.seen.answer.as_ref().err()?;
        let code = match (look.hung, trouble.answered) {
            (true, _) => "HUNG",
            (false, true) => "REFUSED",
            (false, false) => "UNREACHABLE",
        };
        Some(Reason { code: code.to_owned(), text: trouble.reason.clone() })
    }

    /// The newest look, if there was one.
    pub(super) fn newest(&self) -> Option<Arc<Look>> {
        self.latest.borrow().clone()
    }

    /// Calls of one method, with a connection of the watch.
    pub(super) fn router(&self) -> &ShardRouter {
        &self.router
    }

    /// What to say when `store` is another one than the first that answered. It stays until the first one answers again, or
    /// the gateway is started anew: a store that is not the one that was there does not become it by waiting.
    fn compare_store(&self, store: Option<&str>) -> Option<String> {
        let mut known = self.store.lock();
        let Some(store) = store else { return known.changed.clone() };
        let first = known.first.get_or_insert_with(|| store.to_owned()).clone();
        let changed = (first != store).then(|| {
            format!(
                "another store answers here: it was {first}, now it is {store}. If nobody restored or replaced it, its \
                 directory is not the one that it had"
            )
        });
        if changed != known.changed {
            match &changed {
                Some(text) => tracing::warn!(endpoint = %self.endpoint, "{text}"),
                None => tracing::info!(endpoint = %self.endpoint, "the store {store} answers again"),
            }
            known.changes += u64::from(changed.is_some());
            known.changed.clone_from(&changed);
        }
        changed
    }

    /// How often another store has answered than at first.
    pub(super) fn store_changes(&self) -> u64 {
        self.store.lock().changes
    }

    /// The newest look; waits for the first. Nothing when even that takes too long.
    pub(super) async fn latest(&self) -> Option<Arc<Look>> {
        let mut looks = self.latest.subscribe();
        let first = timeout(DEADLINE, looks.wait_for(Option::is_some)).await;
        first.ok().and_then(Result::ok).and_then(|look| look.clone())
    }

    /// The graphs, at most a second old. However many ask, the shard is asked once.
    pub(super) async fn graphs(&self) -> Graphs {
        if let Some(Err(trouble)) = self.latest().await.map(|look| look.seen.answer.clone()) {
            return Err(trouble.reason);
        }
        let mut kept = self.graphs.lock().await;
        if let Some((at, graphs)) = &*kept
            && at.elapsed() < INTERVAL
        {
            return graphs.clone();
        }
        self.graphs_wanted.notify_one();
        let before = kept.take().and_then(|(_, graphs)| graphs.ok()).unwrap_or_default();
        let graphs = match call::<Vec<GraphStats>>(&self.router, "GraphStats", DEADLINE).await {
            Ok(Ok(mut graphs)) => {
                graphs.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                carry(&mut graphs, &before, &self.sized.lock().clone(), unix_ms());
                let known = self.known();
                let all = known.and_then(|known| Some(known.answer.status.as_ref()?.graphs)).unwrap_or(0);
                self.hidden.store(all.saturating_sub(graphs.len() as u64), Ordering::Relaxed);
                Ok(Arc::new(graphs))
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(trouble) => Err(trouble.reason),
        };
        *kept = Some((Instant::now(), graphs.clone()));
        graphs
    }
}
