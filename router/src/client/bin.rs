//! Bytes that travel as a MessagePack bin.

use serde::{Serialize, Serializer};

/// A byte string parameter such as `properties_msgpack`. Without it, serde writes bytes as an array of integers,
/// which servers take too, at up to twice the size and many times the cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bin<'a>(
    /// The bytes.
    pub &'a [u8],
);

impl Serialize for Bin<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
