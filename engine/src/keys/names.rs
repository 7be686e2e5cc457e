//! Whether a key may use a method with the names that a request carries. Asked before any graph is looked up, so that what is
//! there and what is not are refused alike. Names are read as the operation itself reads them.

use epistemic_keys::Role;
use epistemic_protocol::ErrorCode;
use epistemic_storage::graph::COMMONS;

use super::{
    carried::{InChannel, Names},
    claims::tenant_fits,
    grant::Grant,
    least_role::LeastRole,
};
use crate::{
    operations::transactions,
    request::{error::OpError, incoming::Request, operation::NewGraph},
    shard::Shard,
};

/// What a key may not do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Forbidden {
    #[error("{code}: key '{key}' may not use graph '{graph}'", code = ErrorCode::AccessDenied)]
    Graph { key: String, graph: String },
    #[error("{code}: key '{key}' may not use channel '{channel}'", code = ErrorCode::AccessDenied)]
    Channel { key: String, channel: String },
    #[error("{code}: key '{key}' ({role}) may not use {method}", code = ErrorCode::AccessDenied)]
    Method { key: String, role: Role, method: &'static str },
    #[error("{code}: key '{key}' may not act as '{agent}'", code = ErrorCode::AccessDenied)]
    Agent { key: String, agent: String },
    #[error("{code}: key '{key}' may not claim graphs for tenant '{tenant}'", code = ErrorCode::AccessDenied)]
    Tenant { key: String, tenant: String },
    #[error("{code}: key '{key}' may not restore a graph of owner '{owner}'", code = ErrorCode::AccessDenied)]
    Owner { key: String, owner: String },
}

/// Whether the key of the connection may do this. Nothing is asked where there are no keys.
///
/// # Errors
/// It may not, or its parameters cannot be read. Nothing was looked up but a transaction.
pub(crate) fn check(shard: &Shard, request: &Request<'_>) -> Result<(), OpError> {
    let Some(grant) = request.peer.grant() else { return Ok(()) };
    if grant.role() == Role::System {
        return Ok(());
    }
    let checked = allowed(shard, grant, request);
    checked.inspect_err(|error| {
        if matches!(error, OpError::Forbidden(_)) {
            shard.metrics.access_denied();
        }
    })
}

fn allowed(shard: &Shard, grant: &Grant, request: &Request<'_>) -> Result<(), OpError> {
    let Request { operation, envelope, .. } = *request;
    let (method, raw, graph) = (operation.method, envelope.params, envelope.graph);
    let copy = match operation.names {
        Names::Copy(copied) => copied(method, raw).transpose(),
        Names::None
        | Names::Listed
        | Names::Graph
        | Names::Both(_)
        | Names::Several(_)
        | Names::Named(_)
        | Names::Made(_)
        | Names::Begun(_)
        | Names::Transaction
        | Names::Transfer
        | Names::Channel(_)
        | Names::All => None,
    };
    let least = if copy.is_some() { LeastRole::Owner } else { operation.least_role };
    if !least.is_had_by(grant.role()) {
        return Err(lacks(grant, method.name()).into());
    }
    if !grant.is_confined() {
        return Ok(());
    }
    match operation.names {
        Names::None => return Ok(()),
        Names::Graph => return Ok(sees(grant, graph)?),
        Names::Both(second) => {
            sees(grant, graph)?;
            sees(grant, second(method, raw)?)?;
        }
        Names::Several(graphs) => {
            sees(grant, graph)?;
            for graph in graphs(method, raw)? {
                sees(grant, graph)?;
            }
        }
        Names::Copy(_) => {
            sees(grant, graph)?;
            if let Some(copy) = copy {
                sees(grant, copy?)?;
            }
        }
        Names::Named(named) => sees(grant, named(method, raw)?)?,
        Names::Made(made) => {
            let Some(NewGraph { name, claimed_by, .. }) = made(method, raw)? else {
                return Err(lacks(grant, "RestoreOpen with move_id").into());
            };
            sees(grant, name)?;
            tenant_fits(grant, name, claimed_by)?;
        }
        Names::Begun(named) => sees(grant, named(method, raw)?.unwrap_or(graph))?,
        Names::Transaction => {
            // One that is not there is told by the operation.
            if let Some(graph) = transactions::graph_name(shard, method, &envelope)? {
                sees(grant, &graph)?;
            }
        }
        Names::Channel(named) => channel(grant, named(method, raw)?)?,
        Names::Listed | Names::Transfer | Names::All => {}
    }
    // It counts on the account of the graph that it names, which is not to be another's.
    if graph.is_empty() || graph == COMMONS { Ok(()) } else { Ok(sees(grant, graph)?) }
}

fn lacks(grant: &Grant, method: &'static str) -> Forbidden {
    Forbidden::Method { key: grant.id().to_owned(), role: grant.role(), method }
}

fn sees(grant: &Grant, graph: &str) -> Result<(), Forbidden> {
    if grant.sees(graph) {
        return Ok(());
    }
    Err(Forbidden::Graph { key: grant.id().to_owned(), graph: graph.to_owned() })
}

/// The channel, and who acts in it.
fn channel(grant: &Grant, InChannel { channel, agent }: InChannel<'_>) -> Result<(), Forbidden> {
    let key = || grant.id().to_owned();
    if !grant.sees(channel) {
        return Err(Forbidden::Channel { key: key(), channel: channel.to_owned() });
    }
    match agent.filter(|agent| !grant.acts_as(agent)) {
        Some(agent) => Err(Forbidden::Agent { key: key(), agent: agent.to_owned() }),
        None => Ok(()),
    }
}
