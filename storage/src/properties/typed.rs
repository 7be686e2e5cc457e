//! Property bytes of serde types.

use serde::{Serialize, de::DeserializeOwned};

/// The property bytes of a map or a struct, by the names of its fields.
///
/// # Errors
/// It cannot be written as MessagePack.
pub fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(value)
}

/// Reads property bytes.
///
/// # Errors
/// They are no `T`.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(bytes)
}
