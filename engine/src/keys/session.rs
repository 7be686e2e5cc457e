//! Who is at the other end of a connection.

use std::{
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use epistemic_listen::Origin;
use epistemic_storage::clock;
use parking_lot::RwLock;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{grant::Grant, key::Key};
use crate::{
    sessions::Peer,
    wire::{DecodeError, Envelope},
};

/// The other end of a connection: its origin, which it can be used as, and the key that it belongs to: that of its certificate, or of
/// its first request.
pub(crate) struct Session {
    number: u64,
    peer: Peer,
    origin: Arc<str>,
    /// It is on this machine.
    is_local: bool,
    grant: OnceLock<Arc<Grant>>,
    /// The key as it was in this generation of keys.
    key: RwLock<Option<(u64, Arc<Key>)>>,
    /// Its certificate is what shows the key: requests need no token.
    is_certified: OnceLock<()>,
    since_ms: u64,
    /// Requests of a known sender, and the time of the last one.
    requests: AtomicU64,
    last_ms: AtomicU64,
    /// The agent that its first request named which named one.
    agent: OnceLock<Box<str>>,
    ended: CancellationToken,
}

impl Session {
    pub(crate) fn new(number: u64, peer: Peer) -> Self {
        let is_local = match peer.origin {
            Origin::User(_) => true,
            Origin::Address(address) => address.is_loopback(),
        };
        Self {
            number,
            origin: peer.origin.to_string().into(),
            peer,
            is_local,
            grant: OnceLock::new(),
            key: RwLock::default(),
            is_certified: OnceLock::new(),
            since_ms: clock::unix_ms(),
            requests: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
            agent: OnceLock::new(),
            ended: CancellationToken::new(),
        }
    }

    /// The number of the connection.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
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

    /// Whether its certificate shows the key that it belongs to.
    pub(crate) fn is_certified(&self) -> bool {
        self.is_certified.get().is_some()
    }

    /// Whether its requests may know of graphs, and channels, of this name.
    pub(crate) fn sees(&self, name: &str) -> bool {
        self.grant().is_none_or(|grant| grant.sees(name))
    }

    /// Takes note of a request of a known sender.
    pub(crate) fn asks(&self, envelope: &Envelope<'_>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.last_ms.store(clock::unix_ms(), Ordering::Relaxed);
        if let Some(agent) = envelope.agent_id.filter(|_| self.agent.get().is_none()) {
            self.agent.get_or_init(|| agent.into());
        }
    }

    /// When it began.
    pub(crate) fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Requests of a known sender, and when the last one came.
    pub(crate) fn requests(&self) -> (u64, Option<u64>) {
        let last = self.last_ms.load(Ordering::Relaxed);
        (self.requests.load(Ordering::Relaxed), (last > 0).then_some(last))
    }

    /// Who its requests are from, as far as is known: the principal of its key, or the agent that they named.
    pub(crate) fn principal(&self) -> Option<&str> {
        let of_key = self.grant().filter(|grant| !grant.any_agent()).map(|grant| grant.principal());
        of_key.or_else(|| self.agent.get().map(|agent| &**agent))
    }

    /// Has the connection closed.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    /// Whether it is to be closed.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until it is to be closed.
    pub(crate) fn ended(&self) -> WaitForCancellationFutureOwned {
        self.ended.clone().cancelled_owned()
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

    /// The connection belongs to this key by its certificate.
    pub(super) fn is_certified_for(&self, generation: u64, key: Arc<Key>) {
        self.belongs_to(generation, key);
        self.is_certified.get_or_init(|| ());
    }
}

impl Deref for Session {
    type Target = str;

    /// Where it comes from: connections of one origin share what it gets.
    fn deref(&self) -> &str {
        &self.origin
    }
}
