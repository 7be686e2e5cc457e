//! Signed requests: whether the token is that of this request, made now, for this server, and never seen before.
//!
//! [`epistemic_signing`] knows the form of tokens; here are the clock, the memory of nonces ([`nonces`]) and what the
//! operator expects of the claims ([`expected`]).

mod expected;
mod nonce_files;
mod nonces;
mod once;
mod refusal;
mod scopes;

use epistemic_signing::{BodyHash, PREFIX, Request, Token};
use epistemic_storage::{clock, properties::token::Reader};

pub(crate) use expected::Expected;
pub(crate) use nonces::Outlives;
pub(crate) use once::{has_own_key, once};
pub(crate) use refusal::Refusal;
pub(crate) use scopes::Scope;

use crate::wire::Envelope;
use nonces::Nonces;

/// Checks signed requests.
pub(crate) struct SignedRequests {
    expected: Expected,
    nonces: Nonces,
    /// Seconds that a client's clock may differ.
    window: u64,
}

impl SignedRequests {
    /// Reads the nonces of before, where they outlive a process. Blocks.
    pub(crate) fn open(expected: Expected, window: u64, outlives: Outlives<'_>) -> Self {
        let nonces = Nonces::open(outlives, window, now());
        Self { expected, nonces, window }
    }

    /// Whether a token claims to be a signed one.
    pub(crate) fn is_meant(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// Checks a request, once: the second time its nonce is known. `is_signed` asks whether the MAC is that of the request, by
    /// some key. May block for a moment, on a disk that is slow to take a nonce.
    ///
    /// # Errors
    /// What to answer; nothing was done.
    pub(crate) fn check<T>(
        &self,
        envelope: &Envelope<'_>,
        scope: Scope,
        is_signed: impl FnOnce(&Token, &Request<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if !envelope.exact {
            return Err(Refusal::Encoding("unknown fields, or no agent_id".into()));
        }
        let token = Token::parse(envelope.auth_token).map_err(|_| Refusal::Token)?;
        let params = envelope.params.map(only_value).transpose()?;
        let body =
            BodyHash::of(envelope.method, params).map_err(|error| Refusal::Encoding(error.to_string()))?;
        let request = Request { id: envelope.id, graph: envelope.graph, method: envelope.method, body };
        let signed = is_signed(&token, &request)?;
        let now = now();
        if token.timestamp.abs_diff(now) > self.window {
            return Err(Refusal::Expired);
        }
        let context = &token.context;
        if envelope.agent_id.is_some_and(|agent| agent != context.agent_id) || context.check().is_err() {
            return Err(Refusal::Token);
        }
        self.expected.check(context)?;
        if token.nonce.is_empty() || token.idempotency_key.trim().is_empty() {
            return Err(Refusal::Token);
        }
        self.nonces.remember(&token.nonce, token.timestamp, now)?;
        scope.check(&context.scopes)?;
        Ok(signed)
    }

    /// How long the idempotency key of a write is kept, in milliseconds: for as long as the nonce of its token at most is.
    pub(crate) fn keys_kept_ms(&self) -> u64 {
        self.window.saturating_mul(2_000)
    }

    /// Says that all nonces are on disk. Blocks.
    pub(crate) fn close(&self) {
        self.nonces.close();
    }
}

fn now() -> u64 {
    clock::unix_ms() / 1000
}

/// The first MessagePack value of some bytes.
fn only_value(bytes: &[u8]) -> Result<&[u8], Refusal> {
    let mut reader = Reader::new(bytes);
    reader.skip(0).map_err(|error| Refusal::Encoding(error.to_string()))?;
    Ok(&bytes[..reader.position()])
}
