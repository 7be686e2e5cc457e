//! One look at one shard.

use std::time::Duration;

use epistemic_router::status::ShardStatus;
use epistemic_router::{DEFAULT_GRAPH, EndpointList, RouterError, ShardRouter};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How long a shard may take for all that one look asks it.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// What one look saw.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Whether the transport took a connection.
    pub(super) reachable: bool,
    /// When the look ended.
    pub(super) at: Instant,
    /// What it answered, or why that is not known.
    pub(super) answer: Result<Answer, Trouble>,
}

/// Why nothing is known of a shard.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    /// The words of the failure.
    pub(super) reason: String,
    /// Whether it answered at all.
    pub(super) answered: bool,
    /// Nothing was tried: the breaker is open.
    pub(super) untried: bool,
}

impl Trouble {
    fn of(error: &RouterError) -> Self {
        Self { reason: error.to_string(), answered: false, untried: error.circuit_open().is_some() }
    }

    fn said(reason: String) -> Self {
        Self { reason, answered: true, untried: false }
    }
}

impl Seen {
    /// Whether it takes connections and does not answer; while the breaker is open as `before`.
    pub(super) fn is_hung(&self, before: bool) -> bool {
        match &self.answer {
            Err(trouble) if trouble.untried => self.reachable && before,
            Err(trouble) => self.reachable && !trouble.answered,
            Ok(_) => false,
        }
    }
}

/// What a shard said of itself.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The answer of `Health`.
    pub(super) health: Health,
    /// How long that took, from here and back.
    pub(super) round_trip: Duration,
    /// The answer of `ShardStatus`; other engines of the protocol have none.
    pub(super) status: Option<ShardStatus>,
}

/// What the gateway uses of `Health`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Health {
    pub(super) version: String,
    pub(super) uptime_s: u64,
    /// The methods that it serves.
    #[serde(default)]
    ops: Vec<String>,
    /// The list of a shard that was told its place (`--advertise`), and the list's fingerprint.
    #[serde(default)]
    pub(super) endpoints: Vec<String>,
    pub(super) endpoints_fingerprint: Option<String>,
}

impl Health {
    /// Whether it says what it serves, and this method is not among it: it is of an earlier version.
    pub(super) fn lacks(&self, method: &str) -> bool {
        !self.ops.is_empty() && !self.ops.iter().any(|op| op == method)
    }

    /// What is wrong when the shard has another list than `ours`: the two place graphs differently.
    pub(super) fn other_list(&self, ours: &EndpointList) -> Option<String> {
        let (theirs, own) = (self.endpoints_fingerprint.as_ref()?, ours.fingerprint());
        (*theirs != own).then(|| {
            let list = self.endpoints.join(",");
            format!(
                "the shard has the endpoint list [{list}] (fingerprint {theirs}), this gateway has [{ours}] (fingerprint \
                 {own}). Give all shards and clients the same list, letter by letter, in GRAPH_SERVICE_ENDPOINTS"
            )
        })
    }
}

/// Looks at a shard: a connection that asks nothing, as the reference's topology makes it, and two calls through the
/// pool and the breaker.
pub(super) async fn look(router: &ShardRouter) -> Seen {
    let (topology, answer) = tokio::join!(router.topology(DEFAULT_GRAPH), ask(router));
    let reachable = topology.endpoints.iter().all(|status| status.reachable);
    Seen { reachable, at: Instant::now(), answer }
}

async fn ask(router: &ShardRouter) -> Result<Answer, Trouble> {
    let start = Instant::now();
    let health = call(router, "Health", DEADLINE).await?.map_err(|error| Trouble::said(error.to_string()))?;
    let round_trip = start.elapsed();
    let left = DEADLINE.saturating_sub(round_trip).max(Duration::from_millis(100));
    let status = call(router, "ShardStatus", left).await?.ok();
    Ok(Answer { health, round_trip, status })
}

/// The result of a method without parameters, or what the server has against it.
pub(super) async fn call<T: DeserializeOwned>(
    router: &ShardRouter,
    method: &str,
    deadline: Duration,
) -> Result<Result<T, RouterError>, Trouble> {
    call_with(router, method, &(), deadline).await
}

/// The same with parameters.
pub(super) async fn call_with<T: DeserializeOwned>(
    router: &ShardRouter,
    method: &str,
    params: &(impl Serialize + Sync),
    deadline: Duration,
) -> Result<Result<T, RouterError>, Trouble> {
    match router.with_deadline(deadline).call_raw(DEFAULT_GRAPH, method, params).await {
        Ok(bytes) => rmp_serde::from_slice(&bytes)
            .map(Ok)
            .map_err(|error| Trouble::said(format!("the result of {method} is not understood: {error}"))),
        Err(error @ RouterError::Call(epistemic_router::CallError::Server(_))) => Ok(Err(error)),
        Err(error) => Err(Trouble::of(&error)),
    }
}
