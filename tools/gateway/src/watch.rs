//! A shard under watch. Each has a task of its own, so that a slow one delays nobody.

use std::sync::Arc;
use std::time::Duration;

use epistemic_router::status::GraphStats;
use epistemic_router::{Breaker, ConnectOptions, Endpoint, EndpointList, Secret, ShardRouter};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::probe::{DEADLINE, Seen, call, look};
use super::rate::{Rate, Rates};

/// Time between two looks, and for how long a list of graphs is good.
const INTERVAL: Duration = Duration::from_secs(1);

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
            router: ShardRouter::new(alone, secret.clone(), options),
            latest: watch::Sender::new(None),
            graphs: Mutex::new(None),
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
        let graphs = match call::<Vec<GraphStats>>(&self.router, "GraphStats", DEADLINE).await {
            Ok(Ok(mut graphs)) => {
                graphs.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                Ok(Arc::new(graphs))
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(trouble) => Err(trouble.reason),
        };
        *kept = Some((Instant::now(), graphs.clone()));
        graphs
    }
}
