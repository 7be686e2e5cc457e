//! Keys (`--keys-file`, docs/keys.md): which secret a request is to be checked with, who it is from then, and what it may do.
//!
//! [`set`] finds the key that a request names, [`key`] checks its secrets, [`session`] keeps for a connection whose it is, and
//! [`names`] asks whether the key may use the method and the graphs that the request carries, before any is looked up.
//! [`watch`] reads the file again when it changes.

mod carried;
mod changes;
mod claims;
mod grant;
mod key;
mod least_role;
mod names;
mod series;
mod session;
mod set;
mod watch;

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use epistemic_keys::{KeysFile, ReadError, Stamp};
use epistemic_signing::{Request, Token};
use epistemic_storage::clock;
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(crate) use self::changes::Reloaded;
pub(crate) use self::{
    carried::{InChannel, Names},
    claims::may_claim,
    grant::Grant,
    least_role::LeastRole,
    names::{Forbidden, check},
    series::KeySeries,
    session::Session,
    watch::watch,
};
use self::{
    changes::Known,
    key::{Key, Version},
    set::KeySet,
};
use crate::{
    signed::{Refusal, SignedRequests},
    wire::Envelope,
};

/// The keys of a shard.
pub(crate) struct Keys {
    file: PathBuf,
    /// The key of requests that name none, unless the file has one.
    shared: Option<Zeroizing<String>>,
    active: RwLock<Arc<KeySet>>,
    /// Another one whenever [`Keys::active`] is.
    generation: AtomicU64,
    /// Held while the file is read.
    state: Mutex<State>,
    series: KeySeries,
}

/// The file, as it was read last.
struct State {
    /// What was tried last, whether it could be used or not.
    tried: Option<Stamp>,
    count: usize,
    /// The keys, to tell what changes.
    known: BTreeMap<String, Known>,
    read_ms: u64,
    /// Why it could not be used.
    error: Option<String>,
}

impl Keys {
    /// Reads the file. `shared` is the secret that the server was started with, if any. Blocks.
    ///
    /// # Errors
    /// It cannot be used.
    pub(crate) fn open(
        file: PathBuf,
        shared: Option<&Zeroizing<String>>,
        series: KeySeries,
    ) -> Result<Self, ReadError> {
        let (_, content, stamp) = epistemic_keys::read(&file)?;
        let shared = shared.cloned();
        let active =
            RwLock::new(Arc::new(KeySet::new(&content, shared.as_deref().map(String::as_str), &series)));
        let state = State {
            tried: Some(stamp),
            count: count(&content),
            known: changes::known(&content),
            read_ms: clock::unix_ms(),
            error: None,
        };
        series.note(None);
        let generation = AtomicU64::new(0);
        Ok(Self { file, shared, active, generation, state: Mutex::new(state), series })
    }

    /// Reads the file again; with a mistake in it the keys stay as they were. How many there are. Blocks.
    ///
    /// # Errors
    /// The mistake.
    pub(crate) fn reload(&self) -> Result<Reloaded, String> {
        let mut state = self.state.lock();
        state.tried = Stamp::of(&self.file).ok();
        let read = epistemic_keys::read(&self.file).map_err(|error| error.to_string());
        state.error = read.as_ref().err().cloned();
        self.series.note(state.error.as_deref());
        let (_, content, stamp) = read?;
        let set = KeySet::new(&content, self.shared.as_deref().map(String::as_str), &self.series);
        (state.tried, state.count, state.read_ms) = (Some(stamp), count(&content), clock::unix_ms());
        self.series.keep(&set.series_names());
        *self.active.write() = Arc::new(set);
        self.generation.fetch_add(1, Ordering::Release);
        let now = changes::known(&content);
        let changes = changes::between(&state.known, &now);
        state.known = now;
        Ok(Reloaded { count: state.count, changes })
    }

    /// A connection with a certificate that a key names belongs to that key from its beginning.
    pub(crate) fn certify(&self, session: &Session) {
        let Some(uri) = session.peer().certificate.as_deref() else { return };
        let generation = self.generation.load(Ordering::Acquire);
        if let Some(key) = self.active.read().certified(uri) {
            session.is_certified_for(generation, key);
        }
    }

    /// Whether the key of the connection is gone, or not any more what it was.
    pub(crate) fn ends(&self, session: &Session) -> bool {
        let Some(grant) = session.grant() else { return false };
        let key = self.current(session, grant, self.generation.load(Ordering::Acquire));
        !key.is_ok_and(|key| key.is_valid())
    }

    /// Whether the file is another one than when it was tried last. Blocks.
    fn has_changed(&self) -> bool {
        self.state.lock().tried != Stamp::of(&self.file).ok()
    }

    /// Principals that may do what only `System` may, as far as their keys let them.
    pub(crate) fn trusted(&self) -> HashSet<String> {
        self.active.read().trusted().map(str::to_owned).collect()
    }

