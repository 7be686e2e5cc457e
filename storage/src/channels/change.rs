//! Changes of channels, applied to a state that is not published yet.

use std::collections::HashMap;

use imbl::OrdSet;

use super::{
    Channel, ChannelError, ChannelType, Closed, Keep,
    kept::ById,
    record::{ChannelRecord, Counters, corrupt, encode_message},
};
use crate::{
    batch::WriteBatch,
    clock,
    error::Result,
    keys,
    limits::{self, MAX_CHANNELS, MAX_MEMBERS, name_bytes},
    service::ChannelCopy,
    space::Space,
    store::{ScanOptions, Store},
};

/// Up to this many messages are deleted key by key: cheaper for later reads than a range tombstone.
const FEW: u64 = 64;

/// What is to be done. Names are checked already, each for itself.
pub(super) enum Change {
    Create { id: String, kind: ChannelType, creator: String, members: OrdSet<String>, open: bool },
    Join { id: String, agent: String },
    Leave { id: String, agent: String },
    Close { id: String },
    Send { id: String, sender: String, payload: String },
    Install { channel: Box<ChannelCopy>, messages: Vec<Vec<u8>> },
}

/// What was done.
#[derive(Debug)]
pub(super) enum Changed {
    Done,
    /// Nothing, as it was so already.
    Not,
    Closed(Box<Closed>),
}

impl Change {
    /// What it costs its group, in bytes, about.
    pub(super) fn cost(&self) -> usize {
        match self {
            Change::Create { id, creator, members, .. } => {
                id.len() + creator.len() + members.iter().map(String::len).sum::<usize>()
            }
            Change::Join { id, agent } | Change::Leave { id, agent } => id.len() + agent.len(),
            Change::Close { id } => id.len(),
            Change::Send { id, sender, payload } => id.len() + sender.len() + payload.len(),
            Change::Install { messages, .. } => messages.iter().map(Vec::len).sum(),
        }
    }
}

/// The channels while a group is built: what earlier changes of it have done is there, and nobody else sees it.
pub(super) struct Working<'s> {
    pub(super) open: ById,
    /// What their names count.
    pub(super) names: usize,
    most_names: usize,
    keep: Keep,
    store: &'s dyn Store,
    /// Lengths of messages that are in the batch but not in the store, by channel and sequence.
    new: HashMap<(u64, u64), u64>,
}

impl<'s> Working<'s> {
    pub(super) fn new(
        open: ById,
        (names, most_names): (usize, usize),
        keep: Keep,
        store: &'s dyn Store,
    ) -> Self {
        Self { open, names, most_names, keep, store, new: HashMap::new() }
    }

    /// Makes a change and adds its records to the batch; a refused one changes nothing.
    pub(super) fn apply(&mut self, change: Change, batch: &mut WriteBatch) -> Result<Changed, ChannelError> {
        let before = batch.len();
        let made = self.make(change, batch);
        if made.is_err() {
            batch.truncate(before);
        }
        made
    }

    fn make(&mut self, change: Change, batch: &mut WriteBatch) -> Result<Changed, ChannelError> {
        match change {
            Change::Create { id, kind, creator, members, open } => {
                if self.open.contains_key(&id) {
                    return Err(ChannelError::Exists(id));
                }
                self.check_count(&members)?;
                if kind == ChannelType::PeerToPeer && members.len() != 2 {
                    return Err(ChannelError::NotTwo);
                }
                let (number, created_ms) = (self.free_number(), clock::unix_ms());
                let record = ChannelRecord { number, kind, creator, created_ms, open };
                self.insert(id, Channel { record, members, counters: Counters::default() }, batch)?;
                Ok(Changed::Done)
            }
            Change::Join { id, agent } => self.join(&id, agent, batch),
            Change::Leave { id, agent } => self.leave(&id, &agent, batch),
            Change::Close { id } => self.close(&id, batch),
            Change::Send { id, sender, payload } => self.send(&id, sender, &payload, batch),
            Change::Install { channel, messages } => self.install(*channel, &messages, batch),
        }
    }

