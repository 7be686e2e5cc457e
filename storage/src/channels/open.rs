//! The open channels of a shard.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::{Mutex, MutexGuard};

use super::{
    Channel, ChannelError, ChannelType, Closed, Keep, Listed, Message, NewChannel,
    record::{ChannelRecord, Counters, corrupt, decode_message, encode_message},
};
use crate::{
    batch::WriteBatch,
    clock,
    error::{Result, StoreError},
    graph::GraphStore,
    keys,
    limits::{self, MAX_CHANNELS, MAX_MEMBERS, MAX_NAMES, name_bytes},
    service::ChannelCopy,
    space::Space,
    store::{Durability, Read, ScanOptions, Store},
};

/// Up to this many messages are deleted key by key: cheaper for later reads than a range tombstone.
const FEW: u64 = 64;

type ById = BTreeMap<String, Channel>;

/// All open channels of a store, which they share or borrow.
pub struct Channels<S = Arc<GraphStore>> {
    graphs: S,
    open: Mutex<ById>,
    /// What their names count, which changes under the lock, and may count.
    names: AtomicUsize,
    most_names: AtomicUsize,
    keep: Keep,
    durability: Durability,
    /// Why they cannot be used, when their records are damaged. Graphs are not affected.
    damaged: Option<StoreError>,
}

impl<S: Deref<Target = GraphStore>> Channels<S> {
    /// Reads which channels there are, not their messages. Damaged records are not an error here: every operation on
    /// channels reports them.
    pub fn open(graphs: S, keep: Keep, durability: Durability) -> Result<Self> {
        let (open, damaged) = match load(graphs.store()) {
            Ok(open) => (open, None),
            Err(error) if error.is_corruption() => {
                tracing::error!(%error, "damaged records: channels cannot be used");
                (ById::new(), Some(error))
            }
            Err(error) => return Err(error),
        };
        let names = AtomicUsize::new(open.iter().map(|(id, channel)| channel.names(id)).sum());
        let most_names = AtomicUsize::new(MAX_NAMES);
        Ok(Self { graphs, open: Mutex::new(open), names, most_names, keep, durability, damaged })
    }

    /// Lets their names count at most `most`. What is there stays.
    pub fn limit_names(&self, most: usize) {
        self.most_names.store(most, Ordering::Relaxed);
    }

    /// What their names count, which is about what they take in memory.
    pub fn name_bytes(&self) -> u64 {
        self.names.load(Ordering::Relaxed) as u64
    }

    /// Why they cannot be used, when their records are damaged.
    pub fn damage(&self) -> Option<&StoreError> {
        self.damaged.as_ref()
    }

