//! Channels: groups of agents that exchange messages, durable beside the graphs.
//!
//! Who is in which channel is kept in memory, messages are read from the store. Changes wait for the next group of commits,
//! which has them in its one batch (`change` makes them on a copy of the state, `kept` has what waits); the copy becomes the
//! state when the batch is committed. Closing a channel removes it with all its messages.

mod change;
mod error;
mod kept;
mod open;
mod record;

pub use error::ChannelError;
use imbl::OrdSet;
pub use open::Channels;
pub(crate) use open::{copies, for_each_size};
use record::{ChannelRecord, Counters};
use serde::{Deserialize, Serialize};

use crate::limits::name_bytes;

/// Who takes part in a channel. The order is that of the protocol's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChannelType {
    /// Two agents, the same until its end.
    PeerToPeer,
    /// Any number; agents join and leave.
    Group,
}

impl ChannelType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            ChannelType::PeerToPeer => "PeerToPeer",
            ChannelType::Group => "Group",
        }
    }
}

/// A channel that is to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewChannel<'a> {
    /// Its type.
    pub kind: ChannelType,
    /// The first member.
    pub creator: &'a str,
    /// The other members; the creator may be among them.
    pub members: &'a [&'a str],
    /// Whether everybody may join.
    pub open: bool,
}

/// What is kept of a channel's messages: the oldest are dropped beyond either bound, the newest never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Messages.
    pub messages: u64,
    /// Bytes of messages, senders included.
    pub bytes: u64,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who sent it.
    pub sender: String,
    /// What.
    pub payload: String,
    /// When, Unix milliseconds.
    pub unix_ms: u64,
}

/// An open channel in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: ChannelType,
    /// Number of members.
    pub members: usize,
}

/// Closing record of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Its type.
    pub kind: ChannelType,
    /// Who created it.
    pub creator: String,
    /// Its members at the end.
    pub participants: Vec<String>,
    /// Messages sent, dropped ones included.
    pub message_count: u64,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// Unix milliseconds.
    pub closed_ms: u64,
}

/// An open channel; its members are shared by its clones.
#[derive(Clone)]
struct Channel {
    record: ChannelRecord,
    members: OrdSet<String>,
    counters: Counters,
}

impl Channel {
    /// What the names in it count, its own too ([`crate::limits::MAX_NAMES`]).
    fn names(&self, id: &str) -> usize {
        let members = self.members.iter().map(|member| name_bytes(member));
        name_bytes(id) + name_bytes(&self.record.creator) + members.sum::<usize>()
    }
}
