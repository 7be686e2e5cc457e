//! The token: the claims, the time, the nonce, and the MAC over them and the request.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{PREFIX, body::BodyHash, context::Context};

/// The first text of every MAC.
const DOMAIN: &str = "eg-envelope-v2";
/// Bytes of a token at most, in hexadecimal digits.
const LONGEST: usize = 64 << 10;

/// The shared secret, ready to make and check MACs.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key is the bytes of the secret, of any length.
    pub fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(secret)")
    }
}

/// The request that a token is for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Id of the frame.
    pub id: u64,
    /// Graph of the frame.
    pub graph: &'a str,
    /// Method of the frame.
    pub method: &'a str,
    /// Hash of its [canonical body](crate::body).
    pub body: BodyHash,
}

impl Request<'_> {
    /// The idempotency key of a request whose caller gives none.
    pub fn default_idempotency_key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.id.to_string());
        for part in [self.graph, self.method, &self.body.to_hex()] {
            hash.update([0]);
            hash.update(part);
        }
        format!("rpc:sha256:{}", hex::encode(hash.finalize()))
    }
}

/// A token, as JSON in hexadecimal digits behind [`PREFIX`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Who asks.
    pub context: Context,
    /// Unix seconds.
    pub timestamp: u64,
    /// Never used before with this server.
    pub nonce: String,
    /// The same for a request that is sent again.
    pub idempotency_key: String,
    /// Lower-case hexadecimal digits.
    mac: String,
    /// Not covered by the MAC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_token: Option<String>,
}

/// Why a token is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token is not one of this form")]
pub struct TokenError;

impl Token {
    /// Makes the token of a request. `nonce` must be new, `timestamp` the time in Unix seconds.
    pub fn sign(
        key: &Key,
        request: &Request<'_>,
        context: Context,
        timestamp: u64,
        nonce: String,
        idempotency_key: Option<String>,
    ) -> Self {
        let idempotency_key = idempotency_key.unwrap_or_else(|| request.default_idempotency_key());
        let mac = String::new();
        let mut token = Self { context, timestamp, nonce, idempotency_key, mac, oidc_token: None };
        token.mac = hex::encode(token.mac_of(key, request));
        token
    }

    /// Reads a token; nothing in it is checked yet.
    ///
    /// # Errors
    /// It has another form, an unknown, repeated or missing key, or more than 64 KiB.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() <= LONGEST).ok_or(TokenError)?;
        let json = hex::decode(digits).map_err(|_| TokenError)?;
        serde_json::from_slice(&json).map_err(|_| TokenError)
    }

    /// The text for `auth_token`.
    pub fn encode(&self) -> String {
        let json = serde_json::to_vec(self).expect("texts and numbers have a JSON form");
        format!("{PREFIX}{}", hex::encode(json))
    }

    /// Whether the MAC is that of this request. Takes the same time for all wrong ones.
    pub fn is_signed(&self, key: &Key, request: &Request<'_>) -> bool {
        hex::encode(self.mac_of(key, request)).as_bytes().ct_eq(self.mac.as_bytes()).into()
    }

    fn mac_of(&self, key: &Key, request: &Request<'_>) -> [u8; 32] {
        let mut mac = key.0.clone();
        mac.update(&self.mac_input(request));
        mac.finalize().into_bytes().into()
    }

    /// What the MAC covers: lengths before texts, so that no two requests have one form.
    fn mac_input(&self, request: &Request<'_>) -> Vec<u8> {
        let Context {
            principal, tenant, audience, agent_id, roles, scopes, policy_version, delegation, ..
        } = &self.context;
        let mut input = Vec::with_capacity(512);
        text(&mut input, DOMAIN);
        input.extend_from_slice(&request.id.to_be_bytes());
        for part in [request.graph, request.method, &request.body.to_hex()] {
            text(&mut input, part);
        }
        for claim in [principal, tenant, audience, agent_id] {
            text(&mut input, claim);
        }
        list(&mut input, roles);
        list(&mut input, scopes);
        text(&mut input, policy_version);
        list(&mut input, delegation);
        input.extend_from_slice(&self.timestamp.to_be_bytes());
        text(&mut input, &self.nonce);
        text(&mut input, &self.idempotency_key);
        for (mark, claim) in [(1, &self.context.node), (2, &self.context.priority)] {
            if let Some(claim) = claim {
                input.push(mark);
                text(&mut input, claim);
            }
        }
        input
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&length(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn list(out: &mut Vec<u8>, list: &[String]) {
    out.extend_from_slice(&length(list.len()));
    list.iter().for_each(|entry| text(out, entry));
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("a frame has less than 4 GiB").to_be_bytes()
}
