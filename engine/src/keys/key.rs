//! The secrets of a key. A token that is wrong costs as much whatever is wrong with it: nobody learns from the time which
//! keys there are.

use std::sync::Arc;

use epistemic_keys::{Secret, Tokens, Validity};
use epistemic_signing::Key as SigningKey;
use epistemic_storage::clock;

use super::{grant::Grant, series::Counters, session::Session};
use crate::wire::TokenKey;

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Over the id of a request.
    ById,
    /// Over all of it.
    Signed,
}

/// A key in force.
pub(super) struct Key {
    pub(super) grant: Arc<Grant>,
    /// The current one and the previous one. What is not there is one that nobody knows.
    secrets: [Loaded; 2],
    tokens: Tokens,
    validity: Validity,
    /// Some bound of time is to be looked at.
    is_bounded: bool,
    /// URIs of certificates that show it.
    certificates: Vec<String>,
    /// None for one that no token is of.
    counters: Option<Counters>,
}

/// A secret as the key of tokens.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) by_id: TokenKey,
    pub(super) signing: SigningKey,
    validity: Validity,
}

impl Loaded {
    fn of(text: &str, validity: Validity) -> Self {
        Self { by_id: TokenKey::new(text), signing: SigningKey::new(text), validity }
    }

    /// One that nobody knows.
    fn unknown() -> Self {
        let random = hex::encode(rand::random::<[u8; 32]>());
        Self::of(&random, Validity { not_before: Some(u64::MAX), not_after: Some(0) })
    }
}

impl Key {
    /// With one secret or two.
    pub(super) fn new(
        grant: Arc<Grant>,
        secrets: &[Secret],
        tokens: Tokens,
        validity: Validity,
        counters: Option<Counters>,
    ) -> Self {
        let load = |index: usize| match secrets.get(index) {
            Some(secret) => Loaded::of(secret.text.expose(), secret.validity),
            None => Loaded::unknown(),
        };
        let is_bounded = validity.is_bounded() || secrets.iter().any(|secret| secret.validity.is_bounded());
        let certificates = Vec::new();
        Self { grant, secrets: [load(0), load(1)], tokens, validity, is_bounded, certificates, counters }
    }

    /// The same, which certificates of these URIs show as well.
    pub(super) fn with_certificates(mut self, certificates: &[String]) -> Self {
        self.certificates = certificates.to_vec();
        self
    }

    /// Whether it counts now for a connection whose certificate shows it.
    pub(super) fn check_certificate(&self) -> bool {
        let holds = !self.is_bounded || self.validity.holds(now());
        if let Some(counters) = self.counters.as_ref().filter(|_| holds) {
            counters.count_certificate();
        }
        holds
    }

    /// Whether the connection has not got to it by a certificate that does not show it any more.
    pub(super) fn still_certifies(&self, session: &Session) -> bool {
        let shown = session.peer().certificate.as_ref().filter(|_| session.is_certified());
        shown.is_none_or(|uri| self.certificates.contains(uri))
    }

    /// One that no token is of.
    pub(super) fn nobodys(grant: Grant) -> Self {
        let none = Tokens { by_id: false, signed: false };
        Self::new(Arc::new(grant), &[], none, Validity::default(), None)
    }

    /// Whether a secret that counts now shows by `shows` that it made the token. Two are tried, no more.
    pub(super) fn check(&self, version: Version, shows: impl Fn(&Loaded) -> bool) -> bool {
        let now = if self.is_bounded { now() } else { 0 };
        let taken = match version {
            Version::ById => self.tokens.by_id,
            Version::Signed => self.tokens.signed,
        };
        for (index, secret) in self.secrets.iter().enumerate() {
            // The token is looked at whatever else is wrong.
            if shows(secret) && taken && self.validity.holds(now) && secret.validity.holds(now) {
                if let Some(counters) = &self.counters {
                    counters.count(version == Version::Signed, index > 0);
                }
                return true;
            }
        }
        false
    }

    /// Whether any of its secrets counts now.
    pub(super) fn is_valid(&self) -> bool {
        let now = now();
        let shows = self.secrets.iter().any(|secret| secret.validity.holds(now));
        self.validity.holds(now) && (shows || !self.certificates.is_empty())
    }
}

fn now() -> u64 {
    clock::unix_ms() / 1000
}
