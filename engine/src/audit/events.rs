//! Which operations have lines, and what they are about.

use crate::{
    keys::Names,
    operations::{administration, graphs, identities, sessions, transactions},
    request::incoming::Request,
    shard::Shard,
    wire::Method,
};

/// The kind of event that an operation is; none has no line unless it is refused.
pub(super) const fn kind(method: Method) -> Option<&'static str> {
    use Method as M;
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others read, or write what is in a graph")]
    Some(match method {
        M::CreateGraph => "create",
        M::DeleteGraph => "delete",
        M::ClearGraph | M::ClearLedger => "clear",
        M::FromMsgpack | M::Reconcile => "replace",
        M::RestoreOpen | M::RestoreCommit | M::RestoreAbort | M::ServiceImport => "restore",
        M::Fork => "fork",
        M::ToMsgpack | M::SnapshotOpen | M::ServiceExport => "export",
        M::Checkpoint => "checkpoint",
        M::Shutdown => "shutdown",
        M::RegisterIdentity | M::UnregisterIdentity => "identity",
        M::QuotaSet => "quota",
        M::LedgerKeep | M::LedgerTrim => "ledger",
        M::SessionKill => "session",
        M::ShardHandOver => "hand-over",
        M::OwnerHold | M::OwnerGiveWay | M::GraphOwnerSet => "owner",
        M::MoveArrive
        | M::MoveReplay
        | M::MoveFence
        | M::MoveRenew
        | M::MoveRelease
        | M::MoveDepart
        | M::MoveAdmit
        | M::MoveDrop
        | M::MoveReturn
        | M::MoveForget
        | M::MoveRefuse => "move",
        _ => return None,
    })
}

/// The graph that a request is about, and what else.
pub(super) fn about(shard: &Shard, request: &Request<'_>) -> (Option<String>, Option<String>) {
    let (method, envelope) = (request.method(), &request.envelope);
    let (raw, own) = (envelope.params, Some(envelope.graph.to_owned()).filter(|graph| !graph.is_empty()));
    let text = |name: Result<&str, _>| name.ok().map(str::to_owned);
    match request.operation.names {
        Names::Named(named) => (text(named(method, raw)), None),
        Names::Made(made) => match made(method, raw) {
            Ok(Some(new)) => {
                (Some(new.name.to_owned()), new.claimed_by.map(|tenant| format!("tenant {tenant}")))
            }
            Ok(None) | Err(_) => (own, None),
        },
        Names::Copy(copied) => (own, copied(method, raw).ok().flatten().map(str::to_owned)),
        Names::Both(second) => (own, text(second(method, raw))),
        Names::Begun(named) => (named(method, raw).ok().flatten().map(str::to_owned).or(own), None),
        Names::Transaction => {
            let graph = transactions::graph_name(shard, method, envelope).ok().flatten();
            (graph.map(|graph| graph.to_string()), None)
        }
        Names::Channel(named) => {
            (None, named(method, raw).ok().map(|named| format!("channel {}", named.channel)))
        }
        Names::All => (own, whom(method, raw)),
        Names::None | Names::Listed | Names::Graph | Names::Several(_) | Names::Transfer => (own, None),
    }
}

/// Whom an operator's operation is about.
fn whom(method: Method, raw: Option<&[u8]>) -> Option<String> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are about graphs, or the whole shard")]
    match method {
        Method::RegisterIdentity | Method::UnregisterIdentity => {
            identities::agent(method, raw).ok().map(|agent| format!("agent {agent}"))
        }
        Method::QuotaSet => {
            administration::quota_of(method, raw).ok().map(|tenant| format!("tenant {tenant}"))
        }
        Method::GraphOwnerSet => {
            let owner = graphs::new_owner(method, raw).ok()?;
            Some(owner.map_or_else(|| "nobody".to_owned(), |owner| format!("agent {owner}")))
        }
        Method::SessionKill => sessions::killed(method, raw).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys::LeastRole, operations::table};

    /// Whatever needs more than a writer's key changes who has what, so that it has a line, or it is known not to.
    #[test]
    fn what_needs_more_than_a_writer_has_lines() {
        use Method as M;
        let others = [
            // Look at something.
            M::ShardStatus,
            M::QuotaShow,
            M::ListIdentities,
            M::GraphDigest,
            M::LedgerRead,
            M::MoveStatus,
            M::MoveLook,
            M::MoveOutcomes,
            M::GraphHeads,
            M::GraphOwners,
            M::SessionList,
            // Look at the disk.
            M::Scrub,
            M::Compact,
            // A part of what has a line.
            M::RestoreWrite,
            // Remove nodes by their age.
            M::DecaySweep,
            M::PruneByLifecycle,
            M::EvictLRU,
            M::CompactNodesByType,
        ];
        for operation in Method::ALL.iter().filter_map(|method| Some(&table::row(*method)?.operation)) {
            let is_for_all = matches!(operation.least_role, LeastRole::Reader | LeastRole::Writer);
            let known = others.contains(&operation.method);
            let has = kind(operation.method).is_some();
            assert!(is_for_all || has != known, "{}", operation.method);
            assert!(!(has && known), "{}", operation.method);
        }
    }
}
