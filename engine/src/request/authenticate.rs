//! Who sent a request: whoever knows the secret. Two kinds of tokens show it, one over the id of the request, the other
//! over all of it.

use std::time::Duration;

use epistemic_logging::Limit;

use super::{error::OpError, operation::Operation};
use crate::{
    config::MinAuth,
    keys::{Keys, Session},
    shard::{Authentication, MadeWith, Shard, takes_by_id},
    signed::{Refusal, Scope, SignedRequests},
    wire::Envelope,
};

/// Anybody who can connect can cause this line.
fn tell(refusal: &Refusal) {
    static LINES: Limit = Limit::new(5, Duration::from_secs(60));
    if let Some(left_out) = LINES.admit() {
        tracing::info!(left_out, "signed request refused: {}: {refusal}", refusal.code());
    }
}

/// What the beginning of a request shows of its sender.
pub(crate) enum Shown {
    /// He is known.
    Known,
    /// He signs all of the request, which must be there to be checked.
    Signs,
    /// Nothing.
    Nothing,
}

/// Looks at the token of a request that has not arrived as a whole. Nothing is taken note of.
pub(crate) fn look(shard: &Shard, client: &Session, envelope: &Envelope<'_>) -> Shown {
    let Authentication::Tokens { made_with, weakest, .. } = &shard.authentication else {
        return Shown::Known;
    };
    if let (MadeWith::Keys(keys), true) = (made_with, client.is_certified()) {
        return if keys.looks_right(client, envelope) { Shown::Known } else { Shown::Nothing };
    }
    if SignedRequests::is_meant(envelope.auth_token) {
        return Shown::Signs;
    }
    let is_right = takes_by_id(*weakest, client)
        && match made_with {
            MadeWith::Secret(shared) => shared.by_id.verify(envelope.id, envelope.auth_token),
            MadeWith::Keys(keys) => keys.looks_right(client, envelope),
        };
    if is_right { Shown::Known } else { Shown::Nothing }
}

/// Whether the token is one of this request. A signed request is to be checked once. `operation` is none when this server has
/// none of that name.
///
/// # Errors
/// What to answer; nothing was done.
pub(crate) fn check(
    shard: &Shard,
    client: &Session,
    envelope: &Envelope<'_>,
    operation: Option<&Operation>,
) -> Result<(), OpError> {
    let Authentication::Tokens { made_with, weakest, signed } = &shard.authentication else { return Ok(()) };
    if let (MadeWith::Keys(keys), true) = (made_with, client.is_certified()) {
        return Ok(keys.check_by_id(client, envelope)?);
    }
    if SignedRequests::is_meant(envelope.auth_token) {
        // What the parameters of an operation are has to be known to check what was signed.
        let Some(operation) = operation else { return Err(OpError::Unserved(envelope.method.to_owned())) };
        let checked = match made_with {
            MadeWith::Secret(shared) => signed.check(envelope, operation.scope, |token, request| {
                if token.is_signed(&shared.signing, request) { Ok(()) } else { Err(Refusal::Signature) }
            }),
            MadeWith::Keys(keys) => with_keys(keys, signed, client, envelope, operation.scope),
        };
        return checked.inspect_err(tell).map_err(OpError::from);
    }
    if !takes_by_id(*weakest, client) {
        let (which, flag) = match weakest {
            MinAuth::Local => ("over the network this server", "1-local"),
            MinAuth::Token | MinAuth::Signed => ("this server", "signed"),
        };
        return Err(OpError::Text(format!(
            "Authentication failed: {which} takes signed requests only (--min-auth {flag}), which clients send from 2.27 on"
        )));
    }
    match made_with {
        MadeWith::Secret(shared) if shared.by_id.verify(envelope.id, envelope.auth_token) => Ok(()),
        MadeWith::Secret(_) => Err(OpError::Text("Authentication failed".into())),
        MadeWith::Keys(keys) => Ok(keys.check_by_id(client, envelope)?),
    }
}

/// A signed request under one of several keys; the connection belongs to it from then on.
fn with_keys(
    keys: &Keys,
    signed: &SignedRequests,
    client: &Session,
    envelope: &Envelope<'_>,
    scope: Scope,
) -> Result<(), Refusal> {
    let key = signed.check(envelope, scope, |token, request| keys.check_signed(client, token, request))?;
    key.take(client);
    Ok(())
}
