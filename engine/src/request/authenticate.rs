//! Who sent a request: whoever knows the secret. Two kinds of tokens show it, one over the id of the request, the other
//! over all of it.

use std::time::Duration;

use epistemic_logging::Limit;

use super::{error::OpError, operation::Operation};
use crate::{
    shard::{Authentication, Shard},
    signed::{Refusal, SignedRequests},
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
pub(crate) fn look(shard: &Shard, envelope: &Envelope<'_>) -> Shown {
    let Authentication::Secret { by_id, .. } = &shard.authentication else { return Shown::Known };
    if SignedRequests::is_meant(envelope.auth_token) {
        return Shown::Signs;
    }
    match by_id {
        Some(by_id) if by_id.verify(envelope.id, envelope.auth_token) => Shown::Known,
        Some(_) | None => Shown::Nothing,
    }
}

/// Whether the token is one of this request. A signed request is to be checked once. `operation` is none when this server has
/// none of that name.
///
/// # Errors
/// What to answer; nothing was done.
pub(crate) fn check(
    shard: &Shard,
    envelope: &Envelope<'_>,
    operation: Option<&Operation>,
) -> Result<(), OpError> {
    let Authentication::Secret { by_id, signed } = &shard.authentication else { return Ok(()) };
    if SignedRequests::is_meant(envelope.auth_token) {
        // What the parameters of an operation are has to be known to check what was signed.
        let Some(operation) = operation else { return Err(OpError::Unserved(envelope.method.to_owned())) };
        return signed.check(envelope, operation.scope).inspect_err(tell).map_err(OpError::from);
    }
    match by_id {
        Some(by_id) if by_id.verify(envelope.id, envelope.auth_token) => Ok(()),
        Some(_) => Err(OpError::Text("Authentication failed".into())),
        None => Err(OpError::Text(
            "Authentication failed: this server takes signed requests only (--min-auth signed), which clients send \
             from 2.27 on"
                .into(),
        )),
    }
}
