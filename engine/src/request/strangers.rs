//! Large frames of strangers. What it takes to check a token may be the whole frame, walked and hashed: that is not done for
//! many at a time.

use std::{collections::VecDeque, sync::Arc};

use epistemic_protocol::ErrorCode;

use super::{
    dispatch::{Dispatched, dispatch},
    error::OpError,
    incoming::Client,
    pending::PendingResponse,
};
use crate::{
    audit,
    memory::Body,
    quotas::Place,
    shard::{Authentication, MadeWith, Shard, takes_by_id},
    signed::SignedRequests,
    wire::{ReplyTo, envelope},
};

/// A frame of so many bytes is large.
pub(crate) const LARGE: usize = 1 << 20;
/// Large frames of strangers that are checked at a time.
pub(crate) const AT_ONCE: usize = 2;

/// [`dispatch`] for a frame of a connection that has not authenticated.
pub(crate) fn dispatch_stranger(
    shard: &Arc<Shard>,
    client: Client<'_>,
    body: &Body,
    place: &mut Option<Place>,
    pending: &VecDeque<PendingResponse>,
    outbox: &mut Vec<u8>,
) -> Dispatched {
    if body.len() < LARGE {
        return dispatch(shard, client, body, false, place, pending, outbox);
    }
    let head = envelope::before_params(body);
    let mut refuse = |error: OpError| {
        let to = ReplyTo { id: head.map_or(0, |head| head.id), coded: false };
        PendingResponse::refused(&error, to, pending.is_empty(), outbox)
    };
    if let (Authentication::Tokens { made_with: MadeWith::Secret(shared), weakest, .. }, Some(head)) =
        (&shard.authentication, head)
        && takes_by_id(*weakest, client.peer)
        && !SignedRequests::is_meant(head.auth_token)
    {
        if shared.by_id.verify(head.id, head.auth_token) {
            return dispatch(shard, client, body, false, place, pending, outbox);
        }
        shard.metrics.auth_failure();
        audit::unauthenticated(shard, client.peer, None, "Authentication failed");
        return Dispatched::WrongToken(refuse(OpError::Text("Authentication failed".into())));
    }
    match shard.large_strangers.try_acquire() {
        Ok(_one) => dispatch(shard, client, body, false, place, pending, outbox),
        Err(_) => {
            let text = "other large first requests are being checked, retry with backoff";
            Dispatched::Answered(refuse(OpError::Refused(ErrorCode::Busy, text.into())))
        }
    }
}
