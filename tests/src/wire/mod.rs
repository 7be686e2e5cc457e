//! A blocking client for tests. It builds frames by hand, so it can also build wrong ones.
//!
//! ```no_run
//! use epistemic_tests::wire::{bin, params, Client, Endpoint};
//!
//! let mut client = Client::connect(&Endpoint::Unix("/tmp/s.sock".into()), "secret")?;
//! client.call("g", "AddNode", params([("node_id", "a".into()), ("properties_msgpack", bin([0x80]))]))?;
//! let count = client.call("g", "NodeCount", None)?;
//! assert_eq!(count, 1.into());
//! # Ok::<(), epistemic_tests::WireError>(())
//! ```

mod client;
mod request;

use std::io;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use client::{ANSWER_LIMIT, Client, Endpoint};
pub use request::{Request, Response};
pub use rmpv::Value;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The server answered with this error text; the connection is still good.
    #[error("the server answered: {0}")]
    Server(String),
    /// The connection failed or was closed.
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    /// The answer was not what the protocol allows.
    #[error("not a valid answer: {0}")]
    Protocol(String),
}

impl WireError {
    /// The text of an error answer, or nothing if the connection failed.
    pub fn server_text(&self) -> Option<&str> {
        match self {
            WireError::Server(text) => Some(text),
            WireError::Io(_) | WireError::Protocol(_) => None,
        }
    }
}

/// The `auth_token` of the request `id`.
pub fn token(secret: &str, id: u64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(id.to_string().as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A map with string keys, in the order given.
pub fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Map(fields.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// The `params` of a call; see [`map`].
pub fn params<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Option<Value> {
    Some(map(fields))
}

/// A bin.
pub fn bin(bytes: impl Into<Vec<u8>>) -> Value {
    Value::Binary(bytes.into())
}

/// Bytes as an array of integers, the way the Python client sends them.
pub fn ints(bytes: &[u8]) -> Value {
    Value::Array(bytes.iter().map(|byte| Value::from(*byte)).collect())
}

/// MessagePack of a value.
pub fn pack(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).expect("writing to memory cannot fail");
    bytes
}

/// The first MessagePack value of some bytes.
pub fn unpack(bytes: &[u8]) -> Result<Value, WireError> {
    rmpv::decode::read_value(&mut &bytes[..]).map_err(|error| WireError::Protocol(error.to_string()))
}

/// A field of a map, by name.
pub fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_map()?.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}
