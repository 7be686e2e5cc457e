//! Every operation that the server has asks for the right the contract says.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use epistemic_tests::wire::field;

use crate::{call_as, guarded};

/// Operations that need to write their graph (`docs/reference-protocol.md` section 9), and ours.
const WRITE: [&str; 25] = [
    "AddNode",
    "RemoveNode",
    "AddEdge",
    "RemoveEdge",
    "ClearGraph",
    "FromMsgpack",
    "Reconcile",
    "ClearLedger",
    "ApplyLedger",
    "TouchNodes",
    "DecaySweep",
    "EvictLRU",
    "PruneByLifecycle",
    "CompactNodesByType",
    "AddEmbedding",
    "BatchUpdate",
    "ApplyMutation",
    "ApplyMultisigMutation",
    "RunDatalogReasoning",
    "CompareAndSetNodeFields",
    "ClaimNext",
    "CreateNodeIfAbsent",
    "LedgerKeep",
    "LedgerTrim",
    "BeginTxn",
];

/// Operations on no graph, or on one in their parameters or of their transaction, which other tests check.
const OTHERS: [&str; 30] = [
    "Ping",
    "Health",
    "CreateGraph",
    "DeleteGraph",
    "ListGraphs",
    "GraphStats",
    "ShardStatus",
    "RegisterIdentity",
    "CreateChannel",
    "JoinChannel",
    "LeaveChannel",
    "CloseChannel",
    "SendMessage",
    "GetChannelMessages",
    "ListChannels",
    "GetChannelMembers",
    "SnapshotRead",
    "SnapshotClose",
    "RestoreOpen",
    "RestoreWrite",
    "RestoreCommit",
    "RestoreAbort",
    "TxnAddNode",
    "TxnRemoveNode",
    "TxnAddEdge",
    "TxnRemoveEdge",
    "TxnCas",
    "TxnAddEmbedding",
    "Commit",
    "Rollback",
];

/// Operations for `System` identities alone.
const SYSTEM: [&str; 34] = [
    "Shutdown",
    "Checkpoint",
    "ListIdentities",
    "UnregisterIdentity",
    "GraphDigest",
    "LedgerRead",
    "MoveStatus",
    "MoveArrive",
    "MoveReplay",
    "MoveFence",
    "MoveRelease",
    "MoveDepart",
    "MoveAdmit",
    "MoveDrop",
    "MoveReturn",
    "MoveForget",
    "GraphHeads",
    "ServiceExport",
    "ServiceImport",
    "MoveLook",
    "MoveOutcomes",
    "MoveRenew",
    "MoveRefuse",
    "GraphOwners",
    "OwnerHold",
    "OwnerGiveWay",
    "Scrub",
    "Compact",
    "GraphOwnerSet",
    "QuotaShow",
    "QuotaSet",
    "SessionList",
    "SessionKill",
    "ShardHandOver",
];

#[test]
fn every_operation_on_a_graph_is_checked() -> Result<()> {
    let server = guarded()?;
    let health = call_as(&server, "x", "", "Health", None)?.map_err(anyhow::Error::msg)?;
    let ops = field(&health, "ops").and_then(|ops| ops.as_array()).context("no ops")?;
    let ops: Option<BTreeSet<&str>> = ops.iter().map(|op| op.as_str()).collect();
    let ops = ops.context("an op is no text")?;
    assert!(WRITE.iter().all(|op| ops.contains(op)), "{ops:?}");
    assert!(ops.contains("PageRank") && !ops.contains("ParseFiles") && !ops.contains("DsPca"), "{ops:?}");
    assert!(SYSTEM.iter().all(|op| ops.contains(op)), "{ops:?}");
    for op in ops.into_iter().filter(|op| !OTHERS.contains(op) && !SYSTEM.contains(op)) {
        let need = if WRITE.contains(&op) { "Write" } else { "Read" };
        // Without parameters: nothing of them is looked at before.
        let answer = call_as(&server, "x", "agent", op, None)?;
        let denied = format!("ACCESS_DENIED: agent 'x' lacks {need} access to graph 'agent'");
        assert_eq!(answer, Err(denied), "{op}");
        let missing = call_as(&server, "x", "missing", op, None)?;
        assert_eq!(missing, Err("Graph 'missing' not found".into()), "{op}");
    }
    Ok(())
}

#[test]
fn only_system_stops_the_server_lists_identities_and_moves_graphs() -> Result<()> {
    let mut server = guarded()?;
    for agent in ["", "x", "o"] {
        let shown = if agent.is_empty() { "<anonymous>" } else { agent };
        for method in SYSTEM {
            let denied =
                format!("ACCESS_DENIED: agent '{shown}' may not use {method}; only a System identity may");
            // `o` owns this graph.
            assert_eq!(call_as(&server, agent, "agent", method, None)?, Err(denied));
        }
    }
    for method in ["MoveStatus", "GraphDigest"] {
        let answer = call_as(&server, "s", "agent", method, None)?;
        assert!(answer.is_ok(), "{method}: {answer:?}");
    }
    let list = call_as(&server, "s", "", "ListIdentities", None)?.map_err(anyhow::Error::msg)?;
    let roles: Vec<_> =
        list.as_array().context("no list")?.iter().map(|entry| field(entry, "role")).collect();
    assert_eq!(roles, [Some(&"System".into())]);
    assert_eq!(call_as(&server, "s", "", "Shutdown", None)?, Ok("shutting_down".into()));
    assert_eq!(server.wait_for_exit(std::time::Duration::from_secs(30))?.code(), Some(0));
    Ok(())
}
