//! Where the access rules are enforced: for every operation before it is run, by the table of operations, and for
//! what only the operation knows by the functions that it calls.
//!
//! A write is checked when it is queued. When its graph is deleted and created again by other connections before its
//! turn, it goes to the new graph by the rules of the old one.

use std::{collections::VecDeque, sync::Arc};

use epistemic_storage::{
    channels::ChannelError,
    graph::{Graph, GraphType},
};

use super::{
    error::OpError,
    incoming::Request,
    operation::{Access, Replaced},
    pending::PendingResponse,
};
use crate::{
    access::{Caller, Denied, Need},
    shard::Shard,
    wire::Envelope,
};

/// Why a request is not run now.
pub(crate) enum Refusal {
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
pub(crate) fn check(
    shard: &Shard,
    request: &Request<'_>,
    pending: &VecDeque<PendingResponse>,
) -> Result<(), Refusal> {
    if !shard.access.is_on() {
        return Ok(());
    }
    let (envelope, method) = (&request.envelope, request.method());
    let mut restores = false;
    let (name, need) = match request.operation.access {
        Access::Open | Access::Channel => return Ok(()),
        Access::SystemOfAll if !shard.access.guards_all() => return Ok(()),
        Access::System | Access::SystemOfAll => return Ok(system(shard, request)?),
        Access::Read | Access::ReadBoth(_) => (envelope.graph, Need::Read),
        Access::Write => (envelope.graph, Need::Write),
        Access::WriteNamed(named) => (named(method, envelope.params)?, Need::Write),
        Access::Replace(replaced) => match replaced(method, envelope.params)? {
            Replaced::Graph(name) => {
                restores = true;
                (name, Need::Write)
            }
            Replaced::Nothing => return Ok(()),
            Replaced::NamedBySnapshot => return Ok(nameless(shard, envelope)?),
        },
    };
    if pending.back().is_some_and(PendingResponse::changes_graphs) {
        return Err(Refusal::Wait);
    }
    match shard.graphs.graph(name) {
        Ok(graph) => graph_access(shard, envelope, need, &graph)?,
        Err(_) if !pending.is_empty() => return Err(Refusal::Wait),
        // It makes the graph.
        Err(_) if restores => {}
        Err(error) => return Err(missing(shard, envelope, need, name).unwrap_or(error.into()).into()),
    }
    if let Access::ReadBoth(second) = request.operation.access {
        let second = second(method, envelope.params)?;
        match shard.graphs.graph(second) {
            Ok(second) => read(shard, envelope, &second)?,
            // That it is missing is reported by the operation.
            Err(_) => missing(shard, envelope, Need::Read, second).map_or(Ok(()), Err)?,
        }
    }
    Ok(())
}

/// Whether the caller may replace the graph that a snapshot names.
fn nameless(shard: &Shard, envelope: &Envelope<'_>) -> Result<(), OpError> {
    let caller = Caller::new(envelope.agent_id);
    if shard.access.is_system(caller) {
        return Ok(());
    }
    Err(deny(shard, Denied::Nameless { agent: caller.to_string() }))
}

/// The graph of a computation when its turn comes: another request may have replaced it meanwhile by one that the caller
/// may not use, or given it to somebody else.
pub(crate) fn current(shard: &Shard, request: &Request<'_>) -> Result<Arc<Graph>, OpError> {
    let graph = shard.graphs.graph(request.envelope.graph)?;
    again(shard, request, &graph)?;
    Ok(graph)
}

/// Whether the caller may still do with the graph what its operation does.
pub(crate) fn again(shard: &Shard, request: &Request<'_>, graph: &Graph) -> Result<(), OpError> {
    let need = match request.operation.access {
        Access::Write | Access::WriteNamed(_) | Access::Replace(_) => Need::Write,
        Access::Read
        | Access::ReadBoth(_)
        | Access::Open
        | Access::Channel
        | Access::System
        | Access::SystemOfAll => Need::Read,
    };
    graph_access(shard, &request.envelope, need, graph)
}

/// Whether the caller may write a graph that its operation named earlier.
pub(crate) fn write(shard: &Shard, envelope: &Envelope<'_>, graph: &Graph) -> Result<(), OpError> {
    graph_access(shard, envelope, Need::Write, graph)
}

/// Whether the caller may read another graph than that of the request: for operations that name several.
pub(crate) fn read(shard: &Shard, envelope: &Envelope<'_>, graph: &Graph) -> Result<(), OpError> {
    graph_access(shard, envelope, Need::Read, graph)
}

fn graph_access(shard: &Shard, envelope: &Envelope<'_>, need: Need, graph: &Graph) -> Result<(), OpError> {
    if shard.access.may(Caller::new(envelope.agent_id), need, graph) {
        return Ok(());
    }
    Err(lacks(shard, envelope, need, graph.name()))
}

fn lacks(shard: &Shard, envelope: &Envelope<'_>, need: Need, graph: &str) -> OpError {
    let agent = Caller::new(envelope.agent_id).to_string();
    deny(shard, Denied::Graph { agent, need, graph: graph.to_owned() })
}

/// What an operation that finds no graph answers a caller who may not know that there is none.
pub(crate) fn missing(shard: &Shard, envelope: &Envelope<'_>, need: Need, graph: &str) -> Option<OpError> {
    shard.access.hides(Caller::new(envelope.agent_id)).then(|| lacks(shard, envelope, need, graph))
}

/// Whether the caller may create a graph of this name and type, claimed by this tenant: those of a tenant are for the tenant.
pub(crate) fn create(
    shard: &Shard,
    envelope: &Envelope<'_>,
    graph: &str,
    kind: GraphType,
    claimed_by: Option<&str>,
) -> Result<(), OpError> {
    let allowed = shard.access.may_create(Caller::new(envelope.agent_id), graph, kind, claimed_by);
    allowed.map_err(|denied| deny(shard, denied))
}

/// Whether the caller may do what only a `System` identity may.
pub(crate) fn system(shard: &Shard, request: &Request<'_>) -> Result<(), OpError> {
    let caller = Caller::new(request.envelope.agent_id);
    if shard.access.is_system(caller) {
        return Ok(());
    }
    Err(deny(shard, Denied::NotSystem { agent: caller.to_string(), method: request.method().name() }))
}

/// Whether the caller may do something in the name of `agent`.
pub(crate) fn acts_as(shard: &Shard, envelope: &Envelope<'_>, agent: &str) -> Result<(), OpError> {
    let caller = Caller::new(envelope.agent_id);
    if caller.is(agent) || !shard.access.binds(caller) {
        return Ok(());
    }
    Err(deny(shard, Denied::Pretends { agent: caller.to_string(), other: agent.to_owned() }))
}

/// Whether the caller may see into the channel.
pub(crate) fn takes_part(shard: &Shard, envelope: &Envelope<'_>, channel: &str) -> Result<(), OpError> {
    let caller = Caller::new(envelope.agent_id);
    if !shard.access.binds(caller) {
        return Ok(());
    }
    // Also when the caller is anonymous: that a channel is missing comes first.
    let member = shard.channels.is_member(channel, caller.id().unwrap_or_default());
    if known(shard, caller, member)? && caller.id().is_some() {
        return Ok(());
    }
    Err(deny(shard, Denied::Outside { agent: caller.to_string(), channel: channel.to_owned() }))
}

/// Whether `agent` may become a member at the wish of the caller: who creates a channel invites to it.
pub(crate) fn may_join(
    shard: &Shard,
    envelope: &Envelope<'_>,
    channel: &str,
    agent: &str,
) -> Result<(), OpError> {
    let caller = Caller::new(envelope.agent_id);
    if !shard.access.binds(caller) {
        return Ok(());
    }
    let creates = shard.channels.is_creator(channel, caller.id().unwrap_or_default());
    if caller.id().is_some() && creates.is_ok_and(|creates| creates) {
        return Ok(());
    }
    acts_as(shard, envelope, agent)?;
    if known(shard, caller, shard.channels.admits(channel, agent))? {
        return Ok(());
    }
    Err(deny(shard, Denied::NotInvited { agent: caller.to_string(), channel: channel.to_owned() }))
}

/// Whether the caller may close the channel.
pub(crate) fn may_close(shard: &Shard, envelope: &Envelope<'_>, channel: &str) -> Result<(), OpError> {
    let caller = Caller::new(envelope.agent_id);
    if !shard.access.binds(caller) {
        return Ok(());
    }
    let creates = shard.channels.is_creator(channel, caller.id().unwrap_or_default());
    if known(shard, caller, creates)? && caller.id().is_some() {
        return Ok(());
    }
    takes_part(shard, envelope, channel)?;
    Err(deny(shard, Denied::NotCreator { agent: caller.to_string(), channel: channel.to_owned() }))
}

/// What is asked of a channel; no where there is none, for callers who may not know.
fn known(shard: &Shard, caller: Caller<'_>, asked: Result<bool, ChannelError>) -> Result<bool, ChannelError> {
    match asked {
        Err(ChannelError::NotFound(_)) if shard.access.hides(caller) => Ok(false),
        asked => asked,
    }
}

/// The error of a refusal, counted.
pub(crate) fn deny(shard: &Shard, denied: Denied) -> OpError {
    shard.metrics.access_denied();
    OpError::Denied(denied)
}
