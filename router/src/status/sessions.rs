//! Answer of `SessionList`.

use serde::{Deserialize, Serialize};

/// A connection of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its number, by which it can be ended.
    pub session: u64,
    /// Where it comes from.
    pub peer: String,
    /// `unix`, `tcp` or `tls`.
    pub transport: String,
    /// The URI of the certificate that it showed.
    pub certificate: Option<String>,
    /// Who its requests are from, as far as is known.
    pub principal: Option<String>,
    /// The key that it belongs to, where there is a file of keys.
    pub key: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub since_ms: u64,
    /// Requests of a known sender.
    pub requests: u64,
    /// When the last one came.
    pub last_ms: Option<u64>,
    /// It is the connection that asks.
    pub own: bool,
}
