//! Calls that find their shard.

use std::collections::HashMap;
use std::time::Instant;

use rmpv::Value;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::client::{Client, ConnectOptions};
use crate::endpoint::Endpoint;
use crate::endpoints::EndpointList;
use crate::error::{ConnectError, RouterError};
use crate::hrw;
use crate::secret::Secret;
use crate::topology::Topology;

/// Sends each call to the shard that owns its graph, over one connection per shard, made when first needed.
///
/// An unreachable shard is an error that names it: there is no fallback, no retry and no autostart. A connection that
/// ended is replaced by the next call to its shard.
#[derive(Debug)]
pub struct ShardRouter {
    endpoints: EndpointList,
    secret: Secret,
    options: ConnectOptions,
    shards: HashMap<Endpoint, Mutex<Shard>>,
}

/// The connection of one shard, or the last failure to make it.
#[derive(Debug, Default)]
struct Shard {
    client: Option<Client>,
    failed: Option<(Instant, ConnectError)>,
}

impl ShardRouter {
    /// A router over `endpoints`. Connects to nothing yet.
    #[must_use]
    pub fn new(endpoints: EndpointList, secret: Secret, options: ConnectOptions) -> Self {
        let shards =
            endpoints.as_slice().iter().map(|endpoint| (endpoint.clone(), Mutex::default())).collect();
        Self { endpoints, secret, options, shards }
    }

    /// The endpoints this router places graphs on.
    #[must_use]
    pub fn endpoints(&self) -> &EndpointList {
        &self.endpoints
    }

    /// The shard that owns `graph`.
    #[must_use]
    pub fn owner(&self, graph: &str) -> &Endpoint {
        hrw::owner(&self.endpoints, graph)
    }

    /// A connection to the owner of `graph`, new or shared. Callers that wait for the same connection share its
    /// failure too, so each waits for one attempt at most.
    ///
    /// # Errors
    /// [`RouterError::ShardUnreachable`], or [`RouterError::EngineUnreachable`] when there is only one endpoint.
    pub async fn client_for(&self, graph: &str) -> Result<Client, RouterError> {
        let endpoint = self.owner(graph);
        self.connection(endpoint).await.map_err(|ConnectError { endpoint, cause }| {
            if self.endpoints.is_sharded() {
                RouterError::ShardUnreachable { endpoint, graph: graph.to_owned(), cause }
            } else {
                RouterError::EngineUnreachable { endpoint, cause }
            }
        })
    }

    /// [`Client::call`] on the owner of `graph`. For the other forms, take the client with
    /// [`ShardRouter::client_for`].
    ///
    /// # Errors
    /// As [`ShardRouter::client_for`] and [`Client::call`].
    pub async fn call<P>(&self, graph: &str, method: &str, params: &P) -> Result<Value, RouterError>
    where
        P: Serialize + Sync + ?Sized,
    {
        Ok(self.client_for(graph).await?.call(graph, method, params).await?)
    }

    /// Probes every shard. Takes half a second at most and makes no request.
    pub async fn topology(&self, default_graph: &str) -> Topology {
        Topology::probe(&self.endpoints, default_graph).await
    }

    async fn connection(&self, endpoint: &Endpoint) -> Result<Client, ConnectError> {
        let asked = Instant::now();
        let mut shard = self.shards.get(endpoint).expect("every endpoint has its shard").lock().await;
        if let Some(client) = shard.client.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        if let Some((_, error)) = shard.failed.as_ref().filter(|(when, _)| *when >= asked) {
            return Err(error.clone());
        }
        match Client::connect(endpoint, &self.secret, self.options.clone()).await {
            Ok(client) => {
                tracing::info!(%endpoint, "connected to shard");
                *shard = Shard { client: Some(client.clone()), failed: None };
                Ok(client)
            }
            Err(error) => {
                tracing::warn!(%endpoint, cause = %error.cause, "shard is unreachable");
                *shard = Shard { client: None, failed: Some((Instant::now(), error.clone())) };
                Err(error)
            }
        }
    }
}