    /// Whether the token over the id of the request is one of the key that it names; the connection belongs to that key then.
    ///
    /// # Errors
    /// It is not, or the connection belongs to another one.
    pub(crate) fn check_by_id(&self, session: &Session, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let generation = self.generation.load(Ordering::Acquire);
        let key = self.of_agent(session, envelope.agent_id, generation)?;
        if session.is_certified() {
            return self.check_certified(session, &key, envelope);
        }
        let shown = key.check(Version::ById, |secret| secret.by_id.verify(envelope.id, envelope.auth_token));
        if !shown {
            return Err(self.refusal(session, &key));
        }
        if session.grant().is_none() {
            session.belongs_to(generation, key);
        }
        Ok(())
    }

    /// As [`Keys::check_by_id`], for the beginning of a request; nothing is taken note of.
    pub(crate) fn looks_right(&self, session: &Session, envelope: &Envelope<'_>) -> bool {
        let generation = self.generation.load(Ordering::Acquire);
        self.of_agent(session, envelope.agent_id, generation).is_ok_and(|key| {
            if session.is_certified() {
                return self.check_certified(session, &key, envelope).is_ok();
            }
            key.check(Version::ById, |secret| secret.by_id.verify(envelope.id, envelope.auth_token))
        })
    }

    /// Whether a signed request is signed with the key that it names.
    ///
    /// # Errors
    /// As [`Keys::check_by_id`].
    pub(crate) fn check_signed(
        &self,
        session: &Session,
        token: &Token,
        request: &Request<'_>,
    ) -> Result<Signed, Refusal> {
        let generation = self.generation.load(Ordering::Acquire);
        let context = &token.context;
        let key = match session.grant() {
            Some(grant) if !self.speaks(grant, &context.principal) => return Err(Refusal::OtherKey),
            Some(grant) => self.current(session, grant, generation)?,
            None => self.active.read().named(Some(&context.principal)),
        };
        if !key.check(Version::Signed, |secret| token.is_signed(&secret.signing, request)) {
            let is_retired = self.refusal(session, &key) == Refusal::Retired;
            return Err(if is_retired { Refusal::Retired } else { Refusal::Signature });
        }
        if self.speaks(&key.grant, &context.agent_id) {
            Ok(Signed(generation, key))
        } else {
            Err(Refusal::Token)
        }
    }

    /// A request of a connection whose certificate shows its key: the token says no more, and must not say another.
    fn check_certified(&self, session: &Session, key: &Key, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        if SignedRequests::is_meant(envelope.auth_token) {
            let token = Token::parse(envelope.auth_token).map_err(|_| Refusal::Token)?;
            if !self.speaks(&key.grant, &token.context.principal) {
                return Err(Refusal::OtherKey);
            }
        }
        if key.check_certificate() { Ok(()) } else { Err(self.refusal(session, key)) }
    }

    /// The key that a token over the id is to be checked with.
    fn of_agent(&self, session: &Session, agent: Option<&str>, generation: u64) -> Result<Arc<Key>, Refusal> {
        let agent = agent.filter(|agent| !agent.is_empty());
        let Some(grant) = session.grant() else { return Ok(self.active.read().named(agent)) };
        // Nobody needs a name to speak as the one whose certificate he shows.
        let nameless = grant.any_agent() || session.is_certified();
        let speaks = agent.map_or(nameless, |agent| self.speaks(grant, agent));
        if speaks { self.current(session, grant, generation) } else { Err(Refusal::OtherKey) }
    }

    /// Whether requests under the grant may name this agent.
    fn speaks(&self, grant: &Grant, agent: &str) -> bool {
        grant.is_named(agent) || grant.any_agent() && self.active.read().is_free(agent)
    }

    /// The key that the connection belongs to, as it is now.
    fn current(&self, session: &Session, grant: &Arc<Grant>, generation: u64) -> Result<Arc<Key>, Refusal> {
        if let Some(key) = session.key(generation) {
            return Ok(key);
        }
        match self.active.read().of_id(grant.id()) {
            Some(key) if key.grant == *grant && key.still_certifies(session) => {
                session.belongs_to(generation, Arc::clone(&key));
                Ok(key)
            }
            // What was checked of its earlier requests does not hold any more.
            Some(_) | None => Err(Refusal::Retired),
        }
    }

    /// What is said of a wrong token.
    fn refusal(&self, session: &Session, key: &Key) -> Refusal {
        if session.grant().is_some() && !key.is_valid() { Refusal::Retired } else { Refusal::WrongToken }
    }

    /// What `ShardStatus` tells.
    pub(crate) fn status(&self) -> Value {
        let state = self.state.lock();
        json!({
            "file": self.file.display().to_string(),
            "keys": state.count,
            "read_ms": state.read_ms,
            "error": state.error,
            "default": self.active.read().has_default(),
            "rotating": self.series.rotating(),
        })
    }
}

/// A signed request was checked with this key.
pub(crate) struct Signed(u64, Arc<Key>);

impl Signed {
    /// The connection belongs to the key from now on.
    pub(crate) fn take(self, session: &Session) {
        if session.grant().is_none() {
            session.belongs_to(self.0, self.1);
        }
    }
}

fn count(file: &KeysFile) -> usize {
    file.keys.len() + file.derived.len()
}

#[cfg(test)]
mod tests;
