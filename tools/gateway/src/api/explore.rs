//! `/api/explore/...`: what is in a graph. The answers are those of the shard's own operations (`docs/protocol.md`), one for one.

use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answered, ApiError, Params};
use crate::access::is_our_page;
use crate::explorer;
use crate::server::Shared;

/// Where to look.
#[derive(Debug, Deserialize)]
struct Where {
    graph: String,
    shard: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Search {
    graph: String,
    shard: Option<usize>,
    #[serde(flatten)]
    search: NodeSearch,
}

#[derive(Debug, Serialize, Deserialize)]
struct NodeSearch {
    by: String,
    #[serde(alias = "q")]
    query: String,
    after: Option<String>,
    #[serde(default = "page", deserialize_with = "number")]
    limit: usize,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    graph: String,
    shard: Option<usize>,
    #[serde(flatten)]
    node: NodeLook,
}

#[derive(Debug, Serialize, Deserialize)]
struct NodeLook {
    #[serde(alias = "id")]
    node_id: String,
    key: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Neighbours {
    graph: String,
    shard: Option<usize>,
    #[serde(flatten)]
    page: NeighborPage,
}

#[derive(Debug, Serialize, Deserialize)]
struct NeighborPage {
    #[serde(alias = "id")]
    node_id: String,
    #[serde(alias = "dir")]
    direction: Option<String>,
    label: Option<String>,
    after: Option<String>,
    #[serde(default = "page", deserialize_with = "number")]
    limit: usize,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Path {
    graph: String,
    shard: Option<usize>,
    #[serde(flatten)]
    path: PathEdges,
}

#[derive(Debug, Serialize, Deserialize)]
struct PathEdges {
    #[serde(alias = "from")]
    source_id: String,
    #[serde(alias = "to")]
    target_id: String,
    #[serde(alias = "max", default = "longest", deserialize_with = "number")]
    max_depth: usize,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Blast {
    graph: String,
    shard: Option<usize>,
    #[serde(flatten)]
    blast: BlastDepths,
}

#[derive(Debug, Serialize, Deserialize)]
struct BlastDepths {
    #[serde(alias = "id")]
    node_id: String,
    #[serde(alias = "depth", default = "three", deserialize_with = "number")]
    max_depth: usize,
    #[serde(default = "most", deserialize_with = "number")]
    limit: usize,
}

#[derive(Debug, Deserialize)]
struct Edges {
    graph: String,
    shard: Option<usize>,
    ids: Vec<String>,
}

#[derive(Serialize)]
struct EdgesAmong {
    node_ids: Vec<String>,
}

fn page() -> usize {
    50
}

fn longest() -> usize {
    12
}

fn three() -> usize {
    3
}

fn most() -> usize {
    2_000
}

/// A number in a query with flattened fields, which come as texts.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("'{text}' is no number")))
}

async fn ask(
    State((gateway, access)): Shared,
    Where { graph, shard }: Where,
    method: &str,
    params: &(impl Serialize + Sync),
) -> Answered<Value> {
    let place = gateway.explored(&access, &graph, shard).await?;
    let found = explorer::ask(&gateway.shards[place], &graph, method, params).await?;
    Ok(gateway.answer([place], found))
}

pub(crate) async fn search(
    state: Shared,
    Params(Search { graph, shard, search }): Params<Search>,
) -> Answered<Value> {
    ask(state, Where { graph, shard }, "NodeSearch", &search).await
}

pub(crate) async fn node(
    state: Shared,
    Params(Node { graph, shard, node }): Params<Node>,
) -> Answered<Value> {
    ask(state, Where { graph, shard }, "NodeLook", &node).await
}

pub(crate) async fn neighbours(
    state: Shared,
    Params(Neighbours { graph, shard, page }): Params<Neighbours>,
) -> Answered<Value> {
    ask(state, Where { graph, shard }, "NeighborPage", &page).await
}

pub(crate) async fn path(
    state: Shared,
    Params(Path { graph, shard, path }): Params<Path>,
) -> Answered<Value> {
    ask(state, Where { graph, shard }, "PathEdges", &path).await
}

pub(crate) async fn blast(
    state: Shared,
    Params(Blast { graph, shard, blast }): Params<Blast>,
) -> Answered<Value> {
    ask(state, Where { graph, shard }, "BlastDepths", &blast).await
}

/// A question that is too long for an address.
pub(crate) async fn edges(state: Shared, headers: axum::http::HeaderMap, body: Bytes) -> Answered<Value> {
    if !is_our_page(&headers) {
        return Err(ApiError::not_our_page());
    }
    let Edges { graph, shard, ids } = super::body(&body)?;
    ask(state, Where { graph, shard }, "EdgesAmong", &EdgesAmong { node_ids: ids }).await
}
