//! A graph of a running server, through the protocol of the reference.

use std::fmt;

use anyhow::{Result, ensure};
use bytes::Bytes;
use epistemic_router::status::GraphStats;
use epistemic_router::{CallError, Client};
use epistemic_storage::graph::{COMMONS, GraphType};
use serde::Deserialize;

use super::cursor::Cursor;
use super::document::{Counts, Document};
use crate::remote::call;

/// How often a graph that changes meanwhile is read.
const ATTEMPTS: u32 = 4;

/// A graph as `ListGraphs` lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// Exact name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: GraphType,
    /// Only servers of this product tell it.
    #[serde(skip)]
    pub owner: Option<String>,
}

/// The counters of a graph before or after it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    nodes: u64,
    edges: u64,
    /// Lines of the ledger.
    mutations: u64,
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, edges, mutations } = self;
        write!(f, "{nodes} nodes, {edges} edges, {mutations} ledger lines")
    }
}

#[derive(Deserialize)]
struct Metrics {
    total_mutations: u64,
}

/// The document of a graph, and what is doubtful about it.
#[derive(Debug)]
pub struct Pulled {
    /// The answer of `ToMsgpack`.
    pub document: Vec<u8>,
    /// What is doubtful about it.
    pub problems: Vec<String>,
}

/// A running server.
#[derive(Debug, Clone)]
pub struct Server(pub Client);

impl Server {
    /// Its graphs.
    pub async fn graphs(&self) -> Result<Vec<Listed>, CallError> {
        let mut graphs: Vec<Listed> = call(&self.0, COMMONS, "ListGraphs", &()).await?;
        graphs.sort_by(|one, other| one.name.cmp(&other.name));
        match call::<Vec<GraphStats>, _>(&self.0, COMMONS, "GraphStats", &()).await {
            Ok(stats) => {
                for graph in &mut graphs {
                    let known = stats.iter().find(|stats| stats.name == graph.name);
                    graph.owner = known.and_then(|stats| stats.owner.clone());
                }
            }
            // The reference server has no such method.
            Err(CallError::Server(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(graphs)
    }

    /// Reads a graph, again when it changed meanwhile: its counters have to be the same before and after, and those of the
    /// document. Changes of embeddings alone do not show in them, nor of properties once the ledger is full.
    pub async fn pull(&self, graph: &str) -> Result<Pulled> {
        let mut attempt = 1;
        loop {
            let before = self.counters(graph).await?;
            let document = bytes_of(&self.0.call_raw(graph, "ToMsgpack", &()).await?)?;
            let after = self.counters(graph).await?;
            let Counts { nodes, edges, ledger: mutations, .. } = Document::read(&document).counts();
            let read = Counters { nodes, edges, mutations };
            let problem = if before != after {
                format!(
                    "it changed while it was read, {attempt} times: before {before}, copied {read}, after {after}"
                )
            } else if before != read {
                format!("its counts are not what was copied: the server says {before}, copied {read}")
            } else {
                return Ok(Pulled { document, problems: Vec::new() });
            };
            if attempt == ATTEMPTS {
                return Ok(Pulled { document, problems: vec![problem] });
            }
            attempt += 1;
        }
    }

    async fn counters(&self, graph: &str) -> Result<Counters, CallError> {
        let nodes = call(&self.0, graph, "NodeCount", &()).await?;
        let edges = call(&self.0, graph, "EdgeCount", &()).await?;
        let metrics: Metrics = call(&self.0, graph, "Metrics", &()).await?;
        Ok(Counters { nodes, edges, mutations: metrics.total_mutations })
    }
}

/// The bytes in an answer of `ToMsgpack`: a list of integers.
fn bytes_of(answer: &Bytes) -> Result<Vec<u8>> {
    let mut cursor = Cursor::new(answer);
    let bytes = cursor.bytes().map_err(|reason| anyhow::anyhow!("the answer of ToMsgpack: {reason}"))?;
    ensure!(cursor.left() == 0, "the answer of ToMsgpack is longer than its list");
    Ok(bytes)
}