    fn join(&mut self, id: &str, agent: String, batch: &mut WriteBatch) -> Result<Changed, ChannelError> {
        let channel = self.channel(id)?;
        if channel.record.kind == ChannelType::PeerToPeer {
            return Err(ChannelError::NoJoin);
        }
        if channel.members.contains(&agent) {
            return Ok(Changed::Not);
        }
        limits::check_name("agent_id", &agent)?;
        limits::check_count("members", channel.members.len() + 1, MAX_MEMBERS)?;
        let (number, counted) = (channel.record.number, name_bytes(&agent));
        self.check_names(counted)?;
        batch.put(Space::Channels, keys::channel_member(number, &agent), b"");
        self.channel(id)?.members.insert(agent);
        self.names += counted;
        Ok(Changed::Done)
    }

    fn leave(&mut self, id: &str, agent: &str, batch: &mut WriteBatch) -> Result<Changed, ChannelError> {
        let channel = self.channel(id)?;
        if !channel.members.contains(agent) {
            return Ok(Changed::Not);
        }
        if channel.members.len() == 1 {
            let mut changed = self.close(id, batch)?;
            if let Changed::Closed(closed) = &mut changed {
                closed.participants.clear();
            }
            return Ok(changed);
        }
        batch.delete(Space::Channels, keys::channel_member(channel.record.number, agent));
        channel.members.remove(agent);
        self.names -= name_bytes(agent);
        Ok(Changed::Done)
    }

    fn close(&mut self, id: &str, batch: &mut WriteBatch) -> Result<Changed, ChannelError> {
        let channel = self.open.remove(id).ok_or_else(|| ChannelError::NotFound(id.to_owned()))?;
        self.names -= channel.names(id);
        let Channel { record, members, counters } = channel;
        let number = record.number;
        batch.delete(Space::Channels, keys::channel(id));
        batch.delete(Space::Channels, keys::channel_counters(number));
        for member in &members {
            batch.delete(Space::Channels, keys::channel_member(number, member));
        }
        if counters.kept() <= FEW {
            for sequence in counters.first..counters.next {
                batch.delete(Space::Channels, keys::message(number, sequence));
            }
        } else {
            let (first, end) = (keys::message(number, counters.first), keys::message(number, counters.next));
            batch.delete_range(Space::Channels, first, end);
        }
        // Its number may be used again, from the first message on.
        self.new.retain(|(channel, _), _| *channel != number);
        Ok(Changed::Closed(Box::new(Closed {
            kind: record.kind,
            creator: record.creator,
            participants: members.into_iter().collect(),
            message_count: counters.next,
            created_ms: record.created_ms,
            closed_ms: clock::unix_ms(),
        })))
    }

    fn send(
        &mut self,
        id: &str,
        agent: String,
        payload: &str,
        batch: &mut WriteBatch,
    ) -> Result<Changed, ChannelError> {
        let channel = self.channel(id)?;
        if !channel.members.contains(&agent) {
            return Err(ChannelError::NotAMember { agent, channel: id.to_owned() });
        }
        let (number, mut counters) = (channel.record.number, channel.counters);
        let (sequence, value) = (counters.next, encode_message(clock::unix_ms(), &agent, payload));
        batch.put(Space::Channels, keys::message(number, sequence), &value);
        counters.next += 1;
        counters.bytes += value.len() as u64;
        self.drop_oldest(number, &mut counters, batch)?;
        batch.put(Space::Channels, keys::channel_counters(number), counters.encode());
        self.channel(id)?.counters = counters;
        self.new.insert((number, sequence), value.len() as u64);
        Ok(Changed::Done)
    }

