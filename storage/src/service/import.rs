//! Reading the copy: what is missing is added, what is there stays.

use std::{io::Read, ops::Deref};

use sha2::{Digest, Sha256};

use super::{
    SERVICE, VERSION,
    error::ServiceError,
    record::{ChannelCopy, Header, Record, Totals},
};
use crate::{
    channels::Channels,
    graph::{GraphError, GraphStore},
    identities::{Identities, Identity},
    stream::{chunk::ChunkReader, record::Fields, record::Kind},
};

/// Which part of a copy is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Registered agents.
    pub identities: bool,
    /// Channels with their messages.
    pub channels: bool,
}

/// What was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Agents that are registered now and were not.
    pub identities: u64,
    /// Agents that were registered otherwise already; they stay as they are.
    pub other_identities: Vec<String>,
    /// Channels that are open now and were not.
    pub channels: u64,
    /// Channels that were open already; they stay as they are.
    pub other_channels: Vec<String>,
}

/// Reads only the header.
///
/// # Errors
/// It is not the beginning of such a copy of this version.
pub fn inspect(input: impl Read) -> Result<Header, ServiceError> {
    read_header(&mut ChunkReader::new(input, &SERVICE)?)
}

/// Registers the agents and opens the channels of a copy that are not there. Each is one durable commit; after an error
/// those before it are there, and the same call goes on. `check` may refuse an agent; then nobody is registered.
///
/// # Errors
/// The copy is damaged, something in it is over a limit or refused, the store fails.
pub fn import<S: Deref<Target = GraphStore>>(
    identities: &Identities<S>,
    channels: &Channels<S>,
    input: impl Read,
    wanted: Wanted,
    mut check: impl FnMut(&str, &Identity) -> Result<(), String>,
) -> Result<(Header, Totals, Imported), ServiceError> {
    let mut chunks = ChunkReader::new(input, &SERVICE)?;
    let header = read_header(&mut chunks)?;
    let mut taker = Taker {
        identities,
        channels,
        wanted,
        check: &mut check,
        agents: Vec::new(),
        open: None,
        totals: Totals::default(),
        imported: Imported::default(),
    };
    let mut digest = Sha256::new();
    let mut payload = Vec::new();
    loop {
        match chunks.next(&mut payload)? {
            Kind::Service => {}
            Kind::Trailer => break,
            kind @ (Kind::Header | Kind::Nodes | Kind::Edges | Kind::Ledger | Kind::Vectors) => {
                return Err(chunks.refuse(format!("a {kind:?} chunk has no place in it")).into());
            }
        }
        digest.update(&payload);
        let mut fields = Fields { rest: &payload };
        while !fields.rest.is_empty() {
            let record = Record::take(&mut fields)
                .ok_or_else(|| chunks.refuse("a record is cut off or of an unknown kind"))?;
            match record {
                Record::Identity { agent, identity } => {
                    let identity: Identity = rmp_serde::from_slice(identity)
                        .map_err(|error| chunks.refuse(format!("identity of agent '{agent}': {error}")))?;
                    taker.identity(agent, identity)?;
                }
                Record::Channel(value) => {
                    let channel = rmp_serde::from_slice(value)
                        .map_err(|error| chunks.refuse(format!("channel: {error}")))?;
                    taker.channel(channel)?;
                }
                Record::Message { sequence, value } => {
                    taker.message(sequence, value).map_err(|reason| chunks.refuse(reason))?;
                }
            }
        }
    }
    let stated: Totals =
        serde_json::from_slice(&payload).map_err(|error| chunks.refuse(format!("trailer: {error}")))?;
    taker.totals.digest = hex::encode(digest.finalize());
    if stated != taker.totals {
        let found = &taker.totals;
        return Err(chunks.refuse(format!("the trailer says {stated:?}, the records are {found:?}")).into());
    }
    chunks.expect_end()?;
    taker.register()?;
    taker.end_channel()?;
    Ok((header, taker.totals, taker.imported))
}

fn read_header<R: Read>(chunks: &mut ChunkReader<R>) -> Result<Header, ServiceError> {
    let mut payload = Vec::new();
    if chunks.next(&mut payload)? != Kind::Header {
        return Err(chunks.refuse("the first chunk is not a header").into());
    }
    let header: Header =
        serde_json::from_slice(&payload).map_err(|error| chunks.refuse(format!("header: {error}")))?;
    if header.version != VERSION {
        let found = header.version;
        return Err(chunks
            .refuse(format!("format version {found}, this program reads version {VERSION}"))
            .into());
    }
    Ok(header)
}

/// Takes records into the store.
struct Taker<'t, S> {
    identities: &'t Identities<S>,
    channels: &'t Channels<S>,
    wanted: Wanted,
    check: &'t mut dyn FnMut(&str, &Identity) -> Result<(), String>,
    /// Agents to register once all are known.
    agents: Vec<(String, Identity)>,
    /// The channel whose messages are read, with those so far.
    open: Option<(ChannelCopy, Vec<Vec<u8>>)>,
    totals: Totals,
    imported: Imported,
}

impl<S: Deref<Target = GraphStore>> Taker<'_, S> {
    fn identity(&mut self, agent: &str, identity: Identity) -> Result<(), ServiceError> {
        self.totals.identities += 1;
        if !self.wanted.identities {
            return Ok(());
        }
        let known = self.identities.with(agent, |known| known.cloned());
        if let Some(known) = known {
            if (&known.role, &known.teams) != (&identity.role, &identity.teams) {
                self.imported.other_identities.push(agent.to_owned());
            }
            return Ok(());
        }
        (self.check)(agent, &identity)
            .map_err(|reason| ServiceError::Identity { agent: agent.to_owned(), reason })?;
        self.agents.push((agent.to_owned(), identity));
        Ok(())
    }

    /// Registers those that were read, who come before all channels.
    fn register(&mut self) -> Result<(), ServiceError> {
        for (agent, identity) in std::mem::take(&mut self.agents) {
            let registered = self.identities.register(&agent, identity, || Ok::<_, GraphError>(()));
            #[expect(clippy::wildcard_enum_match_arm, reason = "all others are about the agent")]
            registered.map_err(|error| match error {
                GraphError::Store(error) => ServiceError::Store(error),
                error => ServiceError::Identity { agent, reason: error.to_string() },
            })?;
            self.imported.identities += 1;
        }
        Ok(())
    }

    fn channel(&mut self, channel: ChannelCopy) -> Result<(), ServiceError> {
        self.register()?;
        self.end_channel()?;
        self.totals.channels += 1;
        self.open = Some((channel, Vec::new()));
        Ok(())
    }

    fn message(&mut self, sequence: u64, value: &[u8]) -> Result<(), String> {
        self.totals.messages += 1;
        let Some((channel, messages)) = &mut self.open else {
            return Err("a message belongs to no channel".to_owned());
        };
        if sequence != channel.first + messages.len() as u64 {
            return Err(format!("message {sequence} of channel '{}' is out of place", channel.id));
        }
        messages.push(value.to_vec());
        Ok(())
    }

    fn end_channel(&mut self) -> Result<(), ServiceError> {
        let Some((channel, messages)) = self.open.take().filter(|_| self.wanted.channels) else {
            return Ok(());
        };
        let id = channel.id.clone();
        if self.channels.install(channel, messages)? {
            self.imported.channels += 1;
        } else {
            self.imported.other_channels.push(id);
        }
        Ok(())
    }
}
