//! A request whose sender is known, and its connection.

use std::{sync::Arc, time::Instant};

use epistemic_storage::graph::Graph;

use super::operation::Operation;
use crate::{
    account::{Account, Sender},
    keys::Session,
    memory::Room,
    shard::Shard,
    transfer::Transfers,
    wire::{DecodeError, Envelope, Method, Params, ReplyTo},
};

/// A request whose sender is known.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) envelope: Envelope<'a>,
    pub(crate) operation: &'static Operation,
    pub(crate) begun: Instant,
    /// Where it comes from, and under which key.
    pub(crate) peer: &'a Arc<Session>,
    /// The number of its connection.
    pub(crate) connection: u64,
}

impl<'a> Request<'a> {
    pub(crate) fn method(&self) -> Method {
        self.operation.method
    }

    /// Decodes its parameters.
    ///
    /// # Errors
    /// They do not fit; the words are those of the reference.
    pub(crate) fn params<P: Params<'a>>(&self) -> Result<P, DecodeError> {
        P::decode(self.method(), self.envelope.params)
    }

    pub(crate) fn reply_to(&self) -> ReplyTo {
        self.envelope.reply_to()
    }

    /// Room for its answer.
    pub(crate) fn room(&self, shard: &Shard, account: &Account) -> Room {
        // The answer of a write tells what was done.
        let must = self.operation.writes();
        Room::new(&shard.memory, &account.tenant, shard.limits.max_result_bytes, must)
            .on(&shard.spool, &shard.memory)
    }

    /// On whose account it is served. `graph` is there unless it is on its way.
    pub(crate) fn account(&self, name: &Arc<str>, graph: Option<&Graph>) -> Account {
        Account::of(name, graph, Sender { agent: self.envelope.agent_id, peer: self.peer })
    }
}

/// What a connection has for its requests.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    /// The number of the connection.
    pub(crate) connection: u64,
    pub(crate) transfers: &'a Arc<Transfers>,
    /// Where it comes from, and under which key.
    pub(crate) peer: &'a Arc<Session>,
}