    fn lock(&self) -> Result<MutexGuard<'_, ById>, ChannelError> {
        match &self.damaged {
            Some(error) => Err(error.clone().into()),
            None => Ok(self.open.lock()),
        }
    }

    /// Whether names that count so much more may be there.
    fn check_names(&self, more: usize) -> Result<(), ChannelError> {
        let names = self.names.load(Ordering::Relaxed).saturating_add(more);
        Ok(limits::check_names("channels", names, self.most_names.load(Ordering::Relaxed))?)
    }

    /// Opens a channel that agents join by invitation; the creator is a member.
    pub fn create(
        &self,
        id: &str,
        kind: ChannelType,
        creator: &str,
        members: &[&str],
    ) -> Result<(), ChannelError> {
        self.create_new(id, NewChannel { kind, creator, members, open: false })
    }

    /// [`Channels::create`], also for a channel that everybody may join: [`Channels::admits`].
    pub fn create_new(
        &self,
        id: &str,
        NewChannel { kind, creator, members, open: is_open }: NewChannel<'_>,
    ) -> Result<(), ChannelError> {
        limits::check_name("channel_id", id)?;
        for agent in members.iter().chain([&creator]) {
            limits::check_name("member's agent_id", agent)?;
        }
        let mut open = self.lock()?;
        if open.contains_key(id) {
            return Err(ChannelError::Exists(id.to_owned()));
        }
        limits::check_count("channels", open.len() + 1, MAX_CHANNELS)?;
        let members: BTreeSet<String> =
            members.iter().chain([&creator]).map(|&agent| agent.to_owned()).collect();
        limits::check_count("members", members.len(), MAX_MEMBERS)?;
        if kind == ChannelType::PeerToPeer && members.len() != 2 {
            return Err(ChannelError::NotTwo);
        }
        let number = free_number(&open);
        let creator = creator.to_owned();
        let record = ChannelRecord { number, kind, creator, created_ms: clock::unix_ms(), open: is_open };
        let channel = Channel { record, members, counters: Counters::default() };
        let names = channel.names(id);
        self.check_names(names)?;
        let mut batch = WriteBatch::new();
        batch.put(Space::Channels, keys::channel(id), channel.record.encode());
        batch.put(Space::Channels, keys::channel_counters(number), channel.counters.encode());
        for member in &channel.members {
            batch.put(Space::Channels, keys::channel_member(number, member), b"");
        }
        self.graphs.commit_service(batch, self.durability)?;
        open.insert(id.to_owned(), channel);
        self.names.fetch_add(names, Ordering::Relaxed);
        Ok(())
    }

    /// Makes `agent` a member; being one already is fine.
    pub fn join(&self, id: &str, agent: &str) -> Result<(), ChannelError> {
        let mut open = self.lock()?;
        let channel = find_mut(&mut open, id)?;
        if channel.record.kind == ChannelType::PeerToPeer {
            return Err(ChannelError::NoJoin);
        }
        if channel.members.contains(agent) {
            return Ok(());
        }
        limits::check_name("agent_id", agent)?;
        limits::check_count("members", channel.members.len() + 1, MAX_MEMBERS)?;
        self.check_names(name_bytes(agent))?;
        let mut batch = WriteBatch::new();
        batch.put(Space::Channels, keys::channel_member(channel.record.number, agent), b"");
        self.graphs.commit_service(batch, self.durability)?;
        channel.members.insert(agent.to_owned());
        self.names.fetch_add(name_bytes(agent), Ordering::Relaxed);
        Ok(())
    }

    /// Ends the membership of `agent`; being none is fine. The last member to leave closes the channel.
    pub fn leave(&self, id: &str, agent: &str) -> Result<Option<Closed>, ChannelError> {
        let mut open = self.lock()?;
        let channel = find_mut(&mut open, id)?;
        if !channel.members.contains(agent) {
            return Ok(None);
        }
        if channel.members.len() == 1 {
            let mut closed = self.close_locked(&mut open, id)?;
            closed.participants.clear();
            return Ok(Some(closed));
        }
        let mut batch = WriteBatch::new();
        batch.delete(Space::Channels, keys::channel_member(channel.record.number, agent));
        self.graphs.commit_service(batch, self.durability)?;
        channel.members.remove(agent);
        self.names.fetch_sub(name_bytes(agent), Ordering::Relaxed);
        Ok(None)
    }

    /// Closes a channel and removes its messages.
    pub fn close(&self, id: &str) -> Result<Closed, ChannelError> {
        let mut open = self.lock()?;
        self.close_locked(&mut open, id)
    }

    fn close_locked(&self, open: &mut ById, id: &str) -> Result<Closed, ChannelError> {
        let channel = find(open, id)?;
        let (names, Channel { record, members, counters }) = (channel.names(id), channel);
        let number = record.number;
        let mut batch = WriteBatch::new();
        batch.delete(Space::Channels, keys::channel(id));
        batch.delete(Space::Channels, keys::channel_counters(number));
        for member in members {
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
        let closed = Closed {
            kind: record.kind,
            creator: record.creator.clone(),
            participants: members.iter().cloned().collect(),
            message_count: counters.next,
            created_ms: record.created_ms,
            closed_ms: clock::unix_ms(),
        };
        self.graphs.commit_service(batch, self.durability)?;
        open.remove(id);
        self.names.fetch_sub(names, Ordering::Relaxed);
        Ok(closed)
    }

    /// Appends a message of a member. Drops the oldest ones beyond what is kept.
    pub fn send(&self, id: &str, sender: &str, payload: &str) -> Result<(), ChannelError> {
        let mut open = self.lock()?;
        let channel = find_mut(&mut open, id)?;
        if !channel.members.contains(sender) {
            return Err(ChannelError::NotAMember { agent: sender.to_owned(), channel: id.to_owned() });
        }
        let (number, mut counters) = (channel.record.number, channel.counters);
        let value = encode_message(clock::unix_ms(), sender, payload);
        let mut batch = WriteBatch::new();
        batch.put(Space::Channels, keys::message(number, counters.next), &value);
        counters.next += 1;
        counters.bytes += value.len() as u64;
        self.drop_oldest(self.graphs.store(), number, &mut counters, &mut batch)?;
        batch.put(Space::Channels, keys::channel_counters(number), counters.encode());
        self.graphs.commit_service(batch, self.durability)?;
        channel.counters = counters;
        Ok(())
    }

    /// Removes the oldest messages until the rest may be kept; the newest, which is not stored yet, always is.
    fn drop_oldest(
        &self,
        store: &dyn Store,
        number: u64,
        counters: &mut Counters,
        batch: &mut WriteBatch,
    ) -> Result<()> {
        let Keep { messages, bytes } = self.keep;
        let too_many = |counters: &Counters| {
            counters.kept() > 1 && (counters.kept() > messages || counters.bytes > bytes)
        };
        if !too_many(counters) {
            return Ok(());
        }
        let range = keys::messages_from(number, counters.first);
        let mut cursor = store.scan(Space::Channels, range, ScanOptions::FORWARD)?;
        while too_many(counters) {
            let (key, value) = cursor.next()?.ok_or_else(|| corrupt("fewer messages than counted"))?;
            batch.delete(Space::Channels, key);
            counters.first += 1;
            counters.bytes = counters.bytes.saturating_sub(value.len() as u64);
        }
        Ok(())
    }

    /// Opens a channel as it was elsewhere, with its messages in their stored form, in one commit. The oldest messages
    /// beyond what is kept here are left out. False, and nothing is done, when a channel of this id is open.
    ///
    /// # Errors
    /// A value is no message; over a limit; the commit fails.
    pub(crate) fn install(&self, channel: ChannelCopy, messages: &[Vec<u8>]) -> Result<bool, ChannelError> {
        let ChannelCopy { id, kind, creator, created_ms, open: is_open, members, first } = channel;
        limits::check_name("channel_id", &id)?;
        for agent in members.iter().chain([&creator]) {
            limits::check_name("member's agent_id", agent)?;
        }
        limits::check_count("members", members.len(), MAX_MEMBERS)?;
        let mut open = self.lock()?;
        if open.contains_key(&id) {
            return Ok(false);
        }
        limits::check_count("channels", open.len() + 1, MAX_CHANNELS)?;
        let kept = newest(messages, self.keep);
        // Those that are left out were sent all the same.
        let first = first + (messages.len() - kept.len()) as u64;
        let mut counters = Counters { first, next: first, bytes: 0 };
        let number = free_number(&open);
        let mut batch = WriteBatch::new();
        for value in kept {
            decode_message(value)?;
            batch.put(Space::Channels, keys::message(number, counters.next), value);
            counters.next += 1;
            counters.bytes += value.len() as u64;
        }
        let record = ChannelRecord { number, kind, creator, created_ms, open: is_open };
        let channel = Channel { record, members: members.into_iter().collect(), counters };
        let names = channel.names(&id);
        self.check_names(names)?;
        batch.put(Space::Channels, keys::channel(&id), channel.record.encode());
        batch.put(Space::Channels, keys::channel_counters(number), counters.encode());
        for member in &channel.members {
            batch.put(Space::Channels, keys::channel_member(number, member), b"");
        }
        self.graphs.commit_service(batch, self.durability)?;
        open.insert(id, channel);
        self.names.fetch_add(names, Ordering::Relaxed);
        Ok(true)
    }

    /// The last `limit` messages, or all that are kept, oldest first.
    pub fn messages(&self, id: &str, limit: Option<usize>) -> Result<Vec<Message>, ChannelError> {
        let open = self.lock()?;
        let channel = find(&open, id)?;
        let range = keys::messages_from(channel.record.number, channel.counters.first);
        // Taken under the lock, it shows the channel as it is; read without it, nobody waits.
        let view = self.graphs.read_view();
        drop(open);
        let limit = limit.unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut cursor = view.scan(Space::Channels, range, ScanOptions::REVERSE)?;
        while found.len() < limit
            && let Some((_, value)) = cursor.next()?
        {
            found.push(decode_message(value)?);
        }
        found.reverse();
        Ok(found)
    }

    /// All open channels by id, or those that `member` takes part in.
    pub fn list(&self, member: Option<&str>) -> Result<Vec<Listed>, ChannelError> {
        let seen = |(_, channel): &(&String, &Channel)| member.is_none_or(|m| channel.members.contains(m));
        let listed = |(id, channel): (&String, &Channel)| Listed {
            id: id.clone(),
            kind: channel.record.kind,
            members: channel.members.len(),
        };
        Ok(self.lock()?.iter().filter(seen).map(listed).collect())
    }

    /// The members of a channel, by id.
    pub fn members(&self, id: &str) -> Result<Vec<String>, ChannelError> {
        Ok(find(&*self.lock()?, id)?.members.iter().cloned().collect())
    }

    /// Whether `agent` is a member.
    pub fn is_member(&self, id: &str, agent: &str) -> Result<bool, ChannelError> {
        Ok(find(&*self.lock()?, id)?.members.contains(agent))
    }

    /// Whether `agent` is the creator, who need not be a member any more.
    pub fn is_creator(&self, id: &str, agent: &str) -> Result<bool, ChannelError> {
        Ok(find(&*self.lock()?, id)?.record.creator == agent)
    }

    /// Whether `agent` may join on its own: it is in already, or everybody may.
    pub fn admits(&self, id: &str, agent: &str) -> Result<bool, ChannelError> {
        let open = self.lock()?;
        let channel = find(&open, id)?;
        Ok(channel.record.open || channel.members.contains(agent))
    }
}

