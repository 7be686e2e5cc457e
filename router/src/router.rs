//! Calls that find their shard.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use epistemic_protocol::{
    ConfigError,
    placement::{Affinity, DEFAULT_GRAPH, Endpoint, EndpointList, default_graph, hrw, resolve_routing_graph},
};
use rmpv::Value;
use serde::Serialize;

use crate::ambient::ambient_tenant;
use crate::client::{Client, ConnectOptions, decode, is_union};
use crate::error::{ConnectCause, ConnectError, RouterError};
use crate::graph::GraphClient;
use crate::moves::{MoveCounts, Moves, Way};
use crate::pool::{CallFailure, Pool, Pools};
use crate::secret::Secret;
use crate::topology::Topology;

/// Sends each call to the shard that owns its graph. Clones are cheap and share everything.
///
/// An unreachable shard is an error that names it: there is no fallback and no stand-in. Connections are made when
/// first needed and replaced when they break; a request is sent again only if it had not gone out, or is a read whose
/// answer was lost. A shard that tells an endpoint list (`--advertise`) other than this router's is asked for nothing:
/// one of the two would look for graphs where they are not. With a single endpoint all of it is the same, and every graph is there.
///
/// A graph that is being moved takes no writes for a moment: such calls are sent again until their deadline. One that moved
/// is an error that names its new shard, unless [`ConnectOptions::follow_moves`] is set.
#[derive(Debug, Clone)]
pub struct ShardRouter {
    endpoints: Arc<EndpointList>,
    affinity: Arc<Affinity>,
    default_graph: Arc<str>,
    pools: Arc<Pools>,
    moves: Arc<Moves>,
    deadline: Option<Duration>,
}

impl ShardRouter {
    /// A router over `endpoints`, with [`Affinity::default`] and [`DEFAULT_GRAPH`]. Connects to nothing yet.
    #[must_use]
    pub fn new(endpoints: EndpointList, secret: Secret, options: ConnectOptions) -> Self {
        let endpoints = Arc::new(endpoints);
        let pools = Pools::new(&endpoints, secret, options);
        Self {
            endpoints,
            affinity: Arc::new(Affinity::default()),
            default_graph: DEFAULT_GRAPH.into(),
            pools: Arc::new(pools),
            moves: Arc::default(),
            deadline: None,
        }
    }

    /// The router that the environment of this process describes: endpoints, secret, limits, groups, default graph.
    ///
    /// # Errors
    /// A variable that is malformed, or no secret.
    pub fn from_env() -> Result<Self, ConfigError> {
        let lookup = |name: &str| std::env::var(name).ok();
        let options = ConnectOptions::resolve(lookup)?;
        let router = Self::new(EndpointList::from_env()?, Secret::from_env()?, options);
        Ok(router.with_affinity(Affinity::resolve(lookup)?).with_default_graph(&default_graph(lookup)))
    }

    /// The same router with other groups of graphs.
    #[must_use]
    pub fn with_affinity(self, affinity: Affinity) -> Self {
        Self { affinity: Arc::new(affinity), ..self }
    }

    /// The same router with another default graph.
    #[must_use]
    pub fn with_default_graph(self, graph: &str) -> Self {
        Self { default_graph: graph.into(), ..self }
    }

    /// The same router with one deadline for every call, in place of the two of the options. It covers the wait for a
    /// connection too.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// The endpoints this router places graphs on.
    #[must_use]
    pub fn endpoints(&self) -> &EndpointList {
        &self.endpoints
    }

    /// The shard that owns `graph`: that of its anchor.
    #[must_use]
    pub fn owner(&self, graph: &str) -> &Endpoint {
        hrw::owner(&self.endpoints, self.affinity.anchor(graph))
    }

    /// The name that places `graph`: its own, or that of the group it lives with.
    #[must_use]
    pub fn anchor<'a>(&'a self, graph: &'a str) -> &'a str {
        self.affinity.anchor(graph)
    }

    /// The graph of a request: `explicit` verbatim unless it is the default graph, else that of the ambient tenant
    /// ([`with_tenant`](crate::with_tenant)), else the default graph. With one endpoint too, so that a tenant's graph
    /// is the same before and after a second shard is added.
    ///
    /// # Errors
    /// [`ConfigError::TenantSlug`] for a tenant id that gives no name.
    pub fn resolve(&self, explicit: Option<&str>) -> Result<GraphClient, ConfigError> {
        let tenant = ambient_tenant().filter(|tenant| !tenant.is_empty());
        let graph = resolve_routing_graph(explicit, tenant.as_deref(), &self.default_graph)?;
        let tenant = tenant.filter(|_| explicit != Some(&graph));
        Ok(GraphClient::new(self.clone(), graph, tenant))
    }

