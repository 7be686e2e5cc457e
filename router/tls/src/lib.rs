//! TLS 1.3, for servers and for clients.
//!
//! * [`ServerTls`] ends TLS with a certificate, [`ClientTls`] begins it with a CA. Both make their configuration anew when
//!   its files change; connections that stand go on with the one they began with.
//! * `files` reads PEM files, `current` keeps what was made of them, `certificate` looks into one, [`keep`] renews those of
//!   servers.
//!
//! There is no resumption: a session would outlive the certificate that it was opened with, and connections are kept for
//! long anyway.

mod certificate;
mod client;
mod current;
mod files;
mod renewal;
mod server;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

pub use client::{ClientTls, HandshakeError};
pub use files::{FileError, Identity};
pub use renewal::keep;
pub use server::{Handshake, ServerFiles, ServerTls};

/// The first byte of a TLS connection: a record with a handshake.
pub const FIRST_BYTE: u8 = 0x16;

/// Protocol of shards, as clients and servers name it in a handshake.
pub const SHARD_PROTOCOL: &[u8] = b"eg";
/// That of HTTP/1.
pub const HTTP_PROTOCOL: &[u8] = b"http/1.1";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
