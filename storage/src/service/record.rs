//! Header, trailer and records.

use serde::{Deserialize, Serialize};

use crate::{
    channels::ChannelType,
    stream::record::{Fields, put_bytes, put_sequence},
};

/// First chunk: what the stream is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the stream format.
    pub version: u32,
    /// Registered agents: above 0, access control is on.
    pub identities: u64,
    /// Open channels.
    pub channels: u64,
}

/// Last chunk: what the stream must have held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Registered agents.
    pub identities: u64,
    /// Open channels.
    pub channels: u64,
    /// Messages of all channels.
    pub messages: u64,
    /// SHA-256 of all records, lower-case hexadecimal.
    pub digest: String,
}

/// A channel without its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChannelCopy {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: ChannelType,
    pub(crate) creator: String,
    pub(crate) created_ms: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) open: bool,
    pub(crate) members: Vec<String>,
    /// Sequence of the first message that follows, and so the number of those that were dropped.
    pub(crate) first: u64,
}

const IDENTITY: u8 = 1;
const CHANNEL: u8 = 2;
const MESSAGE: u8 = 3;

/// One record of the stream. `identity` and `value` are stored forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'p> {
    Identity { agent: &'p str, identity: &'p [u8] },
    Channel(&'p [u8]),
    Message { sequence: u64, value: &'p [u8] },
}

impl<'p> Record<'p> {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match *self {
            Record::Identity { agent, identity } => {
                out.push(IDENTITY);
                put_bytes(out, agent.as_bytes());
                put_bytes(out, identity);
            }
            Record::Channel(channel) => {
                out.push(CHANNEL);
                put_bytes(out, channel);
            }
            Record::Message { sequence, value } => {
                out.push(MESSAGE);
                put_sequence(out, sequence);
                put_bytes(out, value);
            }
        }
    }

    /// The record at the front; `None` when it is not all there.
    pub(super) fn take(fields: &mut Fields<'p>) -> Option<Self> {
        let (&tag, rest) = fields.rest.split_first()?;
        fields.rest = rest;
        match tag {
            IDENTITY => Some(Record::Identity { agent: fields.text()?, identity: fields.bytes()? }),
            CHANNEL => Some(Record::Channel(fields.bytes()?)),
            MESSAGE => Some(Record::Message { sequence: fields.sequence()?, value: fields.bytes()? }),
            _ => None,
        }
    }
}
