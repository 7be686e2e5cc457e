//! Loading into a graph of a running shard.

use std::time::Duration;

use anyhow::Result;
use epistemic_router::{Bin, CallError, Client, ErrorCode};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::runtime::Handle;

use super::load::{LoadTarget, Write};
use super::shard;
use super::source::Edge;

/// Attempts at what the shard has no place for at the moment, with a pause before each that doubles.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A graph of the shard that a client is connected to.
pub struct ShardTarget {
    runtime: Handle,
    client: Client,
    graph: String,
}

#[derive(Serialize)]
struct NodeParams<'a> {
    node_id: &'a str,
    properties_msgpack: Bin<'a>,
}

#[derive(Serialize)]
struct EdgeParams<'a> {
    source_id: &'a str,
    target_id: &'a str,
    properties_msgpack: Bin<'a>,
}

#[derive(Serialize)]
struct EmbeddingParams<'a> {
    node_id: &'a str,
    embedding: &'a [f32],
}

impl ShardTarget {
    /// The graph of this name; nothing is asked yet.
    pub fn new(runtime: Handle, client: Client, graph: impl Into<String>) -> Self {
        Self { runtime, client, graph: graph.into() }
    }

    /// Makes one change. It is written when this is polled first, so that changes reach the shard in their order.
    async fn one(&self, write: &Write) -> Result<(), CallError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.send(write).await {
                Err(error) if error.code() == ErrorCode::Busy || error.code() == ErrorCode::Moving => {}
                done => return done,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.send(write).await
    }

    async fn send(&self, write: &Write) -> Result<(), CallError> {
        let (client, graph) = (&self.client, &self.graph);
        match write {
            Write::Node { id, properties } => {
                let params = NodeParams { node_id: id, properties_msgpack: Bin(properties) };
                client.call_raw(graph, "AddNode", &params).await.map(drop)
            }
            Write::Edge(Edge { source, target, properties }) => {
                let properties_msgpack = Bin(properties);
                let params = EdgeParams { source_id: source, target_id: target, properties_msgpack };
                client.call_raw(graph, "AddEdge", &params).await.map(drop)
            }
            Write::Embedding { node, components } => {
                let params = EmbeddingParams { node_id: node, embedding: components };
                client.call_raw(graph, "AddEmbedding", &params).await.map(drop)
            }
        }
    }
}

impl LoadTarget for ShardTarget {
    fn nodes(&self, ids: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        shard::nodes(&self.runtime, &self.client, &self.graph, ids)
    }

    fn edges(&self, pairs: &[(&str, &str)]) -> Result<Vec<Vec<Vec<u8>>>> {
        shard::edges(&self.runtime, &self.client, &self.graph, pairs)
    }

    /// Sends all of them without waiting for answers, so that the shard commits many together.
    fn write(&self, writes: &[Write]) -> Result<(), (usize, anyhow::Error)> {
        let done = self.runtime.block_on(join_all(writes.iter().map(|write| self.one(write))));
        let failed = done.into_iter().enumerate().find_map(|(index, done)| Some((index, done.err()?)));
        failed.map_or(Ok(()), |(index, error)| Err((index, error.into())))
    }
}
