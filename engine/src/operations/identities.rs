//! Identities: registered, removed, listed.

use epistemic_storage::identities::{Identity, Role};
use serde::Deserialize;

use crate::{
    access::Caller,
    request::{access, error::OpError, service::ServiceCall},
    wire::{DecodeError, Method, NoParams, Params, encode, field_str, strings, text, texts},
};

/// `RegisterIdentity`
#[derive(Debug, Deserialize)]
pub(crate) struct RegisterIdentity<'a> {
    /// Who is registered.
    #[serde(borrow, deserialize_with = "text")]
    agent_id: &'a str,
    /// As what.
    role: Role,
    /// In which teams.
    #[serde(borrow, deserialize_with = "texts")]
    teams: Vec<&'a str>,
    #[expect(dead_code, reason = "has to be there; nothing says what it would prove")]
    #[serde(borrow, deserialize_with = "text")]
    signature: &'a str,
}

/// `UnregisterIdentity`
#[derive(Debug, Deserialize)]
pub(crate) struct Agent<'a> {
    /// Who is removed.
    #[serde(borrow, deserialize_with = "text")]
    agent_id: &'a str,
}

/// Whom `RegisterIdentity` or `UnregisterIdentity` is about.
pub(crate) fn agent(method: Method, raw: Option<&[u8]>) -> Result<&str, DecodeError> {
    Ok(Agent::decode(method, raw)?.agent_id)
}

/// `RegisterIdentity`
pub(super) fn register(
    call: &ServiceCall<'_>,
    RegisterIdentity { agent_id, role, teams, .. }: RegisterIdentity<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let shard = call.shard;
    let caller = Caller::new(call.request.envelope.agent_id);
    let teams = teams.into_iter().map(str::to_owned).collect();
    let new_role = role.clone();
    let identity = Identity::new(role, teams);
    shard.access.identities.register(agent_id, identity, || {
        let checked = shard.access.may_register(caller, agent_id, &new_role);
        checked.map_err(|denied| access::deny(shard, denied))
    })?;
    encode::str(out, "registered");
    Ok(())
}

/// `UnregisterIdentity`
pub(super) fn unregister(
    call: &ServiceCall<'_>,
    Agent { agent_id }: Agent<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let (shard, caller) = (call.shard, Caller::new(call.request.envelope.agent_id));
    if !shard.access.identities.unregister(agent_id)? {
        let by_flag =
            if shard.access.is_configured(agent_id) { ": it is System by --system-agent" } else { "" };
        return Err(OpError::Text(format!("Agent '{agent_id}' is not registered{by_flag}")));
    }
    tracing::info!(agent = agent_id, by = %caller, "an identity was removed");
    encode::str(out, "unregistered");
    Ok(())
}

/// `ListIdentities`
pub(super) fn list(call: &ServiceCall<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), OpError> {
    let list = call.shard.access.identities.list();
    encode::array(out, list.len());
    for (agent, identity) in list {
        encode::map(out, 4);
        field_str(out, "agent_id", &agent);
        field_str(out, "role", identity.role.name());
        encode::str(out, "subordinates");
        match &identity.role {
            Role::Manager { subordinates } => strings(out, subordinates),
            Role::System | Role::Agent => encode::array(out, 0),
        }
        encode::str(out, "teams");
        strings(out, &identity.teams);
    }
    Ok(())
}
