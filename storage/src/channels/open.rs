//! The open channels of a shard.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, atomic::Ordering, mpsc::sync_channel},
};

use imbl::OrdSet;
use parking_lot::RwLock;

use super::{
    Channel, ChannelError, ChannelType, Closed, Keep, Listed, Message, NewChannel,
    change::{Change, Changed},
    kept::{ById, Kept, Waiter},
    record::{ChannelRecord, Counters, corrupt, decode_message},
};
use crate::{
    error::{Result, StoreError},
    graph::GraphStore,
    keys, limits,
    service::ChannelCopy,
    space::Space,
    store::{Durability, Read, ScanOptions},
};

/// All open channels of a store, which they share or borrow.
pub struct Channels<S = Arc<GraphStore>> {
    graphs: S,
    kept: Arc<Kept>,
    /// Why they cannot be used, when their records are damaged. Graphs are not affected.
    damaged: RwLock<Option<StoreError>>,
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
        let kept = Arc::new(Kept::new(open, keep, durability));
        Ok(Self { graphs, kept, damaged: RwLock::new(damaged) })
    }

    /// Goes on to a newer state of the store, which another process writes. Reads which channels there are; blocks. Damaged records
    /// are no error here either.
    pub fn follow(&self, newer: &dyn Read) -> Result<()> {
        match load(newer) {
            Ok(open) => {
                self.kept.go_on_to(open);
                *self.damaged.write() = None;
            }
            Err(error) if error.is_corruption() => {
                if self.damaged.write().replace(error.clone()).is_none() {
                    tracing::error!(%error, "damaged records: channels cannot be used");
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Lets their names count at most `most`. What is there stays.
    pub fn limit_names(&self, most: usize) {
        self.kept.most_names.store(most, Ordering::Relaxed);
    }

    /// What their names count, which is about what they take in memory.
    pub fn name_bytes(&self) -> u64 {
        self.kept.names.load(Ordering::Relaxed) as u64
    }

    /// Why they cannot be used, when their records are damaged.
    pub fn damage(&self) -> Option<StoreError> {
        self.damaged.read().clone()
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> &Arc<Kept> {
        &self.kept
    }

    #[cfg(test)]
    pub(super) fn graphs(&self) -> &GraphStore {
        &self.graphs
    }

    /// The channels as the newest commit has left them; what others do meanwhile is not seen.
    fn now(&self) -> Result<ById, ChannelError> {
        self.sound()?;
        Ok(self.kept.open())
    }

    fn sound(&self) -> Result<(), ChannelError> {
        self.damage().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Has the change made with the next group of commits, together with others that wait. Blocks until it is durable as
    /// configured, or refused.
    fn change(&self, change: Change) -> Result<Changed, ChannelError> {
        self.sound()?;
        let (reply, replied) = sync_channel(1);
        if self.kept.wait(Waiter { change, reply }) {
            self.graphs.commit_beside(Arc::clone(&self.kept) as _);
        }
        let gone = || StoreError::other("the server is shutting down");
        replied.recv().unwrap_or_else(|_| Err(gone().into()))
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
        NewChannel { kind, creator, members, open }: NewChannel<'_>,
    ) -> Result<(), ChannelError> {
        limits::check_name("channel_id", id)?;
        for agent in members.iter().chain([&creator]) {
            limits::check_name("member's agent_id", agent)?;
        }
        let members = members.iter().chain([&creator]).map(|&agent| agent.to_owned()).collect();
        let (id, creator) = (id.to_owned(), creator.to_owned());
        self.change(Change::Create { id, kind, creator, members, open }).map(drop)
    }

    /// Makes `agent` a member; being one already is fine.
    pub fn join(&self, id: &str, agent: &str) -> Result<(), ChannelError> {
        self.change(Change::Join { id: id.to_owned(), agent: agent.to_owned() }).map(drop)
    }

    /// Ends the membership of `agent`; being none is fine. The last member to leave closes the channel.
    pub fn leave(&self, id: &str, agent: &str) -> Result<Option<Closed>, ChannelError> {
        match self.change(Change::Leave { id: id.to_owned(), agent: agent.to_owned() })? {
            Changed::Closed(closed) => Ok(Some(*closed)),
            Changed::Done | Changed::Not => Ok(None),
        }
    }

    /// Closes a channel and removes its messages.
    pub fn close(&self, id: &str) -> Result<Closed, ChannelError> {
        match self.change(Change::Close { id: id.to_owned() })? {
            Changed::Closed(closed) => Ok(*closed),
            Changed::Done | Changed::Not => Err(ChannelError::NotFound(id.to_owned())),
        }
    }

    /// Appends a message of a member. Drops the oldest ones beyond what is kept.
    pub fn send(&self, id: &str, sender: &str, payload: &str) -> Result<(), ChannelError> {
        let (id, sender, payload) = (id.to_owned(), sender.to_owned(), payload.to_owned());
        self.change(Change::Send { id, sender, payload }).map(drop)
    }

    /// Opens a channel as it was elsewhere, with its messages in their stored form, in one commit. The oldest messages
    /// beyond what is kept here are left out. False, and nothing is done, when a channel of this id is open.
    ///
    /// # Errors
    /// A value is no message; over a limit; the commit fails.
    pub(crate) fn install(&self, channel: ChannelCopy, messages: Vec<Vec<u8>>) -> Result<bool, ChannelError> {
        limits::check_name("channel_id", &channel.id)?;
        for agent in channel.members.iter().chain([&channel.creator]) {
            limits::check_name("member's agent_id", agent)?;
        }
        for value in &messages {
            decode_message(value)?;
        }
        let changed = self.change(Change::Install { channel: Box::new(channel), messages })?;
        Ok(matches!(changed, Changed::Done))
    }

    /// The last `limit` messages, or all that are kept, oldest first.
    pub fn messages(&self, id: &str, limit: Option<usize>) -> Result<Vec<Message>, ChannelError> {
        let not_found = || ChannelError::NotFound(id.to_owned());
        if !self.now()?.contains_key(id) {
            return Err(not_found());
        }
        // A commit may be under way: what is there is what the view says.
        let view = self.graphs.read_view();
        let record = view.get(Space::Channels, &keys::channel(id))?.ok_or_else(not_found)?;
        let number = ChannelRecord::decode(id, &record)?.number;
        let counters = view.get(Space::Channels, &keys::channel_counters(number))?;
        let counters = counters.ok_or_else(|| without_counters(id))?;
        let range = keys::messages_from(number, Counters::decode(&counters)?.first);
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
        Ok(self.now()?.iter().filter(seen).map(listed).collect())
    }

    /// The members of a channel, by id.
    pub fn members(&self, id: &str) -> Result<Vec<String>, ChannelError> {
        Ok(find(&self.now()?, id)?.members.iter().cloned().collect())
    }

    /// Whether `agent` is a member.
    pub fn is_member(&self, id: &str, agent: &str) -> Result<bool, ChannelError> {
        Ok(find(&self.now()?, id)?.members.contains(agent))
    }

    /// Whether `agent` is the creator, who need not be a member any more.
    pub fn is_creator(&self, id: &str, agent: &str) -> Result<bool, ChannelError> {
        Ok(find(&self.now()?, id)?.record.creator == agent)
    }

    /// Whether `agent` may join on its own: it is in already, or everybody may.
    pub fn admits(&self, id: &str, agent: &str) -> Result<bool, ChannelError> {
        let open = self.now()?;
        let channel = find(&open, id)?;
        Ok(channel.record.open || channel.members.contains(agent))
    }
}

fn find<'o>(open: &'o ById, id: &str) -> Result<&'o Channel, ChannelError> {
    open.get(id).ok_or_else(|| ChannelError::NotFound(id.to_owned()))
}

fn without_counters(id: &str) -> StoreError {
    corrupt(format!("channel '{id}' without counters"))
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
    let mut members: HashMap<u64, OrdSet<String>> = HashMap::new();
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
            .ok_or_else(|| without_counters(id))?;
        let members = members.remove(&number).unwrap_or_default();
        open.insert(id.to_owned(), Channel { record, members, counters });
    }
    Ok(open)
}