    /// Removes the oldest messages until the rest may be kept; the newest, which was just added, always is.
    fn drop_oldest(&self, number: u64, counters: &mut Counters, batch: &mut WriteBatch) -> Result<()> {
        let Keep { messages, bytes } = self.keep;
        let too_many = |counters: &Counters| {
            counters.kept() > 1 && (counters.kept() > messages || counters.bytes > bytes)
        };
        let mut stored = None;
        while too_many(counters) {
            let length = match self.new.get(&(number, counters.first)) {
                Some(length) => *length,
                None => {
                    let cursor = match &mut stored {
                        Some(cursor) => cursor,
                        None => {
                            let range = keys::messages_from(number, counters.first);
                            stored.insert(self.store.scan(Space::Channels, range, ScanOptions::FORWARD)?)
                        }
                    };
                    let (_, value) = cursor.next()?.ok_or_else(|| corrupt("fewer messages than counted"))?;
                    value.len() as u64
                }
            };
            batch.delete(Space::Channels, keys::message(number, counters.first));
            counters.first += 1;
            counters.bytes = counters.bytes.saturating_sub(length);
        }
        Ok(())
    }

    fn install(
        &mut self,
        channel: ChannelCopy,
        messages: &[Vec<u8>],
        batch: &mut WriteBatch,
    ) -> Result<Changed, ChannelError> {
        let ChannelCopy { id, kind, creator, created_ms, open, members, first } = channel;
        let members: OrdSet<String> = members.into_iter().collect();
        if self.open.contains_key(&id) {
            return Ok(Changed::Not);
        }
        self.check_count(&members)?;
        let kept = newest(messages, self.keep);
        // Those that are left out were sent all the same.
        let first = first + (messages.len() - kept.len()) as u64;
        let mut counters = Counters { first, next: first, bytes: 0 };
        let number = self.free_number();
        let record = ChannelRecord { number, kind, creator, created_ms, open };
        let mut new = Vec::with_capacity(kept.len());
        for value in kept {
            batch.put(Space::Channels, keys::message(number, counters.next), value);
            new.push(((number, counters.next), value.len() as u64));
            counters.next += 1;
            counters.bytes += value.len() as u64;
        }
        self.insert(id, Channel { record, members, counters }, batch)?;
        self.new.extend(new);
        Ok(Changed::Done)
    }

    fn insert(&mut self, id: String, channel: Channel, batch: &mut WriteBatch) -> Result<(), ChannelError> {
        let (number, names) = (channel.record.number, channel.names(&id));
        self.check_names(names)?;
        batch.put(Space::Channels, keys::channel(&id), channel.record.encode());
        batch.put(Space::Channels, keys::channel_counters(number), channel.counters.encode());
        for member in &channel.members {
            batch.put(Space::Channels, keys::channel_member(number, member), b"");
        }
        self.open.insert(id, channel);
        self.names += names;
        Ok(())
    }

    fn channel(&mut self, id: &str) -> Result<&mut Channel, ChannelError> {
        self.open.get_mut(id).ok_or_else(|| ChannelError::NotFound(id.to_owned()))
    }

    fn check_count(&self, members: &OrdSet<String>) -> Result<(), ChannelError> {
        limits::check_count("channels", self.open.len() + 1, MAX_CHANNELS)?;
        Ok(limits::check_count("members", members.len(), MAX_MEMBERS)?)
    }

    /// Whether names that count so much more may be there.
    fn check_names(&self, more: usize) -> Result<(), ChannelError> {
        Ok(limits::check_names("channels", self.names.saturating_add(more), self.most_names)?)
    }

    /// The records of a closed channel went with it, so its number may be used again.
    fn free_number(&self) -> u64 {
        self.open.values().map(|channel| channel.record.number + 1).max().unwrap_or(1)
    }
}

/// The newest of these stored messages that may be kept: the last one always.
fn newest(messages: &[Vec<u8>], keep: Keep) -> &[Vec<u8>] {
    let mut bytes = 0;
    let kept = messages.iter().rev().enumerate().take_while(|(index, value)| {
        bytes += value.len() as u64;
        *index == 0 || ((*index as u64) < keep.messages && bytes <= keep.bytes)
    });
    &messages[messages.len() - kept.count()..]
}
