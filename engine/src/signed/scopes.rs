//! What the scopes of a token allow: `kg:read`, `kg:write` and `kg:admin`, each with what those before it allow, or single
//! ones.

use super::Refusal;
use crate::wire::Method;

/// The broad scopes, each a step above the one before.
const BROAD: [&str; 3] = ["kg:read", "kg:write", "kg:admin"];

/// Whether the scopes allow the method.
pub(super) fn check(scopes: &[String], method: Method) -> Result<(), Refusal> {
    let (needed, level) = needed(method);
    let allowed = |scope: &String| scope == needed || BROAD[level..].contains(&scope.as_str());
    if scopes.iter().any(allowed) { Ok(()) } else { Err(Refusal::Scope(needed)) }
}

/// The single scope of a method, and the number of the first broad one that holds it.
fn needed(method: Method) -> (&'static str, usize) {
    const READ: usize = 0;
    const WRITE: usize = 1;
    const ADMIN: usize = 2;
    use Method as M;
    #[expect(clippy::wildcard_enum_match_arm, reason = "what moves, restores and stops is for operators")]
    match method {
        M::Ping | M::Health | M::Metrics => ("service:control", WRITE),
        M::HasNode
        | M::GetNodes
        | M::GetNodesByLabel
        | M::GetNodeProperties
        | M::GetNodePropertiesBatch
        | M::HasNodesBatch
        | M::NodeCount
        | M::NodeIds
        | M::GetContextView
        | M::GetSubgraph
        | M::UnionGetNodeProperties
        | M::UnionGetNodesByLabel
        | M::UnionGetNeighbors => ("node:read", READ),
        M::HasEdge
        | M::GetEdges
        | M::GetTriples
        | M::GetEdgeProperties
        | M::GetEdgePropertiesBatch
        | M::EdgeCount
        | M::InDegree
        | M::OutDegree
        | M::GetPredecessors
        | M::GetSuccessors
        | M::GetNeighbors => ("edge:read", READ),
        M::ToMsgpack | M::Fork | M::DiffAgainst | M::ListGraphs | M::GraphStats | M::SnapshotOpen => {
            ("graph:read", READ)
        }
        M::SnapshotRead | M::SnapshotClose | M::ShardStatus => ("graph:read", READ),
        M::GetLedger | M::LedgerRead => ("ledger:read", READ),
        M::GetChannelMessages | M::ListChannels | M::GetChannelMembers => ("channel:read", READ),
        M::TopologicalSort
        | M::FindCycle
        | M::GetShortestPath
        | M::GetBlastRadius
        | M::DegreeCentrality
        | M::DegreeCentralityAll
        | M::BetweennessCentrality
        | M::PageRank
        | M::PersonalizedPageRank
        | M::ConnectedComponents
        | M::StronglyConnectedComponents
        | M::MinimumSpanningTree
        | M::CommunityDetection
        | M::CommunityDetectEphemeral
        | M::GraphColoring
        | M::ComputeSimilarityEdges
        | M::Vf2SubgraphMatch => ("compute:graph-algo", READ),
        M::SemanticSearch => ("compute:semantic", READ),
        M::AddNode
        | M::CreateNodeIfAbsent
        | M::CompareAndSetNodeFields
        | M::ClaimNext
        | M::RemoveNode
        | M::BatchUpdate
        | M::AddEmbedding => ("node:write", WRITE),
        M::BeginTxn | M::Commit | M::Rollback => ("txn:control", WRITE),
        M::TxnAddNode
        | M::TxnRemoveNode
        | M::TxnAddEdge
        | M::TxnRemoveEdge
        | M::TxnCas
        | M::TxnAddEmbedding => ("txn:write", WRITE),
        M::AddEdge | M::RemoveEdge => ("edge:write", WRITE),
        M::Reconcile | M::ApplyMutation => ("graph:write", WRITE),
        M::ApplyLedger => ("ledger:write", WRITE),
        M::RunDatalogReasoning => ("reasoning:write", WRITE),
        M::SendMessage => ("channel:write", WRITE),
        M::PruneByLifecycle | M::EvictLRU | M::DecaySweep | M::TouchNodes | M::CompactNodesByType => {
            ("node:admin", ADMIN)
        }
        M::CreateChannel | M::JoinChannel | M::LeaveChannel | M::CloseChannel => ("channel:admin", ADMIN),
        M::ClearLedger => ("ledger:admin", ADMIN),
        M::RegisterIdentity | M::ApplyMultisigMutation | M::ListIdentities => ("security:admin", ADMIN),
        M::Shutdown | M::Checkpoint => ("service:admin", ADMIN),
        _ => ("graph:admin", ADMIN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(scopes: &[&str], method: Method) -> bool {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        check(&scopes, method).is_ok()
    }

    #[test]
    fn broad_scopes_hold_those_below_them_and_single_ones_only_themselves() {
        for (method, levels) in [
            (Method::HasNode, [true, true, true]),
            (Method::AddNode, [false, true, true]),
            (Method::Ping, [false, true, true]),
            (Method::CreateGraph, [false, false, true]),
            (Method::MoveDrop, [false, false, true]),
        ] {
            let found = BROAD.map(|scope| allows(&[scope], method));
            assert_eq!((found, allows(&[], method)), (levels, false), "{method}");
        }
        assert!(allows(&["edge:read", "node:write"], Method::AddNode));
        assert!(!allows(&["node:read", "kg:other"], Method::AddNode));
        assert_eq!(check(&[], Method::AddNode), Err(Refusal::Scope("node:write")));
    }
}