    /// Calls on one graph, its name verbatim.
    #[must_use]
    pub fn graph(&self, graph: impl Into<String>) -> GraphClient {
        GraphClient::new(self.clone(), graph.into(), None)
    }

    /// The shard that calls on `graph` go to: its owner or, with [`ConnectOptions::follow_moves`], where it was found last.
    #[must_use]
    pub fn place(&self, graph: &str) -> Endpoint {
        let learned = self.options().follow_moves.then(|| self.moves.places.get(graph)).flatten();
        learned.unwrap_or_else(|| self.owner(graph).clone())
    }

    /// What this router and its clones did about graphs that moved.
    #[must_use]
    pub fn move_counts(&self) -> MoveCounts {
        self.moves.counters.read()
    }

    /// A connection to the shard of `graph`, for calls that must share one. They are not retried and follow no moves, and
    /// the circuit breaker does not see them.
    ///
    /// # Errors
    /// [`RouterError::ShardUnreachable`], or [`RouterError::EngineUnreachable`] when there is only one endpoint.
    pub async fn client_for(&self, graph: &str) -> Result<Client, RouterError> {
        let pool = self.pool(&self.place(graph));
        let client = pool.client().await.map_err(|error| self.unreachable(graph, error))?;
        Ok(self.deadline.map_or_else(|| client.clone(), |deadline| client.with_deadline(deadline)))
    }

    /// [`Client::call`] on the shard of `graph`.
    ///
    /// # Errors
    /// As [`ShardRouter::client_for`] and [`Client::call`].
    pub async fn call<P>(&self, graph: &str, method: &str, params: &P) -> Result<Value, RouterError>
    where
        P: Serialize + Sync + ?Sized,
    {
        let result = self.call_raw(graph, method, params).await?;
        Ok(decode(&self.place(graph), &result)?)
    }

    /// As [`ShardRouter::call`], and the result is left as MessagePack, neither copied nor checked.
    ///
    /// # Errors
    /// As [`ShardRouter::call`].
    pub async fn call_raw<P>(&self, graph: &str, method: &str, params: &P) -> Result<Bytes, RouterError>
    where
        P: Serialize + Sync + ?Sized,
    {
        // A union that follows one of its graphs would leave the others behind.
        let graphs: &[&str] = if is_union(method) { &[] } else { &[graph] };
        let mut way = Way::new(self, graphs, self.deadline_of(method));
        loop {
            let result = self.call_at(&way.place(graph), (graph, method, params), way.left()).await;
            if !way.goes_on(&result).await {
                return result;
            }
        }
    }

    /// Sends a call to this shard and no other.
    pub(crate) async fn call_at<P>(
        &self,
        place: &Endpoint,
        (graph, method, params): (&str, &str, &P),
        after: Duration,
    ) -> Result<Bytes, RouterError>
    where
        P: Serialize + Sync + ?Sized,
    {
        self.pool(place).call(graph, method, params, after).await.map_err(|failure| match failure {
            CallFailure::Connect(error) => self.unreachable(graph, error),
            CallFailure::Call(error) => RouterError::Call(error),
        })
    }

    /// How long a call may take.
    pub(crate) fn deadline_of(&self, method: &str) -> Duration {
        self.deadline.unwrap_or_else(|| self.options().deadline_for(method))
    }

    pub(crate) fn options(&self) -> &ConnectOptions {
        self.pools.options()
    }

    pub(crate) fn moves(&self) -> &Moves {
        &self.moves
    }

    /// Whether a graph may be followed to this endpoint: it is in the list, or the operator named it.
    pub(crate) fn may_follow_to(&self, endpoint: &Endpoint) -> bool {
        self.pools.are_for(endpoint) || self.options().follow_to.contains(endpoint)
    }

    /// Whether calls can be sent to this endpoint, which need not be in the list.
    pub(crate) fn has_pool(&self, endpoint: &Endpoint) -> bool {
        self.pools.any(endpoint).is_some()
    }

    /// Probes every shard. Takes half a second at most and makes no request.
    pub async fn topology(&self, default_graph: &str) -> Topology {
        Topology::probe(&self.endpoints, default_graph, self.options().tls.as_ref()).await
    }

    fn pool(&self, place: &Endpoint) -> Arc<Pool> {
        self.pools.any(place).expect("a place is taken only with a pool")
    }

    fn unreachable(&self, graph: &str, ConnectError { endpoint, cause }: ConnectError) -> RouterError {
        if let ConnectCause::OtherList(lists) = cause {
            return RouterError::EndpointListMismatch { endpoint, graph: graph.to_owned(), lists };
        }
        if self.endpoints.is_sharded() && self.pools.are_for(&endpoint) {
            RouterError::ShardUnreachable { endpoint, graph: graph.to_owned(), cause }
        } else {
            RouterError::EngineUnreachable { endpoint, cause }
        }
    }
}
