//! Idempotency keys: a write that was made is not made again for the same caller, graph and key.

use epistemic_signing::{BodyHash, Request, Token};
use epistemic_storage::graph::Once;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{SignedRequests, only_value};
use crate::wire::Envelope;

/// Begins what clients from 2.27 on send in place of a token where none is wanted, if the caller gave a key.
const ANONYMOUS: &str = "anon1.";

#[derive(Deserialize)]
struct Anonymous {
    idempotency_key: String,
}

/// Begins the keys that published clients make up.
const MADE_UP: &str = "rpc:sha256:";

/// Whether the caller gave a key that does not look like one that clients make up.
pub(crate) fn has_own_key(envelope: &Envelope<'_>) -> bool {
    given(envelope).is_some_and(|(_, key)| !key.starts_with(MADE_UP))
}

/// The principal of a request, and its key.
fn given(envelope: &Envelope<'_>) -> Option<(String, String)> {
    if SignedRequests::is_meant(envelope.auth_token) {
        let token = Token::parse(envelope.auth_token).ok()?;
        return Some((token.context.principal, token.idempotency_key));
    }
    let json = envelope.auth_token.strip_prefix(ANONYMOUS)?;
    let Anonymous { idempotency_key } = serde_json::from_str(json).ok()?;
    Some((String::new(), idempotency_key))
}

/// The name of the write that a checked request asks for, if its caller gave one. The key that clients make up
/// themselves names the id of the request, so it never comes with another one.
pub(crate) fn once(envelope: &Envelope<'_>) -> Option<Once> {
    let (principal, key) = given(envelope)?;
    let params = envelope.params.map(only_value).transpose().ok()?;
    let body = BodyHash::of(envelope.method, params).ok()?;
    let request = Request { id: envelope.id, graph: envelope.graph, method: envelope.method, body };
    if key == request.default_idempotency_key() {
        return None;
    }
    let name = [principal.as_str(), envelope.graph, key.as_str()];
    Some(Once { key: hash(&name), request: hash(&[&body.to_hex()]) })
}

/// A hash of texts, lengths before them.
fn hash(texts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    *hash.finalize().first_chunk().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: u64, token: &str) -> Option<Once> {
        once(&Envelope {
            id,
            graph: "g",
            auth_token: token,
            method: "ClearGraph",
            params: None,
            agent_id: None,
            plain: false,
            exact: true,
        })
    }

    #[test]
    fn a_key_that_the_caller_gave_names_the_write_whatever_the_id() {
        let token = r#"anon1.{"idempotency_key": "k"}"#;
        assert!(of(1, token).is_some());
        assert_eq!(of(1, token), of(2, token));
        assert_ne!(of(1, token), of(1, r#"anon1.{"idempotency_key": "l"}"#));
        for other in ["", "anon1.", "anon1.{}", "0123"] {
            assert_eq!(of(1, other), None, "{other}");
        }
        let body = BodyHash::of("ClearGraph", None).unwrap();
        let request = Request { id: 1, graph: "g", method: "ClearGraph", body };
        let made_up = format!(r#"anon1.{{"idempotency_key": "{}"}}"#, request.default_idempotency_key());
        assert_eq!(of(1, &made_up), None);
    }
}
