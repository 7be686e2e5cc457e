//! The connections of the shard: listed, ended.

use serde::Deserialize;
use serde_json::json;

use crate::{
    keys::Session,
    request::{error::OpError, service::ServiceCall},
    wire::{DecodeError, Method, NoParams, Params, encode, field_uint, json::value, text_or_nil},
};

/// `SessionKill`
#[derive(Debug, Deserialize)]
pub(crate) struct SessionKill<'a> {
    /// Number of a connection.
    #[serde(default)]
    session: Option<u64>,
    /// Id of a key: all connections that belong to it, but for the one that asks.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    key: Option<&'a str>,
}

/// `SessionList`, oldest first
pub(super) fn list(call: &ServiceCall<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), OpError> {
    let sessions = call.shard.sessions.all();
    encode::array(out, sessions.len());
    for session in sessions {
        value(out, &row(&session, call.request.connection));
    }
    Ok(())
}

fn row(session: &Session, own: u64) -> serde_json::Value {
    let (peer, (requests, last)) = (session.peer(), session.requests());
    json!({
        "session": session.number(),
        "peer": peer.address,
        "transport": peer.transport.name(),
        "certificate": peer.certificate,
        "principal": session.principal(),
        "key": session.grant().map(|grant| grant.id()),
        "since_ms": session.since_ms(),
        "requests": requests,
        "last_ms": last,
        "own": session.number() == own,
    })
}

/// `SessionKill`
pub(super) fn kill(
    call: &ServiceCall<'_>,
    SessionKill { session, key }: SessionKill<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let own = call.request.connection;
    let killed = match (session, key) {
        (Some(number), None) => call.shard.sessions.end(|session| session.number() == number),
        (None, Some(key)) => call
            .shard
            .sessions
            .end(|session| session.number() != own && session.grant().is_some_and(|grant| grant.id() == key)),
        (Some(_), Some(_)) | (None, None) => {
            return Err(OpError::Text("SessionKill: give either session or key".into()));
        }
    };
    if let (0, Some(number)) = (killed, session) {
        return Err(OpError::Text(format!("Session '{number}' not found")));
    }
    tracing::info!(killed, session, key, by = call.request.envelope.agent_id, "sessions were ended");
    encode::map(out, 1);
    field_uint(out, "killed", killed as u64);
    Ok(())
}

/// What a `SessionKill` is about, in words.
pub(crate) fn killed(method: Method, raw: Option<&[u8]>) -> Result<String, DecodeError> {
    let SessionKill { session, key } = SessionKill::decode(method, raw)?;
    Ok(match (session, key) {
        (Some(number), _) => format!("session {number}"),
        (None, key) => format!("key {}", key.unwrap_or_default()),
    })
}
