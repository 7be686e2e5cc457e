//! Strings of a request, borrowed from the frame. A bin of valid UTF-8 is a string too.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};

/// A string. `&str` itself will not do: serde calls it "a borrowed string" in errors.
pub(super) struct Text<'a>(pub(super) &'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(value))
    }

    fn visit_borrowed_bytes<E: Error>(self, value: &'de [u8]) -> Result<Text<'de>, E> {
        match std::str::from_utf8(value) {
            Ok(text) => Ok(Text(text)),
            Err(_) => Err(E::invalid_value(Unexpected::Bytes(value), &self)),
        }
    }
}

/// For `deserialize_with`: a string.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    Text::deserialize(deserializer).map(|text| text.0)
}

/// For `deserialize_with`: a string or nil.
pub(super) fn text_or_nil<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    Option::<Text<'de>>::deserialize(deserializer).map(|text| text.map(|text| text.0))
}

/// For `deserialize_with`: a string that may be left out.
pub(super) fn some_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    text(deserializer).map(Some)
}

/// For `deserialize_with`: a list of strings.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'de str>, D::Error> {
    let texts = Vec::<Text<'de>>::deserialize(deserializer)?;
    Ok(texts.into_iter().map(|text| text.0).collect())
}

/// For `deserialize_with`: a list of strings that may be left out.
pub(super) fn some_texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<&'de str>>, D::Error> {
    texts(deserializer).map(Some)
}

/// For `deserialize_with`: a list of pairs of strings.
pub(super) fn pairs<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(&'de str, &'de str)>, D::Error> {
    let pairs = Vec::<(Text<'de>, Text<'de>)>::deserialize(deserializer)?;
    Ok(pairs.into_iter().map(|(first, second)| (first.0, second.0)).collect())
}

/// For `deserialize_with`: a list of triples of strings.
pub(super) fn triples<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(&'de str, &'de str, &'de str)>, D::Error> {
    let triples = Vec::<(Text<'de>, Text<'de>, Text<'de>)>::deserialize(deserializer)?;
    Ok(triples.into_iter().map(|(first, second, third)| (first.0, second.0, third.0)).collect())
}

/// `[source, target]` or `[source, target, weight]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightedEdge<'a> {
    /// Where it starts.
    pub source: &'a str,
    /// Where it ends.
    pub target: &'a str,
    /// What clients from 2.27 on give.
    pub weight: Option<f64>,
}

impl<'de: 'a, 'a> Deserialize<'de> for WeightedEdge<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EdgeVisitor)
    }
}

struct EdgeVisitor;

impl<'de> Visitor<'de> for EdgeVisitor {
    type Value = WeightedEdge<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a tuple of size 2")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut text = |place| match items.next_element::<Text<'de>>()? {
            Some(text) => Ok(text.0),
            None => Err(A::Error::invalid_length(place, &self)),
        };
        let (source, target) = (text(0)?, text(1)?);
        Ok(WeightedEdge { source, target, weight: items.next_element()? })
    }
}

/// For `deserialize_with`: a list of pairs of a string and a number.
pub(super) fn weights<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(&'de str, f64)>, D::Error> {
    let weights = Vec::<(Text<'de>, f64)>::deserialize(deserializer)?;
    Ok(weights.into_iter().map(|(id, weight)| (id.0, weight)).collect())
}
