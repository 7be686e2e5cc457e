//! The connections that are served, for the operator who lists and ends them.

use std::{collections::HashMap, fmt, sync::Arc};

use epistemic_listen::Origin;
use parking_lot::Mutex;

use crate::keys::Session;

/// What a connection comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Unix,
    Tcp,
    Tls,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::Unix => "unix",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
    }
}

/// The other end of a connection, as far as the network shows it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) origin: Origin,
    pub(crate) address: String,
    pub(crate) transport: Transport,
    /// The URI of the certificate that it showed.
    pub(crate) certificate: Option<String>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.certificate {
            Some(uri) => write!(f, "{}, {uri}", self.address),
            None => f.write_str(&self.address),
        }
    }
}

/// All connections by their numbers.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<u64, Arc<Session>>>);

/// A connection among them, for as long as this is there.
pub(crate) struct Listed<'a> {
    sessions: &'a Sessions,
    number: u64,
}

impl Sessions {
    pub(crate) fn add(&self, session: &Arc<Session>) -> Listed<'_> {
        let number = session.number();
        self.0.lock().insert(number, Arc::clone(session));
        Listed { sessions: self, number }
    }

    /// The connections of now, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.0.lock().values().cloned().collect();
        all.sort_by_key(|session| session.number());
        all
    }

    /// Ends those that `which` picks; how many. What they have asked for is finished as for any client that is gone.
    pub(crate) fn end(&self, which: impl Fn(&Session) -> bool) -> usize {
        let picked: Vec<_> = self.all().into_iter().filter(|session| which(session)).collect();
        picked.iter().for_each(|session| session.end());
        picked.len()
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.sessions.0.lock().remove(&self.number);
    }
}
