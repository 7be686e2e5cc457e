//! Which requests count for which tenant.
//!
//! Those about a graph do, for its tenant. Those of the operator do not, nor does what only asks how the shard is, so that
//! a tenant over its quota can be looked into.

use std::{collections::VecDeque, sync::Arc};

use epistemic_storage::{
    Mutation,
    graph::{Graph, GraphType, Op, tenant_of},
};

use super::{
    OpError, Pending, Request, access,
    access::Refusal,
    table::{Access, Route, Row},
    transactions,
};
use crate::{
    access::Caller,
    quotas::{self, Active, Kind, Load, Place, Tenant},
    shard::Shard,
    wire::{Method, params},
};

/// Counts a request of `bytes` and finds its tenant; nothing where it does not count. The first one of a connection takes
/// `place` for it.
pub(super) fn admit(
    shard: &Shard,
    row: &Row,
    request: &Request<'_>,
    bytes: usize,
    place: &mut Option<Place>,
    pending: &VecDeque<Pending>,
) -> Result<Option<Arc<Tenant>>, Refusal> {
    let Some(active) = active(shard, request).filter(|_| counts(row, request.method)) else {
        return Ok(None);
    };
    // Whose the graph is then is known when they are done.
    if request.method != Method::CreateGraph && pending.back().is_some_and(Pending::changes_graphs) {
        return Err(Refusal::Wait);
    }
    let tenant = match whose(shard, &active, request)? {
        Whose::Known(tenant) => {
            if place.is_none() {
                *place = Some(tenant.place(Kind::Connections)?);
            }
            tenant
        }
        // The connection counts once there is a graph.
        Whose::New(tenant) => tenant,
        Whose::Nobody => return Ok(None),
    };
    if row.route == Route::Compute {
        may_compute(&tenant, row, request.method)?;
    }
    tenant.request(bytes as u64)?;
    Ok(Some(tenant))
}

/// Whether a computation may begin, by what is used up already. It is asked when it is queued, and again when its turn comes:
/// others that were queued with it may have used up what was left.
pub(super) fn may_compute(tenant: &Tenant, row: &Row, method: Method) -> Result<(), quotas::Refusal> {
    tenant.may_compute()?;
    if row.access == Access::Write || method == Method::Fork {
        tenant.may_write()?;
    }
    // Those that bring whole graphs are asked for the room that they need.
    if matches!(method, Method::RunDatalogReasoning | Method::ClaimNext) {
        tenant.may_store(1)?;
    }
    Ok(())
}

/// A place for a snapshot that is sent in pieces; nothing where it does not count.
pub(super) fn cursor(shard: &Shard, request: &Request<'_>) -> Result<Option<Place>, OpError> {
    let Some(tenant) = tenant(shard, request)? else { return Ok(None) };
    Ok(Some(tenant.place(Kind::Cursors)?))
}

/// A place for the snapshot that `RestoreOpen` is about, and what counts its bytes; nothing where it does not count.
pub(super) fn upload(
    shard: &Shard,
    request: &Request<'_>,
    replaced: Option<&Graph>,
) -> Result<Option<(Place, Load)>, OpError> {
    let Some(tenant) = tenant(shard, request)? else { return Ok(None) };
    let doomed = replaced.map_or(0, |graph| bytes_of(shard, graph));
    tenant.may_write()?;
    Ok(Some((tenant.place(Kind::Cursors)?, Load::begin(&tenant, 1, doomed)?)))
}

/// Bytes that a graph stores, an estimate. Damage that is found on the way shows as quarantine.
pub(super) fn bytes_of(shard: &Shard, graph: &Graph) -> u64 {
    shard.graphs.sizes_of(graph).map_or(0, |sizes| sizes.total())
}

/// Begins to count a copy of a graph under a new name, which takes about so many bytes; nothing where it does not count.
pub(super) fn copy(
    shard: &Shard,
    request: &Request<'_>,
    name: &str,
    bytes: u64,
) -> Result<Option<Load>, OpError> {
    let Some(active) = active(shard, request) else { return Ok(None) };
    let tenant = active.of_load(tenant_of(None, name, request.envelope.agent_id).unwrap_or_default());
    Ok(Some(Load::begin(&tenant, bytes, 0)?))
}

