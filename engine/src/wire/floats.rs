//! Embeddings of a request: lists of numbers, as float32.

use std::fmt;

use epistemic_storage::properties::token::Reader;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::{error::DecodeError, value::Value};

/// Components of one embedding at most.
const MAX_COMPONENTS: usize = 65_536;

/// For `deserialize_with`: float32 components, converted from any number. Those out of range become infinite.
pub(crate) fn components<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    deserializer.deserialize_seq(ComponentsVisitor)
}

/// The components of a MessagePack value, as `components`.
///
/// # Errors
/// It is no list of numbers, or has too many.
pub fn embedding(raw: &[u8]) -> Result<Vec<f32>, DecodeError> {
    components(Value::new(&mut Reader::new(raw), 1))
}

struct ComponentsVisitor;

impl<'de> Visitor<'de> for ComponentsVisitor {
    type Value = Vec<f32>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<f32>, A::Error> {
        let count = items.size_hint().unwrap_or(0);
        let mut components = Vec::with_capacity(count.min(MAX_COMPONENTS));
        while let Some(component) = items.next_element()? {
            if components.len() == MAX_COMPONENTS {
                let most = format!("at most {MAX_COMPONENTS} components");
                return Err(A::Error::invalid_length(count, &most.as_str()));
            }
            components.push(component);
        }
        Ok(components)
    }
}
