//! Tests of the wire layer: the recordings of the reference server, and hostile bytes.

mod hostile;
mod pieces;
mod recorded;
mod vectors;

use serde::Deserialize;

use super::params::{
    AddEdge, AddEmbedding, AddNode, BatchUpdate, CreateGraph, DeleteGraph, Document, EdgeEnds, EdgePairs,
    NodeId, NodeIds, NodesByLabel, RestoreOpen, RestoreWrite, SemanticSearch, SimilarityEdges, SnapshotClose,
    SnapshotRead, Transactions, Upload, no_params, params,
};
use super::{DecodeError, Envelope, Method, method_named, parse_batch};

/// Shapes that no served operation has yet; the recordings pin their error texts.
#[derive(Deserialize)]
#[allow(dead_code, reason = "only decoded, never read")]
struct BlastRadius {
    node_id: String,
    max_depth: usize,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only decoded, never read")]
struct PageRank {
    damping: f64,
    iterations: usize,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only decoded, never read")]
struct ContextView {
    agent_id: String,
    max_tokens: u32,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only decoded, never read")]
struct Evict {
    max_nodes: usize,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only decoded, never read")]
struct Decay {
    #[serde(default)]
    half_life_secs: f64,
    #[serde(default)]
    floor: f64,
    #[serde(default)]
    prune: bool,
}

/// A method of the reference that this file has no shape for.
const NOT_COVERED: &str = "not covered";

/// Decodes one request as far as the engine would before it runs it.
fn decode(body: &[u8]) -> Result<&'static str, String> {
    let envelope = Envelope::parse(body).map_err(|error| error.to_string())?;
    let method = method_named(envelope.method).map_err(|error| error.to_string())?;
    decode_params(method, envelope.params)
}

#[allow(clippy::wildcard_enum_match_arm, reason = "most methods are not served yet")]
fn decode_params(method: Method, raw: Option<&[u8]>) -> Result<&'static str, String> {
    let text = |error: DecodeError| error.to_string();
    match method {
        Method::AddNode => params::<AddNode<'_>>(method, raw).map(drop),
        Method::RemoveNode
        | Method::HasNode
        | Method::GetNodeProperties
        | Method::InDegree
        | Method::OutDegree
        | Method::GetPredecessors
        | Method::GetSuccessors
        | Method::GetNeighbors => params::<NodeId<'_>>(method, raw).map(drop),
        Method::GetNodePropertiesBatch | Method::HasNodesBatch | Method::GetSubgraph | Method::TouchNodes => {
            params::<NodeIds<'_>>(method, raw).map(drop)
        }
        Method::GetNodesByLabel => params::<NodesByLabel<'_>>(method, raw).map(drop),
        Method::AddEdge => params::<AddEdge<'_>>(method, raw).map(drop),
        Method::RemoveEdge | Method::HasEdge | Method::GetEdgeProperties => {
            params::<EdgeEnds<'_>>(method, raw).map(drop)
        }
        Method::GetEdgePropertiesBatch => params::<EdgePairs<'_>>(method, raw).map(drop),
        Method::BatchUpdate => {
            let batch = params::<BatchUpdate<'_>>(method, raw).map_err(text)?;
            parse_batch(&batch.operations_msgpack).map_err(|error| error.to_string())?.for_each(drop);
            Ok(())
        }
        Method::FromMsgpack | Method::Reconcile => params::<Document<'_>>(method, raw).map(drop),
        Method::ApplyLedger => params::<Transactions<'_>>(method, raw).map(drop),
        Method::CreateGraph => params::<CreateGraph<'_>>(method, raw).map(drop),
        Method::DeleteGraph => params::<DeleteGraph<'_>>(method, raw).map(drop),
        Method::SnapshotRead => params::<SnapshotRead>(method, raw).map(drop),
        Method::SnapshotClose => params::<SnapshotClose>(method, raw).map(drop),
        Method::RestoreOpen => params::<RestoreOpen<'_>>(method, raw).map(drop),
        Method::RestoreWrite => params::<RestoreWrite<'_>>(method, raw).map(drop),
        Method::RestoreCommit | Method::RestoreAbort => params::<Upload>(method, raw).map(drop),
        Method::GetBlastRadius => params::<BlastRadius>(method, raw).map(drop),
        Method::PageRank => params::<PageRank>(method, raw).map(drop),
        Method::GetContextView => params::<ContextView>(method, raw).map(drop),
        Method::EvictLRU => params::<Evict>(method, raw).map(drop),
        Method::DecaySweep => params::<Decay>(method, raw).map(drop),
        Method::AddEmbedding => params::<AddEmbedding<'_>>(method, raw).map(drop),
        Method::SemanticSearch => params::<SemanticSearch>(method, raw).map(drop),
        Method::ComputeSimilarityEdges => params::<SimilarityEdges>(method, raw).map(drop),
        Method::GetNodes
        | Method::NodeCount
        | Method::NodeIds
        | Method::GetEdges
        | Method::EdgeCount
        | Method::GetTriples
        | Method::ClearGraph
        | Method::ToMsgpack
        | Method::GetLedger
        | Method::ClearLedger
        | Method::ListGraphs
        | Method::Ping
        | Method::Health
        | Method::Metrics
        | Method::Checkpoint
        | Method::Shutdown
        | Method::SnapshotOpen => no_params(method, raw),
        _ => return Ok(NOT_COVERED),
    }
    .map(|()| "decoded")
    .map_err(text)
}
