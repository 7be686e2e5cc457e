//! Calls on one graph.

use bytes::Bytes;
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
}

impl GraphClient {
    pub(crate) fn new(router: ShardRouter, name: String) -> Self {
        Self { router, name }
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
        Ok(unpack(self.router.owner(&self.name), self.call(method, params).await?)?)
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