fn tenant(shard: &Shard, request: &Request<'_>) -> Result<Option<Arc<Tenant>>, OpError> {
    let Some(active) = active(shard, request) else { return Ok(None) };
    Ok(match whose(shard, &active, request)? {
        Whose::Known(tenant) => Some(tenant),
        Whose::New(tenant) => Some(active.of_load(tenant.name())),
        Whose::Nobody => None,
    })
}

fn counts(row: &Row, method: Method) -> bool {
    match row.route {
        Route::Read | Route::Whole | Route::Union | Route::Compute | Route::Write => {
            row.access != Access::System
        }
        Route::Service => {
            matches!(method, Method::SnapshotOpen | Method::RestoreOpen) || transactions::is_step(method)
        }
        Route::Inline | Route::Absent => false,
    }
}

/// The rules, where there are some and the request is not the operator's.
fn active(shard: &Shard, request: &Request<'_>) -> Option<Arc<Active>> {
    let is_operator =
        || shard.access.is_on() && shard.access.is_system(Caller::new(request.envelope.agent_id));
    shard.quotas.active().filter(|_| !is_operator())
}

/// Whom a request counts for.
enum Whose {
    /// The tenant of its graph.
    Known(Arc<Tenant>),
    /// That of the graph that it would make.
    New(Arc<Tenant>),
    /// Nobody: there is no such graph, the step is one of a move, or the parameters cannot be read, which the operation
    /// tells.
    Nobody,
}

/// The tenant of the graph that a request is about, or that it would make. Who may not make it is told so: it must not use up
/// what is another's.
fn whose(shard: &Shard, active: &Active, request: &Request<'_>) -> Result<Whose, OpError> {
    let Request { envelope, method, .. } = *request;
    let (name, new) = if method == Method::CreateGraph {
        match params::params::<params::CreateGraph<'_>>(method, envelope.params) {
            Ok(named) => {
                let claimed_by = named.tenant.filter(|tenant| !tenant.is_empty());
                (named.graph_name, Some((named.graph_type, claimed_by)))
            }
            Err(_) => return Ok(Whose::Nobody),
        }
    } else if method == Method::DeleteGraph {
        match params::params::<params::DeleteGraph<'_>>(method, envelope.params) {
            Ok(named) => (named.graph_name, None),
            Err(_) => return Ok(Whose::Nobody),
        }
    } else if method == Method::RestoreOpen {
        match params::params::<params::RestoreOpen<'_>>(method, envelope.params) {
            // Who may make any may make this: the snapshot says more of it.
            Ok(named) if named.move_id.is_none() => (named.graph_name, Some((GraphType::Agent, None))),
            Ok(_) | Err(_) => return Ok(Whose::Nobody),
        }
    } else if transactions::is_step(method) {
        return Ok(match transactions::graph(shard, request) {
            Some(graph) => Whose::Known(active.of(&graph)),
            None => Whose::Nobody,
        });
    } else {
        (envelope.graph, None)
    };
    if let Ok(graph) = shard.graphs.graph_in_any_state(name) {
        return Ok(Whose::Known(active.of(&graph)));
    }
    let Some((kind, claimed_by)) = new else { return Ok(Whose::Nobody) };
    access::create(shard, &envelope, name, kind, claimed_by)?;
    let tenant = tenant_of(claimed_by, name, envelope.agent_id).unwrap_or_default();
    Ok(Whose::New(active.known_or_new(tenant)))
}

/// Whether a write adds to what is stored, but for the record of it.
pub(super) fn grows(op: &Op) -> bool {
    match op {
        Op::Once(_, op) => grows(op),
        Op::One(mutation) => mutation.grows(),
        Op::Create { .. }
        | Op::AddMissingNode { .. }
        | Op::Claim { .. }
        | Op::Touch { .. }
        | Op::Conditional { .. }
        | Op::Replace(_)
        | Op::Install { .. } => true,
        Op::Batch(items) => items.iter().flatten().any(Mutation::grows),
        Op::Transaction(transaction) => transaction.changes.iter().any(Mutation::grows),
        Op::Delete | Op::Clear | Op::ClearLedger | Op::TrimLedger(_) | Op::KeepLedger(_) | Op::Move(_) => {
            false
        }
    }
}
