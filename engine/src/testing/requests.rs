//! Requests as a shard decodes them, for tests with bytes that nobody would send.

use crate::{
    operations::{
        algorithms::{BlastRadius, PageRank},
        batches::BatchUpdate,
        context_view::ContextView,
        documents::Document,
        edges::{AddEdge, EdgePairs},
        graph_scans::NodesByLabel,
        graphs::{CreateGraph, DeleteGraph},
        ledger::Transactions,
        lifecycle::{DecaySweep, EvictLru},
        nodes::AddNode,
        semantic::{AddEmbedding, SemanticSearch, SimilarityEdges},
        snapshots::{RestoreOpen, RestoreWrite, SnapshotClose, SnapshotRead, Upload},
    },
    wire::{
        DecodeError, EdgeEnds, Envelope, Method, NoParams, NodeId, NodeIds, Params, method_named, parse_batch,
    },
};

/// What [`decode_params`] says of a method that it knows no shape for.
pub const NOT_COVERED: &str = "not covered";

/// Decodes the body of a frame as far as a shard does before it runs the request; "decoded", or [`NOT_COVERED`].
///
/// # Errors
/// What the shard would answer.
pub fn decode_request(body: &[u8]) -> Result<&'static str, String> {
    let envelope = Envelope::parse(body).map_err(|error| error.to_string())?;
    let method = method_named(envelope.method).map_err(|error| error.to_string())?;
    decode_params(method, envelope.params)
}

/// Decodes the parameters of a method as a shard does; "decoded", or [`NOT_COVERED`].
///
/// # Errors
/// What the shard would answer.
#[expect(clippy::wildcard_enum_match_arm, reason = "they have parameters of shapes that others have too")]
pub fn decode_params(method: Method, raw: Option<&[u8]>) -> Result<&'static str, String> {
    let text = |error: DecodeError| error.to_string();
    match method {
        Method::AddNode => AddNode::decode(method, raw).map(drop),
        Method::RemoveNode
        | Method::HasNode
        | Method::GetNodeProperties
        | Method::InDegree
        | Method::OutDegree
        | Method::GetPredecessors
        | Method::GetSuccessors
        | Method::GetNeighbors => NodeId::decode(method, raw).map(drop),
        Method::GetNodePropertiesBatch | Method::HasNodesBatch | Method::GetSubgraph | Method::TouchNodes => {
            NodeIds::decode(method, raw).map(drop)
        }
        Method::GetNodesByLabel => NodesByLabel::decode(method, raw).map(drop),
        Method::AddEdge => AddEdge::decode(method, raw).map(drop),
        Method::RemoveEdge | Method::HasEdge | Method::GetEdgeProperties => {
            EdgeEnds::decode(method, raw).map(drop)
        }
        Method::GetEdgePropertiesBatch => EdgePairs::decode(method, raw).map(drop),
        Method::BatchUpdate => {
            let batch = BatchUpdate::decode(method, raw).map_err(text)?;
            parse_batch(&batch.operations_msgpack).map_err(|error| error.to_string())?.for_each(drop);
            Ok(())
        }
        Method::FromMsgpack | Method::Reconcile => Document::decode(method, raw).map(drop),
        Method::ApplyLedger => Transactions::decode(method, raw).map(drop),
        Method::CreateGraph => CreateGraph::decode(method, raw).map(drop),
        Method::DeleteGraph => DeleteGraph::decode(method, raw).map(drop),
        Method::SnapshotRead => SnapshotRead::decode(method, raw).map(drop),
        Method::SnapshotClose => SnapshotClose::decode(method, raw).map(drop),
        Method::RestoreOpen => RestoreOpen::decode(method, raw).map(drop),
        Method::RestoreWrite => RestoreWrite::decode(method, raw).map(drop),
        Method::RestoreCommit | Method::RestoreAbort => Upload::decode(method, raw).map(drop),
        Method::GetBlastRadius => BlastRadius::decode(method, raw).map(drop),
        Method::PageRank => PageRank::decode(method, raw).map(drop),
        Method::GetContextView => ContextView::decode(method, raw).map(drop),
        Method::EvictLRU => EvictLru::decode(method, raw).map(drop),
        Method::DecaySweep => DecaySweep::decode(method, raw).map(drop),
        Method::AddEmbedding => AddEmbedding::decode(method, raw).map(drop),
        Method::SemanticSearch => SemanticSearch::decode(method, raw).map(drop),
        Method::ComputeSimilarityEdges => SimilarityEdges::decode(method, raw).map(drop),
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
        | Method::SnapshotOpen => NoParams::decode(method, raw).map(drop),
        _ => return Ok(NOT_COVERED),
    }
    .map(|()| "decoded")
    .map_err(text)
}
