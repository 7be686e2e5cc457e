//! Who is at the other end of a connection.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use epistemic_listen::Origin;
use parking_lot::RwLock;

use super::{grant::Grant, key::Key};
use crate::wire::{DecodeError, Envelope};

/// The other end of a connection: its origin, which it can be used as, and the key of its first request, to which it belongs.
pub(crate) struct Session {
    origin: Arc<str>,
    /// It is on this machine.
    is_local: bool,
    grant: OnceLock<Arc<Grant>>,
    /// The key as it was in this generation of keys.
    key: RwLock<Option<(u64, Arc<Key>)>>,
}

impl Session {
    pub(crate) fn new(origin: Origin) -> Self {
        let is_local = match origin {
            Origin::User(_) => true,
            Origin::Address(address) => address.is_loopback(),
        };
        let (grant, key) = (OnceLock::new(), RwLock::default());
        Self { origin: origin.to_string().into(), is_local, grant, key }
    }

    pub(crate) fn origin(&self) -> &Arc<str> {
        &self.origin
    }

    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }

    /// What its requests may do; nothing where there are no keys, or no request has shown one.
    pub(crate) fn grant(&self) -> Option<&Arc<Grant>> {
        self.grant.get()
    }

    /// Whether its requests may know of graphs, and channels, of this name.
    pub(crate) fn sees(&self, name: &str) -> bool {
        self.grant().is_none_or(|grant| grant.sees(name))
    }

    /// The request with who it is from in place of who it says that it is from.
    pub(crate) fn identified<'a>(&'a self, mut envelope: Envelope<'a>) -> Envelope<'a> {
        if let Some(grant) = self.grant() {
            envelope.agent_id = grant.identity(envelope.agent_id);
        }
        envelope
    }

    /// [`Envelope::parse`], and who the request is from.
    pub(crate) fn envelope<'a>(&'a self, body: &'a [u8]) -> Result<Envelope<'a>, DecodeError> {
        Envelope::parse(body).map(|envelope| self.identified(envelope))
    }

    /// The key of the connection, if it is known as of this generation.
    pub(super) fn key(&self, generation: u64) -> Option<Arc<Key>> {
        let key = self.key.read();
        key.as_ref().filter(|(known, _)| *known == generation).map(|(_, key)| Arc::clone(key))
    }

    /// The connection belongs to this key, whose grant is the one that it had.
    pub(super) fn belongs_to(&self, generation: u64, key: Arc<Key>) {
        self.grant.get_or_init(|| Arc::clone(&key.grant));
        *self.key.write() = Some((generation, key));
    }
}

impl Deref for Session {
    type Target = str;

    /// Where it comes from: connections of one origin share what it gets.
    fn deref(&self) -> &str {
        &self.origin
    }
}
