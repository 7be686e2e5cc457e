//! Where the access rules are enforced: for every operation before it is run, by the table of operations, and for
//! what only the operation knows by the functions that it calls.
//!
//! A write is checked when it is queued. When its graph is deleted and created again by other connections before its
//! turn, it goes to the new graph by the rules of the old one.

use std::{collections::VecDeque, sync::Arc};

use epistemic_storage::graph::Graph;

use super::{
    OpError, Pending, Request,
    table::{self, Access},
};
use crate::{
    access::{Caller, Denied, Need},
    shard::Shard,
    wire::{Envelope, Method, params},
};

/// Why a request is not run now.
pub(super) enum Refusal {
    /// What the writes before it do to the graphs has to be seen first.
    Wait,
    Error(OpError),
}

impl<E: Into<OpError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Refusal::Error(error.into())
    }
}

/// Whether the caller may run the operation. Nothing is checked while access control is off.
pub(super) fn check(
    shard: &Shard,
    access: Access,
    request: &Request<'_>,
    pending: &VecDeque<Pending>,
) -> Result<(), Refusal> {
    if !shard.access.is_on() {
        return Ok(());
    }
    let envelope = &request.envelope;
    let (name, need) = match access {
        Access::Open | Access::Channel => return Ok(()),
        Access::System => return Ok(system(shard, request)?),
        Access::Read | Access::ReadBoth => (envelope.graph, Need::Read),
        Access::Write => (envelope.graph, Need::Write),
        Access::WriteNamed => match written_graph(shard, request)? {
            Some(name) => (name, Need::Write),
            None => return Ok(()),
        },
    };
    if pending.back().is_some_and(Pending::changes_graphs) {
        return Err(Refusal::Wait);
    }
    match shard.graphs.graph(name) {
        Ok(graph) => graph_access(shard, envelope, need, &graph)?,
        Err(_) if !pending.is_empty() => return Err(Refusal::Wait),
        // A restore makes it.
        Err(_) if request.method == Method::RestoreOpen => {}
        Err(missing) => return Err(missing.into()),
    }
    if access == Access::ReadBoth
        && let Ok(second) = shard.graphs.graph(second_graph(request)?)
    {
        read(shard, envelope, &second)?;
    }
    Ok(())
}

/// The other graph that an operation reads. That it is missing is reported by the operation.
fn second_graph<'a>(request: &Request<'a>) -> Result<&'a str, OpError> {
    let Request { method, envelope, .. } = *request;
    if method == Method::Vf2SubgraphMatch {
        Ok(params::params::<params::SubgraphMatch<'_>>(method, envelope.params)?.pattern_graph_name)
    } else {
        Ok(params::params::<params::DiffAgainst<'_>>(method, envelope.params)?.other_graph)
    }
}

/// The graph in the parameters that an operation would write, if any.
fn written_graph<'a>(shard: &Shard, request: &Request<'a>) -> Result<Option<&'a str>, OpError> {
    let Request { method, envelope, .. } = *request;
    if method == Method::DeleteGraph {
        let params = params::params::<params::DeleteGraph<'_>>(method, envelope.params)?;
        return Ok(Some(params.graph_name));
    }
    let params = params::params::<params::RestoreOpen<'_>>(method, envelope.params)?;
    let caller = Caller::new(envelope.agent_id);
    match (params.replace, params.graph_name) {
        (false, _) => Ok(None),
        (true, "") if !shard.access.is_system(caller) => {
            Err(deny(shard, Denied::Nameless { agent: caller.to_string() }))
        }
        (true, "") => Ok(None),
        (true, name) => Ok(Some(name)),
    }
}

/// The graph of a computation when its turn comes: another request may have replaced it meanwhile by one that the caller
/// may not use.
pub(super) fn current(
    shard: &Shard,
    request: &Request<'_>,
    admitted: &Arc<Graph>,
) -> Result<Arc<Graph>, OpError> {
    let graph = shard.graphs.graph(request.envelope.graph)?;
    if graph.id() != admitted.id() {
        again(shard, request, &graph)?;
    }
    Ok(graph)
}

/// Whether the caller may still do with the graph what its operation does.
pub(super) fn again(shard: &Shard, request: &Request<'_>, graph: &Graph) -> Result<(), OpError> {
    let need = match table::row(request.method).access {
        Access::Write | Access::WriteNamed => Need::Write,
        Access::Read | Access::ReadBoth | Access::Open | Access::Channel | Access::System => Need::Read,
    };
    graph_access(shard, &request.envelope, need, graph)
}

/// Whether the caller may write a graph that its operation named earlier.
pub(super) fn write(shard: &Shard, envelope: &Envelope<'_>, graph: &Graph) -> Result<(), OpError> {
    graph_access(shard, envelope, Need::Write, graph)
}

/// Whether the caller may read another graph than that of the request: for operations that name several.
pub(super) fn read(shard: &Shard, envelope: &Envelope<'_>, graph: &Graph) -> Result<(), OpError> {
    graph_access(shard, envelope, Need::Read, graph)
}

fn graph_access(shard: &Shard, envelope: &Envelope<'_>, need: Need, graph: &Graph) -> Result<(), OpError> {
    let caller = Caller::new(envelope.agent_id);
    if shard.access.may(caller, need, graph) {
        return Ok(());
    }
    Err(deny(shard, Denied::Graph { agent: caller.to_string(), need, graph: graph.name().to_string() }))
}

/// Whether the caller may do what only a `System` identity may.
pub(super) fn system(shard: &Shard, request: &Request<'_>) -> Result<(), OpError> {
    let caller = Caller::new(request.envelope.agent_id);
    if shard.access.is_system(caller) {
        return Ok(());
    }
    Err(deny(shard, Denied::NotSystem { agent: caller.to_string(), method: request.method.name() }))
}

/// Whether the caller may do something in the name of `agent`.
pub(super) fn acts_as(shard: &Shard, envelope: &Envelope<'_>, agent: &str) -> Result<(), OpError> {
    let caller = Caller::new(envelope.agent_id);
    if !shard.access.is_on() || caller.is(agent) || shard.access.is_system(caller) {
        return Ok(());
    }
    Err(deny(shard, Denied::Pretends { agent: caller.to_string(), other: agent.to_owned() }))
}

/// Whether the caller may see into the channel, and close it.
pub(super) fn takes_part(shard: &Shard, envelope: &Envelope<'_>, channel: &str) -> Result<(), OpError> {
    let caller = Caller::new(envelope.agent_id);
    if !shard.access.is_on() || shard.access.is_system(caller) {
        return Ok(());
    }
    // Also when the caller is anonymous: that a channel is missing comes first.
    if shard.channels.is_member(channel, caller.id().unwrap_or_default())? && caller.id().is_some() {
        return Ok(());
    }
    Err(deny(shard, Denied::Outside { agent: caller.to_string(), channel: channel.to_owned() }))
}

/// The error of a refusal, counted.
pub(super) fn deny(shard: &Shard, denied: Denied) -> OpError {
    shard.metrics.access_denied();
    OpError::Denied(denied)
}
