//! Bytes of a request: a bin, a str, or a list of integers 0-255, which is what the Python clients send.

use std::borrow::Cow;
use std::fmt;

use epistemic_storage::properties::token::Reader;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::error::DecodeError;
use super::value::Value;

/// For `deserialize_with`: bytes, borrowed unless they came as a list.
pub(crate) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, [u8]>, D::Error> {
    deserializer.deserialize_bytes(BytesVisitor)
}

/// For `deserialize_with`: bytes that may be left out.
pub(crate) fn some_bytes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'de, [u8]>>, D::Error> {
    bytes(deserializer).map(Some)
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("byte array")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value.as_bytes()))
    }

    fn visit_borrowed_bytes<E: Error>(self, value: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_byte_buf<E: Error>(self, value: Vec<u8>) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value))
    }
}

/// Reads `count` integers 0-255. Runs of eight small ones, which is most text, are copied as they are.
pub(super) fn read_integers(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u8>, DecodeError> {
    const SMALL: u64 = 0x8080_8080_8080_8080;
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        let rest = reader.rest();
        if let Some(run) = rest.first_chunk::<8>()
            && u64::from_ne_bytes(*run) & SMALL == 0
            && bytes.len() + run.len() <= count
        {
            bytes.extend_from_slice(reader.take(run.len())?);
        } else if let [byte @ 0..=0x7f, ..] = rest {
            bytes.push(*byte);
            reader.take(1)?;
        } else if let [0xcc, byte, ..] = rest {
            bytes.push(*byte);
            reader.take(2)?;
        } else {
            bytes.push(u8::deserialize(Value::new(reader, 0))?);
        }
    }
    Ok(bytes)
}
