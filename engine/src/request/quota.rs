//! Which requests count for which tenant.
//!
//! Those about a graph do, for its tenant. Those of the operator do not, nor does what only asks how the shard is, so that
//! a tenant over its quota can be looked into.

use std::{collections::VecDeque, sync::Arc};

use epistemic_storage::{
    Mutation,
    graph::{Graph, Op, tenant_of},
};

use super::{
    access::{self, Refusal},
    error::OpError,
    incoming::Request,
    operation::{Effect, NewGraph, Operation, Quota},
    pending::PendingResponse,
};
use crate::{
    access::Caller,
    quotas::{self, Active, Kind, Load, Place, Tenant},
    shard::Shard,
};

/// Counts a request of `bytes` and finds its tenant; nothing where it does not count. The first one of a connection takes
/// `place` for it. `computes`: it is a computation.
pub(crate) fn admit(
    shard: &Shard,
    request: &Request<'_>,
    computes: bool,
    bytes: usize,
    place: &mut Option<Place>,
    pending: &VecDeque<PendingResponse>,
) -> Result<Option<Arc<Tenant>>, Refusal> {
    if matches!(request.operation.quota, Quota::Nobody) {
        return Ok(None);
    }
    let Some(active) = active(shard, request) else { return Ok(None) };
    // Whose the graph is then is known when they are done.
    let makes_one = matches!(request.operation.quota, Quota::Made(_));
    if !makes_one && pending.back().is_some_and(PendingResponse::changes_graphs) {
        return Err(Refusal::Wait);
    }
    let tenant = match whose(shard, &active, request)?.in_class(&active, request) {
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
    if computes {
        may_compute(&tenant, request.operation)?;
    }
    tenant.request(bytes as u64)?;
    Ok(Some(tenant))
}

/// Whether a computation may begin, by what is used up already. It is asked when it is queued, and again when its turn comes:
/// others that were queued with it may have used up what was left.
pub(crate) fn may_compute(tenant: &Tenant, operation: &Operation) -> Result<(), quotas::Refusal> {
    tenant.may_compute()?;
    if operation.writes() || operation.effect == Effect::Copies {
        tenant.may_write()?;
    }
    // Those that bring whole graphs are asked for the room that they need.
    if operation.effect == Effect::Adds {
        tenant.may_store(1)?;
    }
    Ok(())
}

/// A place for a snapshot that is sent in pieces; nothing where it does not count.
pub(crate) fn cursor(shard: &Shard, request: &Request<'_>) -> Result<Option<Place>, OpError> {
    let Some(tenant) = tenant(shard, request)? else { return Ok(None) };
    Ok(Some(tenant.place(Kind::Cursors)?))
}

/// A place for the snapshot that `RestoreOpen` is about, and what counts its bytes; nothing where it does not count.
pub(crate) fn upload(
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
pub(crate) fn bytes_of(shard: &Shard, graph: &Graph) -> u64 {
    shard.graphs.sizes_of(graph).map_or(0, |sizes| sizes.total())
}

/// Begins to count a copy of a graph under a new name, which takes about so many bytes; nothing where it does not count.
pub(crate) fn copy(
    shard: &Shard,
    request: &Request<'_>,
    name: &str,
    bytes: u64,
) -> Result<Option<Load>, OpError> {
    let Some(active) = active(shard, request) else { return Ok(None) };
    let tenant = active.of_load(tenant_of(None, name, request.envelope.agent_id).unwrap_or_default());
    Ok(Some(Load::begin(&in_class(&active, request, tenant), bytes, 0)?))
}

fn tenant(shard: &Shard, request: &Request<'_>) -> Result<Option<Arc<Tenant>>, OpError> {
    let Some(active) = active(shard, request) else { return Ok(None) };
    let tenant = match whose(shard, &active, request)? {
        Whose::Known(tenant) => Some(tenant),
        Whose::New(tenant) => Some(active.of_load(tenant.name())),
        Whose::Nobody => None,
    };
    Ok(tenant.map(|tenant| in_class(&active, request, tenant)))
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

impl Whose {
    fn in_class(self, active: &Active, request: &Request<'_>) -> Self {
        match self {
            Self::Known(tenant) => Self::Known(in_class(active, request, tenant)),
            Self::New(tenant) => Self::New(in_class(active, request, tenant)),
            Self::Nobody => Self::Nobody,
        }
    }
}

/// The tenant, with the class of the request's key where it has one.
fn in_class(active: &Active, request: &Request<'_>, tenant: Arc<Tenant>) -> Arc<Tenant> {
    match request.peer.grant().and_then(|grant| grant.quota_class()) {
        Some(class) => active.in_class(&tenant, class),
        None => tenant,
    }
}

/// The tenant of the graph that a request is about, or that it would make. Who may not make it is told so: it must not use up
/// what is another's.
fn whose(shard: &Shard, active: &Active, request: &Request<'_>) -> Result<Whose, OpError> {
    let (envelope, method) = (&request.envelope, request.method());
    let (name, new) = match request.operation.quota {
        Quota::Nobody => return Ok(Whose::Nobody),
        Quota::Graph => (envelope.graph, None),
        Quota::Named(named) => match named(method, envelope.params) {
            Ok(name) => (name, None),
            Err(_) => return Ok(Whose::Nobody),
        },
        Quota::Made(made) => match made(method, envelope.params) {
            Ok(Some(NewGraph { name, kind, claimed_by })) => (name, Some((kind, claimed_by))),
            Ok(None) | Err(_) => return Ok(Whose::Nobody),
        },
        Quota::Transaction(graph_of) => {
            let graph = graph_of(shard, method, envelope);
            return Ok(graph.map_or(Whose::Nobody, |graph| Whose::Known(active.of(&graph))));
        }
    };
    if let Ok(graph) = shard.graphs.graph_in_any_state(name) {
        return Ok(Whose::Known(active.of(&graph)));
    }
    let Some((kind, claimed_by)) = new else { return Ok(Whose::Nobody) };
    access::create(shard, envelope, name, kind, claimed_by)?;
    let tenant = tenant_of(claimed_by, name, envelope.agent_id).unwrap_or_default();
    Ok(Whose::New(active.known_or_new(tenant)))
}

/// Whether a write adds to what is stored, but for the record of it.
pub(crate) fn grows(op: &Op) -> bool {
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
        Op::Delete
        | Op::Clear
        | Op::ClearLedger
        | Op::TrimLedger(_)
        | Op::KeepLedger(_)
        | Op::SetOwner(_)
        | Op::Move(_) => false,
    }
}
