//! Stored forms of channels, their counters and messages.

use serde::{Deserialize, Serialize};

use super::{ChannelType, Message};
use crate::{
    error::{Result, StoreError},
    space::Space,
};

/// What never changes of a channel, a MessagePack map so that fields can be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChannelRecord {
    pub(super) number: u64,
    #[serde(rename = "type")]
    pub(super) kind: ChannelType,
    pub(super) creator: String,
    pub(super) created_ms: u64,
    /// Left out where it is false, as before it was known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) open: bool,
}

impl ChannelRecord {
    pub(super) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("plain fields always encode")
    }

    pub(super) fn decode(channel: &str, bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes).map_err(|error| corrupt(format!("channel '{channel}': {error}")))
    }
}

/// Which messages of a channel there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Sequence of the oldest one kept.
    pub(super) first: u64,
    /// Sequence of the next one: as many were sent.
    pub(super) next: u64,
    /// Bytes of the kept ones' values.
    pub(super) bytes: u64,
}

impl Counters {
    /// Three 8-byte little-endian integers in field order.
    pub(super) fn encode(self) -> Vec<u8> {
        [self.first, self.next, self.bytes].iter().flat_map(|field| field.to_le_bytes()).collect()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        match *bytes.as_chunks::<8>().0 {
            [first, next, bytes_kept] if bytes.len() == 24 => Ok(Self {
                first: u64::from_le_bytes(first),
                next: u64::from_le_bytes(next),
                bytes: u64::from_le_bytes(bytes_kept),
            }),
            _ => Err(corrupt(format!("counters of {} bytes", bytes.len()))),
        }
    }

    pub(super) fn kept(self) -> u64 {
        self.next - self.first
    }
}

/// Unix milliseconds (8, little-endian), length of the sender (4, little-endian), sender, payload.
pub(super) fn encode_message(unix_ms: u64, sender: &str, payload: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(12 + sender.len() + payload.len());
    out.extend_from_slice(&unix_ms.to_le_bytes());
    out.extend_from_slice(&(sender.len() as u32).to_le_bytes());
    out.extend_from_slice(sender.as_bytes());
    out.extend_from_slice(payload.as_bytes());
    out
}

pub(super) fn decode_message(value: &[u8]) -> Result<Message> {
    parse_message(value).ok_or_else(|| corrupt("message of unknown form"))
}

fn parse_message(value: &[u8]) -> Option<Message> {
    let (unix_ms, rest) = value.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sender, payload) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some(Message { sender: text(sender)?, payload: text(payload)?, unix_ms: u64::from_le_bytes(*unix_ms) })
}

pub(super) fn corrupt(detail: impl Into<String>) -> StoreError {
    StoreError::corrupt(Space::Channels, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip_and_nothing_else_is_taken_for_one() {
        let value = encode_message(1_700_000_000_123, "é", "");
        assert_eq!(value[8..], [2, 0, 0, 0, 0xc3, 0xa9]);
        let message = Message { sender: "é".into(), payload: String::new(), unix_ms: 1_700_000_000_123 };
        assert_eq!(decode_message(&value), Ok(message));
        for length in 0..value.len() {
            assert!(decode_message(&value[..length]).is_err_and(|error| error.is_corruption()), "{length}");
        }
    }

    #[test]
    fn counters_round_trip_and_nothing_else_is_taken_for_them() {
        let counters = Counters { first: 1, next: u64::MAX, bytes: 3 };
        let value = counters.encode();
        assert_eq!(Counters::decode(&value), Ok(counters));
        assert!(Counters::decode(&value[1..]).is_err());
        assert!(Counters::decode(&[&value[..], &[0]].concat()).is_err());
    }
}
