//! Graphs that two shards serve, or none: all shards are asked together, again and again.

use std::sync::Arc;
use std::time::Duration;

use epistemic_router::owners::{Kind, Scope, Survey, survey};
use epistemic_router::{ConnectOptions, EndpointList, Secret};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

/// Between two rounds, at least.
const INTERVAL: Duration = Duration::from_secs(10);
/// A round costs this share of the time at most.
const SHARE: u32 = 20;
/// For a connection to a shard, and for each of its answers.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);

/// What the shards say together of who serves what.
#[derive(Debug)]
pub(super) struct Owners {
    endpoints: EndpointList,
    secret: Secret,
    options: ConnectOptions,
    latest: Mutex<Option<Arc<Survey>>>,
}

impl Owners {
    pub(super) fn new(endpoints: &EndpointList, secret: &Secret, options: &ConnectOptions) -> Self {
        let options = ConnectOptions {
            compare_lists: false,
            connect_timeout: CONNECT,
            deadline: ANSWER,
            ..options.clone()
        };
        Self { endpoints: endpoints.clone(), secret: secret.clone(), options, latest: Mutex::default() }
    }

    /// Asks for ever, after a panic too. One shard has nobody to differ with.
    pub(super) async fn run(self: Arc<Self>) {
        while self.endpoints.is_sharded() {
            let begun = Instant::now();
            let asking = Arc::clone(&self);
            if let Err(error) = tokio::spawn(async move { asking.ask().await }).await {
                tracing::error!(%error, "asking who serves what panicked and begins anew");
            }
            sleep(INTERVAL.max(begun.elapsed() * SHARE)).await;
        }
    }

    async fn ask(&self) {
        let all = self.endpoints.as_slice();
        let found = survey(all, None, &self.secret, &self.options, Scope::Moved).await;
        *self.latest.lock() = Some(Arc::new(found));
    }

    /// The newest round; nothing before the first.
    pub(super) fn latest(&self) -> Option<Arc<Survey>> {
        self.latest.lock().clone()
    }
}

/// Conflicts of one kind.
pub(super) fn count(survey: &Survey, kind: Kind) -> usize {
    survey.conflicts.iter().filter(|conflict| conflict.kind == kind).count()
}
