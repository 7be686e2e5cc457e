//! Channels: made, joined, left, closed, written to and read.

use epistemic_storage::channels::{ChannelError, ChannelType, Closed, Listed, Message, NewChannel};
use serde::Deserialize;

use crate::{
    access::Caller,
    keys::InChannel,
    request::{access, error::OpError, service::ServiceCall},
    shard::Shard,
    wire::{
        DecodeError, Method, NoParams, Params, encode, field_str, field_uint, str_or_nil, strings, text,
        text_or_nil, texts,
    },
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

/// `CreateChannel`
#[derive(Debug, Deserialize)]
pub(crate) struct CreateChannel<'a> {
    /// Id of the channel, free or that of a closed one.
    #[serde(borrow, deserialize_with = "text")]
    channel_id: &'a str,
    /// Who may take part.
    channel_type: ChannelType,
    /// The first member.
    #[serde(borrow, deserialize_with = "text")]
    creator: &'a str,
    /// The other members; the creator may be among them.
    #[serde(borrow, deserialize_with = "texts")]
    initial_members: Vec<&'a str>,
    /// Whether everybody may join when there is access control; an addition of ours.
    #[serde(default)]
    open: bool,
}

/// `JoinChannel`, `LeaveChannel`
#[derive(Debug, Deserialize)]
pub(crate) struct ChannelAgent<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    channel_id: &'a str,
    /// Who joins or leaves.
    #[serde(borrow, deserialize_with = "text")]
    agent_id: &'a str,
}

/// `CloseChannel`
#[derive(Debug, Deserialize)]
pub(crate) struct CloseChannel<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    channel_id: &'a str,
    /// Returned with the closing record.
    #[serde(default)]
    summary_embedding: Option<Vec<f32>>,
    /// Returned with the closing record.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    topic_metadata: Option<&'a str>,
}

/// `SendMessage`
#[derive(Debug, Deserialize)]
pub(crate) struct SendMessage<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    channel_id: &'a str,
    /// A member of the channel.
    #[serde(borrow, deserialize_with = "text")]
    sender: &'a str,
    /// Kept as it is.
    #[serde(borrow, deserialize_with = "text")]
    payload: &'a str,
}

/// `GetChannelMessages`
#[derive(Debug, Deserialize)]
pub(crate) struct ChannelMessages<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    channel_id: &'a str,
    /// Most messages to return, the newest; all without it.
    #[serde(default)]
    limit: Option<usize>,
}

/// `GetChannelMembers`
#[derive(Debug, Deserialize)]
pub(crate) struct Channel<'a> {
    /// Id of the channel.
    #[serde(borrow, deserialize_with = "text")]
    channel_id: &'a str,
}

/// What `CreateChannel` names.
pub(super) fn created_by<'a>(method: Method, raw: Option<&'a [u8]>) -> Result<InChannel<'a>, DecodeError> {
    let CreateChannel { channel_id: channel, creator, .. } = Params::decode(method, raw)?;
    Ok(InChannel { channel, agent: Some(creator) })
}

/// What `JoinChannel` and `LeaveChannel` name.
pub(super) fn of_agent<'a>(method: Method, raw: Option<&'a [u8]>) -> Result<InChannel<'a>, DecodeError> {
    let ChannelAgent { channel_id: channel, agent_id } = Params::decode(method, raw)?;
    Ok(InChannel { channel, agent: Some(agent_id) })
}

/// What `SendMessage` names.
pub(super) fn sent_by<'a>(method: Method, raw: Option<&'a [u8]>) -> Result<InChannel<'a>, DecodeError> {
    let SendMessage { channel_id: channel, sender, .. } = Params::decode(method, raw)?;
    Ok(InChannel { channel, agent: Some(sender) })
}

/// What `CloseChannel`, `GetChannelMessages` and `GetChannelMembers` name.
pub(super) fn of_anybody<'a>(method: Method, raw: Option<&'a [u8]>) -> Result<InChannel<'a>, DecodeError> {
    let Channel { channel_id: channel } = Params::decode(method, raw)?;
    Ok(InChannel { channel, agent: None })
}

/// `CreateChannel`
pub(super) fn create(
    call: &ServiceCall<'_>,
    CreateChannel { channel_id, channel_type: kind, creator, initial_members, open }: CreateChannel<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    access::acts_as(call.shard, &call.request.envelope, creator)?;
    let new = NewChannel { kind, creator, members: &initial_members, open };
    call.shard.channels.create_new(channel_id, new)?;
    encode::map(out, 1);
    field_str(out, "channel", channel_id);
    Ok(())
}

/// `JoinChannel`
pub(super) fn join(
    call: &ServiceCall<'_>,
    ChannelAgent { channel_id, agent_id }: ChannelAgent<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    access::may_join(call.shard, &call.request.envelope, channel_id, agent_id)?;
    call.shard.channels.join(channel_id, agent_id)?;
    encode::str(out, "joined");
    Ok(())
}

/// `LeaveChannel`
pub(super) fn leave(
    call: &ServiceCall<'_>,
    ChannelAgent { channel_id, agent_id }: ChannelAgent<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    access::acts_as(call.shard, &call.request.envelope, agent_id)?;
    match call.shard.channels.leave(channel_id, agent_id)? {
        Some(end) => closed(out, channel_id, &end, None, None),
        None => encode::str(out, "left"),
    }
    Ok(())
}

/// `CloseChannel`
pub(super) fn close(
    call: &ServiceCall<'_>,
    CloseChannel { channel_id, summary_embedding, topic_metadata }: CloseChannel<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    access::may_close(call.shard, &call.request.envelope, channel_id)?;
    let end = call.shard.channels.close(channel_id)?;
    closed(out, channel_id, &end, summary_embedding.as_deref(), topic_metadata);
    Ok(())
}

/// `SendMessage`
pub(super) fn send(
    call: &ServiceCall<'_>,
    SendMessage { channel_id, sender, payload }: SendMessage<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    access::acts_as(call.shard, &call.request.envelope, sender)?;
    call.shard.channels.send(channel_id, sender, payload)?;
    encode::str(out, "sent");
    Ok(())
}

/// `GetChannelMessages`
pub(super) fn messages(
    call: &ServiceCall<'_>,
    ChannelMessages { channel_id, limit }: ChannelMessages<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    access::takes_part(call.shard, &call.request.envelope, channel_id)?;
    let messages = call.shard.channels.messages(channel_id, limit)?;
    encode::array(out, messages.len());
    messages.iter().for_each(|message| encode_message(out, message));
    Ok(())
}

/// `GetChannelMembers`
pub(super) fn members(
    call: &ServiceCall<'_>,
    Channel { channel_id }: Channel<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    access::takes_part(call.shard, &call.request.envelope, channel_id)?;
    strings(out, &call.shard.channels.members(channel_id)?);
    Ok(())
}

/// `ListChannels`
pub(super) fn list(call: &ServiceCall<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), OpError> {
    let mut list = listed(call.shard, Caller::new(call.request.envelope.agent_id))?;
    list.retain(|channel| call.request.peer.sees(&channel.id));
    encode::array(out, list.len());
    for channel in list {
        encode::map(out, 3);
        field_str(out, "id", &channel.id);
        field_str(out, "type", channel.kind.name());
        field_uint(out, "members", channel.members as u64);
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
    str_or_nil(out, topic);
}

fn encode_message(out: &mut Vec<u8>, message: &Message) {
    encode::map(out, 3);
    field_str(out, "sender", &message.sender);
    field_str(out, "payload", &message.payload);
    field_uint(out, "timestamp", message.unix_ms / 1000);
}