fn find<'o>(open: &'o ById, id: &str) -> Result<&'o Channel, ChannelError> {
    open.get(id).ok_or_else(|| ChannelError::NotFound(id.to_owned()))
}

fn find_mut<'o>(open: &'o mut ById, id: &str) -> Result<&'o mut Channel, ChannelError> {
    open.get_mut(id).ok_or_else(|| ChannelError::NotFound(id.to_owned()))
}

/// The records of a closed channel went with it, so its number may be used again.
fn free_number(open: &ById) -> u64 {
    open.values().map(|channel| channel.record.number + 1).max().unwrap_or(1)
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

/// All open channels with their numbers, by id.
pub(crate) fn copies(view: &dyn Read) -> Result<Vec<(u64, ChannelCopy)>> {
    let copy = |(id, channel): (String, Channel)| {
        let ChannelRecord { number, kind, creator, created_ms, open } = channel.record;
        let members = channel.members.into_iter().collect();
        let first = channel.counters.first;
        (number, ChannelCopy { id, kind, creator, created_ms, open, members, first })
    };
    Ok(load(view)?.into_iter().map(copy).collect())
}

/// Calls `each` with the id of every open channel, how many members it has, and what its names count.
pub(crate) fn for_each_size(view: &dyn Read, mut each: impl FnMut(&str, usize, usize)) -> Result<()> {
    load(view)?.iter().for_each(|(id, channel)| each(id, channel.members.len(), channel.names(id)));
    Ok(())
}

fn load(store: &dyn Read) -> Result<ById> {
    let mut counters = HashMap::new();
    let mut cursor = store.scan(Space::Channels, keys::all_channel_counters(), ScanOptions::FORWARD)?;
    while let Some((key, value)) = cursor.next()? {
        let number = keys::channel_of(key).ok_or_else(|| corrupt("counters key"))?;
        counters.insert(number, Counters::decode(value)?);
    }
    let mut members: HashMap<u64, BTreeSet<String>> = HashMap::new();
    let mut cursor = store.scan(Space::Channels, keys::all_channel_members(), ScanOptions::FORWARD)?;
    while let Some((key, _)) = cursor.next()? {
        let (Some(number), Some(agent)) = (keys::channel_of(key), keys::channel_member_of(key)) else {
            return Err(corrupt("member key"));
        };
        members.entry(number).or_default().insert(agent.to_owned());
    }
    let mut open = ById::new();
    let mut cursor = store.scan(Space::Channels, keys::channels(), ScanOptions::FORWARD)?;
    while let Some((key, value)) = cursor.next()? {
        let id = keys::name_of(key).ok_or_else(|| corrupt("channel key"))?;
        let record = ChannelRecord::decode(id, value)?;
        let number = record.number;
        let counters = counters
            .get(&number)
            .copied()
            .filter(|counters| counters.first <= counters.next)
            .ok_or_else(|| corrupt(format!("channel '{id}' without counters")))?;
        let members = members.remove(&number).unwrap_or_default();
        open.insert(id.to_owned(), Channel { record, members, counters });
    }
    Ok(open)
}
