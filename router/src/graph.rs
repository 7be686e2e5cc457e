//! Calls on one graph.

use bytes::Bytes;
use epistemic_protocol::ErrorCode;
use rmpv::Value;
use serde::Serialize;

use crate::client::unpack;
use crate::error::RouterError;
use crate::router::ShardRouter;

/// A graph, wherever it is. Made by [`ShardRouter::graph`] and [`ShardRouter::resolve`]; the typed operations of the
/// protocol are its methods too.
#[derive(Debug, Clone)]
pub struct GraphClient {
    router: ShardRouter,
    name: String,
    tenant: Option<String>,
}

#[derive(Serialize)]
struct CreateGraph<'a> {
    graph_name: &'a str,
    graph_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
}

impl GraphClient {
    /// A graph, and the tenant that its name was made of.
    pub(crate) fn new(router: ShardRouter, name: String, tenant: Option<String>) -> Self {
        Self { router, name, tenant }
    }

    /// Creates this graph, as one of type `Agent`, `Team`, `Global` or `Commons`. One that [`ShardRouter::resolve`] found
    /// for a tenant is claimed for it: another tenant whose id gives the same name gets the server's `TENANT_COLLISION`
    /// error here, which names both. Servers of the reference record no tenant.
    ///
    /// # Errors
    /// As [`ShardRouter::call`]; also when the graph is there already.
    pub async fn create(&self, graph_type: &str) -> Result<(), RouterError> {
        let params = CreateGraph { graph_name: &self.name, graph_type, tenant: self.tenant.as_deref() };
        self.call_raw("CreateGraph", &params).await.map(drop)
    }

    /// Creates this graph unless it is there already, as [`GraphClient::create`]; whether it was created now. What is there may be of another
    /// type, and may belong to somebody else.
    ///
    /// # Errors
    /// As [`GraphClient::create`], but for a graph that is there.
    pub async fn ensure(&self, graph_type: &str) -> Result<bool, RouterError> {
        match self.create(graph_type).await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == ErrorCode::Exists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The name of the graph.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The router behind it.
    #[must_use]
    pub fn router(&self) -> &ShardRouter {
        &self.router
    }

    /// [`ShardRouter::call`] on this graph.
    ///
    /// # Errors
    /// As [`ShardRouter::call`].
    pub async fn call<P>(&self, method: &str, params: &P) -> Result<Value, RouterError>
    where
        P: Serialize + Sync + ?Sized,
    {
        self.router.call(&self.name, method, params).await
    }

    /// As [`GraphClient::call`], and a result that is a bin is replaced by the MessagePack value inside it, as the
    /// Python client does.
    ///
    /// # Errors
    /// As [`ShardRouter::call`].
    pub async fn call_unpacked<P>(&self, method: &str, params: &P) -> Result<Value, RouterError>
    where
        P: Serialize + Sync + ?Sized,
    {
        let result = self.call(method, params).await?;
        Ok(unpack(&self.router.place(&self.name), result)?)
    }

    /// [`ShardRouter::call_raw`] on this graph.
    ///
    /// # Errors
    /// As [`ShardRouter::call`].
    pub async fn call_raw<P>(&self, method: &str, params: &P) -> Result<Bytes, RouterError>
    where
        P: Serialize + Sync + ?Sized,
    {
        self.router.call_raw(&self.name, method, params).await
    }
}
