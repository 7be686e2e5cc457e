//! The newest change of each graph of a shard.

use epistemic_router::{CallError, Client};
use epistemic_storage::graph::COMMONS;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::call;

/// A graph, as `GraphHeads` lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct GraphHead {
    /// Exact name.
    pub name: String,
    /// Sequence number of its newest change.
    pub sequence: u64,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// The tenant that it was created for, if it was for one.
    pub tenant: Option<String>,
    /// SHA-256 of the ledger record of that change, when the ledger has it.
    pub digest: Option<ByteBuf>,
}

/// All graphs that a shard serves.
#[derive(Debug)]
pub struct Heads {
    /// The shard's clock, Unix milliseconds: all changes with an earlier time are told.
    pub settled_ms: u64,
    /// Identity of its store; none in memory.
    pub store_id: Option<String>,
    /// By name.
    pub graphs: Vec<GraphHead>,
}

#[derive(Serialize)]
struct Params<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
}

#[derive(Deserialize)]
struct Page {
    settled_ms: u64,
    store_id: Option<String>,
    more: bool,
    graphs: Vec<GraphHead>,
}

/// Asks for all pages.
///
/// # Errors
/// As [`Client::call`]; [`CallError::BadResponse`] for pages that do not follow each other, which would never end.
pub async fn heads(client: &Client) -> Result<Heads, CallError> {
    let Page { settled_ms, store_id, mut more, mut graphs } = page(client, None).await?;
    while more {
        let last = graphs.last().map(|graph| graph.name.as_str());
        let next = page(client, last).await?;
        let first = next.graphs.first().map(|graph| graph.name.as_str());
        if first <= last {
            return Err(CallError::BadResponse {
                endpoint: client.endpoint().clone(),
                reason: format!("the page of GraphHeads behind {last:?} begins with {first:?}"),
            });
        }
        more = next.more;
        graphs.extend(next.graphs);
    }
    Ok(Heads { settled_ms, store_id, graphs })
}

async fn page(client: &Client, after: Option<&str>) -> Result<Page, CallError> {
    call(client, COMMONS, "GraphHeads", &Params { after }).await
}
