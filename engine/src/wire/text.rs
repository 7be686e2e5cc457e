//! Strings of a request, borrowed from the frame. A bin of valid UTF-8 is a string too.

use std::{fmt, marker::PhantomData};

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
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    Text::deserialize(deserializer).map(|text| text.0)
}

/// Items of one list in a request: each takes 16 to 48 bytes beside the request, which may have one of a byte.
const MAX_ITEMS: usize = 4 << 20;

/// A list of at most [`MAX_ITEMS`].
fn list<'de, D, T, U>(deserializer: D, convert: fn(T) -> U) -> Result<Vec<U>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(ListVisitor(convert, PhantomData))
}

struct ListVisitor<T, U>(fn(T) -> U, PhantomData<T>);

impl<'de, T: Deserialize<'de>, U> Visitor<'de> for ListVisitor<T, U> {
    type Value = Vec<U>;

    /// The words of serde for a `Vec`.
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<U>, A::Error> {
        // Room for a megabyte at first, as serde does it.
        let expected = items.size_hint().unwrap_or(0);
        if expected > MAX_ITEMS {
            return Err(A::Error::custom(format!("a list of {expected} items, {MAX_ITEMS} are the most")));
        }
        let mut list = Vec::with_capacity(expected.min((1 << 20) / size_of::<U>().max(1)));
        while let Some(item) = items.next_element()? {
            if list.len() == MAX_ITEMS {
                return Err(A::Error::custom(format!("a list of over {MAX_ITEMS} items")));
            }
            list.push((self.0)(item));
        }
        Ok(list)
    }
}

/// For `deserialize_with`: a list of items with strings in them.
pub(crate) fn items<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    list(deserializer, |item: T| item)
}

/// For `deserialize_with`: a string or nil.
pub(crate) fn text_or_nil<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    Option::<Text<'de>>::deserialize(deserializer).map(|text| text.map(|text| text.0))
}

/// For `deserialize_with`: a string that may be left out.
pub(crate) fn some_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    text(deserializer).map(Some)
}

/// For `deserialize_with`: a list of strings.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'de str>, D::Error> {
    list(deserializer, |text: Text<'de>| text.0)
}

/// For `deserialize_with`: a list of strings that may be left out.
pub(crate) fn some_texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<&'de str>>, D::Error> {
    texts(deserializer).map(Some)
}

/// For `deserialize_with`: a list of pairs of strings.
pub(crate) fn pairs<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(&'de str, &'de str)>, D::Error> {
    list(deserializer, |(first, second): (Text<'de>, Text<'de>)| (first.0, second.0))
}

/// For `deserialize_with`: a list of triples of strings.
pub(crate) fn triples<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(&'de str, &'de str, &'de str)>, D::Error> {
    list(deserializer, |(first, second, third): (Text<'de>, Text<'de>, Text<'de>)| {
        (first.0, second.0, third.0)
    })
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
pub(crate) fn weights<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(&'de str, f64)>, D::Error> {
    list(deserializer, |(id, weight): (Text<'de>, f64)| (id.0, weight))
}
