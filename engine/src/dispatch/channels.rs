//! The operations on channels and identities.

use epistemic_storage::{
    channels::{ChannelError, Closed, Listed, Message, NewChannel},
    identities::{Identity, Role},
};

use super::{
    OpError, Request, access,
    reads::strings,
    service::{field_str, field_uint},
};
use crate::{
    access::Caller,
    shard::Shard,
    wire::{Method, encode, params},
};

impl From<ChannelError> for OpError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Store(error) => OpError::Graph(error.into()),
            ChannelError::NotFound(_)
            | ChannelError::Exists(_)
            | ChannelError::NotTwo
            | ChannelError::NoJoin
            | ChannelError::Limit(_)
            | ChannelError::NotAMember { .. }
            | _ => OpError::Text(error.to_string()),
        }
    }
}

/// Runs an operation on a channel. Blocks.
pub(super) fn channel(shard: &Shard, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let Request { method, envelope, .. } = *request;
    let (raw, channels) = (envelope.params, &shard.channels);
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only these here")]
    match method {
        Method::CreateChannel => {
            let params::CreateChannel { channel_id, channel_type: kind, creator, initial_members, open } =
                params::params(method, raw)?;
            access::acts_as(shard, &envelope, creator)?;
            let new = NewChannel { kind, creator, members: &initial_members, open };
            channels.create_new(channel_id, new)?;
            encode::map(out, 1);
            field_str(out, "channel", channel_id);
        }
        Method::JoinChannel => {
            let params::ChannelAgent { channel_id, agent_id } = params::params(method, raw)?;
            access::may_join(shard, &envelope, channel_id, agent_id)?;
            channels.join(channel_id, agent_id)?;
            encode::str(out, "joined");
        }
        Method::LeaveChannel => {
            let params::ChannelAgent { channel_id, agent_id } = params::params(method, raw)?;
            access::acts_as(shard, &envelope, agent_id)?;
            match channels.leave(channel_id, agent_id)? {
                Some(end) => closed(out, channel_id, &end, None, None),
                None => encode::str(out, "left"),
            }
        }
        Method::CloseChannel => {
            let params::CloseChannel { channel_id, summary_embedding, topic_metadata } =
                params::params(method, raw)?;
            access::may_close(shard, &envelope, channel_id)?;
            let end = channels.close(channel_id)?;
            closed(out, channel_id, &end, summary_embedding.as_deref(), topic_metadata);
        }
        Method::SendMessage => {
            let params::SendMessage { channel_id, sender, payload } = params::params(method, raw)?;
            access::acts_as(shard, &envelope, sender)?;
            channels.send(channel_id, sender, payload)?;
            encode::str(out, "sent");
        }
        Method::GetChannelMessages => {
            let params::ChannelMessages { channel_id, limit } = params::params(method, raw)?;
            access::takes_part(shard, &envelope, channel_id)?;
            messages(out, &channels.messages(channel_id, limit)?);
        }
        Method::GetChannelMembers => {
            let params::Channel { channel_id } = params::params(method, raw)?;
            access::takes_part(shard, &envelope, channel_id)?;
            strings(out, &channels.members(channel_id)?);
        }
        Method::ListChannels => {
            params::no_params(method, raw)?;
            let list = listed(shard, Caller::new(envelope.agent_id))?;
            encode::array(out, list.len());
            for channel in list {
                encode::map(out, 3);
                field_str(out, "id", &channel.id);
                field_str(out, "type", channel.kind.name());
                field_uint(out, "members", channel.members as u64);
            }
        }
        other => return Err(OpError::Text(format!("{other} is no operation on channels"))),
    }
    Ok(())
}

/// The channels that the caller may know of: with access control on, his own.
fn listed(shard: &Shard, caller: Caller<'_>) -> Result<Vec<Listed>, ChannelError> {
    if !shard.access.binds(caller) {
        return shard.channels.list(None);
    }
    caller.id().map_or(Ok(Vec::new()), |agent| shard.channels.list(Some(agent)))
}

/// `RegisterIdentity`. Blocks.
pub(super) fn register(shard: &Shard, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let Request { method, envelope, .. } = *request;
    let params::RegisterIdentity { agent_id, role, teams, .. } = params::params(method, envelope.params)?;
    let caller = Caller::new(envelope.agent_id);
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

/// `UnregisterIdentity`. Blocks.
pub(super) fn unregister(shard: &Shard, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), OpError> {
    let params::Agent { agent_id } = params::params(request.method, request.envelope.params)?;
    if !shard.access.identities.unregister(agent_id)? {
        let by_flag =
            if shard.access.is_configured(agent_id) { ": it is System by --system-agent" } else { "" };
        return Err(OpError::Text(format!("Agent '{agent_id}' is not registered{by_flag}")));
    }
    tracing::info!(agent = agent_id, by = %Caller::new(request.envelope.agent_id), "an identity was removed");
    encode::str(out, "unregistered");
    Ok(())
}

/// `ListIdentities`.
pub(super) fn list_identities(shard: &Shard, out: &mut Vec<u8>) {
    let list = shard.access.identities.list();
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
}

fn closed(out: &mut Vec<u8>, id: &str, end: &Closed, summary: Option<&[f32]>, topic: Option<&str>) {
    encode::map(out, 9);
    field_str(out, "channel_id", id);
    field_str(out, "channel_type", end.kind.name());
    field_str(out, "creator", &end.creator);
    encode::str(out, "participants");
    strings(out, &end.participants);
    field_uint(out, "message_count", end.message_count);
    field_uint(out, "created_at", end.created_ms / 1000);
    field_uint(out, "closed_at", end.closed_ms / 1000);
    encode::str(out, "summary_embedding");
    match summary {
        Some(components) => {
            encode::array(out, components.len());
            for &component in components {
                if component.is_finite() {
                    encode::float(out, component.into());
                } else {
                    encode::nil(out);
                }
            }
        }
        None => encode::nil(out),
    }
    encode::str(out, "topic_metadata");
    match topic {
        Some(text) => encode::str(out, text),
        None => encode::nil(out),
    }
}

fn messages(out: &mut Vec<u8>, messages: &[Message]) {
    encode::array(out, messages.len());
    for message in messages {
        encode::map(out, 3);
        field_str(out, "sender", &message.sender);
        field_str(out, "payload", &message.payload);
        field_uint(out, "timestamp", message.unix_ms / 1000);
    }
}
