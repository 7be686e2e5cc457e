//! What is asked of a graph, wherever it is.

use std::io::Read;
use std::ops::ControlFlow;

use anyhow::Result;
use serde::Serialize;

/// Called with one thing after the other, until it says stop.
pub type Each<'e, T> = dyn FnMut(T) -> Result<ControlFlow<()>> + 'e;

/// Which edges of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Those that leave it.
    Out,
    /// Those that reach it.
    In,
}

/// An edge as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Node id.
    pub source: String,
    /// Node id.
    pub target: String,
    /// Property bytes.
    pub properties: Vec<u8>,
}

/// What a place says of a graph without reading its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Type name on the wire.
    #[serde(rename = "type")]
    pub kind: String,
    /// `agent_id` of its creator.
    pub owner: Option<String>,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Number of its newest change.
    pub sequence: u64,
    /// The first change that its ledger tells, where that is known.
    pub ledger_from: Option<u64>,
}

/// A graph to look at. Every call blocks and must be made outside of the threads of the runtime.
pub trait GraphSource {
    /// The endpoint, directory, file or backup that it is at.
    fn place(&self) -> &str;

    /// Its exact name.
    fn graph(&self) -> &str;

    /// Its counts.
    fn summary(&self) -> Result<Summary>;

    /// Nodes, edges and embeddings in one state, as a snapshot stream without a ledger unless the place has it as a file.
    fn stream(&self) -> Result<Box<dyn Read + Send>>;

    /// Property bytes of a node, if it is there.
    fn node(&self, id: &str) -> Result<Option<Vec<u8>>>;

    /// Property bytes of the edges from one node to another, oldest first.
    fn edges_between(&self, source: &str, target: &str) -> Result<Vec<Vec<u8>>>;

    /// The edges at a node, by the id of the node at their other end.
    fn edges_at(&self, node: &str, direction: Direction, each: &mut Each<'_, Edge>) -> Result<()>;

    /// Number and stored form of the ledger records behind a number, oldest first.
    fn ledger(&self, after: u64, each: &mut Each<'_, (u64, Vec<u8>)>) -> Result<()>;
}
