//! A graph of a running shard.

use std::io::Read;

use anyhow::Result;
use epistemic_router::status::{GraphStats, GraphStatsParams};
use epistemic_router::{CallError, Client};
use epistemic_storage::graph::COMMONS;
use epistemic_storage::snapshot::unpack_ledger;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::runtime::Handle;

use super::source::{Direction, Each, Edge, GraphSource, Summary};
use crate::remote::{Download, call};

/// Bytes of ledger records that are asked for at once.
const PAGE_BYTES: u64 = 1 << 20;
/// Pairs of nodes whose edges are asked for at once.
const PAIRS: usize = 256;

/// A graph of the shard that a client is connected to.
pub struct ShardSource {
    runtime: Handle,
    client: Client,
    place: String,
    graph: String,
}

#[derive(Serialize)]
struct NodeParams<'a> {
    node_id: &'a str,
}

#[derive(Serialize)]
struct NodesParams<'a> {
    node_ids: &'a [&'a str],
}

#[derive(Serialize)]
struct PairsParams<'a> {
    edges: &'a [(&'a str, &'a str)],
}

#[derive(Serialize)]
struct LedgerParams {
    after: u64,
    max_bytes: u64,
}

#[derive(Deserialize)]
struct LedgerPage {
    records: ByteBuf,
}

impl ShardSource {
    /// The graph of this name; nothing is asked yet.
    pub fn new(runtime: Handle, client: Client, graph: impl Into<String>) -> Self {
        let place = client.endpoint().to_string();
        Self { runtime, client, place, graph: graph.into() }
    }

    fn bad(&self, method: &str, reason: &str) -> CallError {
        let endpoint = self.client.endpoint().clone();
        CallError::BadResponse { endpoint, reason: format!("the result of {method}: {reason}") }
    }
}

/// Property bytes of nodes, in the order asked for.
pub(super) fn nodes(
    runtime: &Handle,
    client: &Client,
    graph: &str,
    ids: &[&str],
) -> Result<Vec<Option<Vec<u8>>>> {
    let params = NodesParams { node_ids: ids };
    let rows: Vec<(String, Option<ByteBuf>)> =
        packed(runtime, client, graph, "GetNodePropertiesBatch", &params)?;
    Ok(rows.into_iter().map(|(_, bytes)| bytes.map(ByteBuf::into_vec)).collect())
}

/// Property bytes of the edges of pairs of nodes, in the order asked for, oldest first.
pub(super) fn edges(
    runtime: &Handle,
    client: &Client,
    graph: &str,
    pairs: &[(&str, &str)],
) -> Result<Vec<Vec<Vec<u8>>>> {
    let params = PairsParams { edges: pairs };
    let rows: Vec<Vec<ByteBuf>> = packed(runtime, client, graph, "GetEdgePropertiesBatch", &params)?;
    Ok(rows.into_iter().map(|row| row.into_iter().map(ByteBuf::into_vec).collect()).collect())
}

/// The value in the bin that some methods answer.
fn packed<T: DeserializeOwned>(
    runtime: &Handle,
    client: &Client,
    graph: &str,
    method: &str,
    params: &(impl Serialize + Sync),
) -> Result<T> {
    let bytes: ByteBuf = runtime.block_on(call(client, graph, method, params))?;
    rmp_serde::from_slice(&bytes).map_err(|error| {
        let endpoint = client.endpoint().clone();
        CallError::BadResponse { endpoint, reason: format!("the result of {method}: {error}") }.into()
    })
}

impl GraphSource for ShardSource {
    fn place(&self) -> &str {
        &self.place
    }

    fn graph(&self) -> &str {
        &self.graph
    }

    fn summary(&self) -> Result<Summary> {
        let params = GraphStatsParams { sizes: false };
        let all: Vec<GraphStats> =
            self.runtime.block_on(call(&self.client, COMMONS, "GraphStats", &params))?;
        let stats = all.into_iter().find(|stats| stats.name == self.graph);
        let GraphStats { kind, owner, nodes, edges, sequence, ledger_from, .. } =
            stats.ok_or_else(|| CallError::Server(format!("Graph '{}' not found", self.graph)))?;
        Ok(Summary { kind, owner, nodes, edges, sequence, ledger_from })
    }

    fn stream(&self) -> Result<Box<dyn Read + Send>> {
        let download = Download::open_without_ledger(self.client.clone(), &self.graph);
        Ok(Box::new(self.runtime.block_on(download)?))
    }

    fn node(&self, id: &str) -> Result<Option<Vec<u8>>> {
        let found = nodes(&self.runtime, &self.client, &self.graph, &[id])?;
        let [node] = <[_; 1]>::try_from(found)
            .map_err(|_| self.bad("GetNodePropertiesBatch", "it is not of one node"))?;
        Ok(node)
    }

    fn edges_between(&self, source: &str, target: &str) -> Result<Vec<Vec<u8>>> {
        let found = edges(&self.runtime, &self.client, &self.graph, &[(source, target)])?;
        Ok(found.into_iter().flatten().collect())
    }

    fn edges_at(&self, node: &str, direction: Direction, each: &mut Each<'_, Edge>) -> Result<()> {
        let method = match direction {
            Direction::Out => "GetSuccessors",
            Direction::In => "GetPredecessors",
        };
        let params = NodeParams { node_id: node };
        let mut others: Vec<String> =
            self.runtime.block_on(call(&self.client, &self.graph, method, &params))?;
        others.sort_unstable();
        others.dedup();
        for others in others.chunks(PAIRS) {
            let pair = |other: &'_ String| match direction {
                Direction::Out => (node.to_owned(), other.clone()),
                Direction::In => (other.clone(), node.to_owned()),
            };
            let pairs: Vec<(String, String)> = others.iter().map(pair).collect();
            let asked: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let found = edges(&self.runtime, &self.client, &self.graph, &asked)?;
            for ((source, target), found) in pairs.iter().zip(found) {
                for properties in found {
                    let edge = Edge { source: source.clone(), target: target.clone(), properties };
                    if each(edge)?.is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn ledger(&self, after: u64, each: &mut Each<'_, (u64, Vec<u8>)>) -> Result<()> {
        let mut after = after;
        loop {
            let params = LedgerParams { after, max_bytes: PAGE_BYTES };
            let page: LedgerPage =
                self.runtime.block_on(call(&self.client, &self.graph, "LedgerRead", &params))?;
            let records = unpack_ledger(&page.records)
                .ok_or_else(|| self.bad("LedgerRead", "its records are cut off"))?;
            let last = match records.last() {
                // A shard that does not go on would be asked for ever.
                Some((last, _)) if *last > after => *last,
                Some(_) => return Err(self.bad("LedgerRead", "its records are not those asked for").into()),
                None => return Ok(()),
            };
            after = last;
            for change in records {
                if each(change)?.is_break() {
                    return Ok(());
                }
            }
        }
    }
}
