//! Properties: stored as MessagePack, shown as JSON.
//!
//! JSON cannot say all that MessagePack can: bytes, numbers of four bytes, keys that are no strings, infinity. So what is shown
//! is made MessagePack again, and where that gives other bytes than those that are stored, these are told beside it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmpv::Value;
use serde::de::Deserialize;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::names::is_visible;

/// Property bytes as they are shown.
#[derive(Debug)]
pub struct Properties {
    /// As JSON; nothing when they are no MessagePack.
    pub json: Option<Box<RawValue>>,
    /// Base64 of the bytes, when the JSON would not give them back.
    pub msgpack: Option<String>,
}

impl Properties {
    /// Those of a node or an edge.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let json = to_json(bytes);
        let is_exact = json.as_ref().is_some_and(|json| from_json(json).is_some_and(|again| again == bytes));
        Self { json, msgpack: (!is_exact).then(|| STANDARD.encode(bytes)) }
    }

    /// On one line, for people: the JSON, or the bytes.
    #[must_use]
    pub fn line(&self) -> String {
        match (&self.json, &self.msgpack) {
            // Control characters are escaped in JSON; those that turn lines around are not.
            (Some(json), _) => visible(json.get()),
            (None, Some(bytes)) => format!("(no MessagePack) {bytes}"),
            (None, None) => String::new(),
        }
    }
}

/// Names and values of properties, each fit to stand on a line; strings without quotes where that is clear.
#[must_use]
pub fn rows(properties: &[u8]) -> Vec<(String, String)> {
    match decoded(properties) {
        Some(Value::Map(pairs)) => {
            pairs.iter().map(|(key, value)| (row_text(key), row_text(value))).collect()
        }
        Some(_) | None => vec![(String::new(), Properties::of(properties).line())],
    }
}

fn row_text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => {
            let is_plain = text.chars().all(is_visible) && text.trim() == text && !text.is_empty();
            // A text that looks like a number or a list is told from one by its quotes.
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            if is_plain && !is_json { text.to_owned() } else { visible(&Json(value).text()) }
        }
        None => visible(&Json(value).text()),
    }
}

/// Property bytes of JSON; nothing when it is no JSON that can be stored.
pub(super) fn from_json(json: &RawValue) -> Option<Vec<u8>> {
    let value = Value::deserialize(&mut serde_json::Deserializer::from_str(json.get())).ok()?;
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &value).ok()?;
    Some(bytes)
}

fn to_json(bytes: &[u8]) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(&Json(&decoded(bytes)?)).ok()
}

/// The byte that MessagePack never uses; rmpv takes it for nil.
const NEVER_USED: u8 = 0xc1;

fn decoded(mut bytes: &[u8]) -> Option<Value> {
    if bytes.first() == Some(&NEVER_USED) {
        return None;
    }
    let value = rmpv::decode::read_value(&mut bytes).ok()?;
    bytes.is_empty().then_some(value)
}

/// The type and labels that the label index has of a node.
#[must_use]
pub fn labels(properties: &[u8]) -> Vec<&str> {
    epistemic_storage::properties::labels(properties)
}

/// Name and text of each property.
pub(super) fn texts(properties: &[u8]) -> Vec<(String, Typed)> {
    let Some(Value::Map(pairs)) = decoded(properties) else { return Vec::new() };
    let typed = |(key, value): (Value, Value)| {
        let name = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        Some((name, Typed::of(&value)?))
    };
    pairs.into_iter().filter_map(typed).collect()
}

/// Whether a text property holds `wanted`, which is in lower case.
#[must_use]
pub fn has_text(properties: &[u8], only: Option<&str>, wanted: &str) -> bool {
    let Some(Value::Map(pairs)) = decoded(properties) else { return false };
    let meant = |key: &Value| only.is_none_or(|only| key.as_str() == Some(only));
    pairs.iter().any(|(key, value)| {
        meant(key) && text_of(value).is_some_and(|text| text.to_lowercase().contains(wanted))
    })
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        Value::Nil => None,
        other @ (Value::Boolean(_)
        | Value::Integer(_)
        | Value::F32(_)
        | Value::F64(_)
        | Value::Binary(_)
        | Value::Array(_)
        | Value::Map(_)
        | Value::Ext(..)) => Some(Json(other).text()),
    }
}

/// A property with the type that it has in formats with types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// Types in the order in which one can stand for those before it, `Boolean` aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Long,
    Double,
    Text,
}

impl Kind {
    /// One type for values of both.
    pub(super) fn with(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Long | Self::Double, Self::Long | Self::Double) => Self::Double,
            (Self::Boolean | Self::Long | Self::Double | Self::Text, _) => Self::Text,
        }
    }
}

impl Typed {
    fn of(value: &Value) -> Option<Self> {
        let kind = match value {
            Value::Nil => return None,
            Value::Boolean(_) => Kind::Boolean,
            Value::Integer(number) if number.as_i64().is_some() => Kind::Long,
            Value::F32(number) if number.is_finite() => Kind::Double,
            Value::F64(number) if number.is_finite() => Kind::Double,
            Value::Integer(_)
            | Value::F32(_)
            | Value::F64(_)
            | Value::String(_)
            | Value::Binary(_)
            | Value::Array(_)
            | Value::Map(_)
            | Value::Ext(..) => Kind::Text,
        };
        Some(Self { kind, text: text_of(value)? })
    }
}

/// A value as the JSON that is next to it.
struct Json<'v>(&'v Value);

impl Json<'_> {
    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Nil => serializer.serialize_unit(),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            Value::Integer(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => serializer.serialize_i64(number),
                (None, Some(number)) => serializer.serialize_u64(number),
                (None, None) => serializer.serialize_unit(),
            },
            Value::F32(number) if number.is_finite() => serializer.serialize_f32(*number),
            Value::F64(number) if number.is_finite() => serializer.serialize_f64(*number),
            Value::F32(number) => serializer.collect_str(number),
            Value::F64(number) => serializer.collect_str(number),
            Value::String(text) => serializer.serialize_str(&String::from_utf8_lossy(text.as_bytes())),
            Value::Binary(bytes) | Value::Ext(_, bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            Value::Array(items) => {
                let mut array = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    array.serialize_element(&Self(item))?;
                }
                array.end()
            }
            Value::Map(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs {
                    match key.as_str() {
                        Some(key) => map.serialize_entry(key, &Self(value))?,
                        None => map.serialize_entry(&key.to_string(), &Self(value))?,
                    }
                }
                map.end()
            }
        }
    }
}

/// JSON in which characters that are not seen, or turn a line around, are escaped as JSON has it. The value is the same.
fn visible(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for letter in json.chars() {
        if is_visible(letter) {
            shown.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, value).unwrap();
        bytes
    }

    fn map(pairs: Vec<(Value, Value)>) -> Vec<u8> {
        packed(&Value::Map(pairs))
    }

    #[test]
    fn what_json_can_say_is_told_once_and_in_its_order() {
        let inner = Value::Map(vec![("z".into(), Value::Nil), ("a".into(), (-1).into())]);
        let bytes = map(vec![
            ("type".into(), "t\n".into()),
            ("deep".into(), Value::Array(vec![inner, 1.0.into(), u64::MAX.into()])),
        ]);
        let shown = Properties::of(&bytes);
        let json = shown.json.as_ref().unwrap();
        assert_eq!(json.get(), r#"{"type":"t\n","deep":[{"z":null,"a":-1},1.0,18446744073709551615]}"#);
        assert_eq!(shown.msgpack, None);
        assert_eq!(from_json(json), Some(bytes));
    }

    #[test]
    fn what_json_cannot_say_has_its_bytes_beside_it() {
        for value in [
            Value::Binary(vec![1, 2]),
            Value::F32(0.5),
            Value::F64(f64::NAN),
            Value::F64(f64::NEG_INFINITY),
            Value::Ext(7, vec![1]),
            Value::Map(vec![(1.into(), 2.into())]),
        ] {
            let bytes = map(vec![("x".into(), value)]);
            let shown = Properties::of(&bytes);
            assert!(shown.json.is_some());
            assert_eq!(shown.msgpack, Some(STANDARD.encode(&bytes)));
        }
        // Not the shortest form, bytes behind it, no MessagePack at all, nothing.
        for bytes in [&b"\xde\x00\x00"[..], b"\x80\x80", b"\xc1\xff", b""] {
            let shown = Properties::of(bytes);
            assert_eq!(shown.msgpack, Some(STANDARD.encode(bytes)), "{bytes:?}");
        }
        assert_eq!(Properties::of(b"\xc1").line(), "(no MessagePack) wQ==");
    }

    #[test]
    fn lines_show_what_they_hold() {
        let bytes = map(vec![("a\u{202e}b".into(), "c\u{200b}\u{7f}".into())]);
        assert_eq!(Properties::of(&bytes).line(), r#"{"a\u202eb":"c\u200b\u007f"}"#);
    }

    #[test]
    fn rows_tell_texts_from_numbers() {
        let bytes = map(vec![("a".into(), "7".into()), ("b".into(), 7.into()), ("c d".into(), "x y".into())]);
        let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(rows(&bytes), [row("a", "\"7\""), row("b", "7"), row("c d", "x y")]);
        assert_eq!(rows(b"\xc1"), [row("", "(no MessagePack) wQ==")]);
    }

    #[test]
    fn texts_are_found_in_any_case_and_by_property() {
        let bytes = map(vec![("name".into(), "Ärger im Werk".into()), ("n".into(), 42.into())]);
        assert!(has_text(&bytes, None, "ärger") && has_text(&bytes, Some("name"), "werk"));
        assert!(has_text(&bytes, None, "42") && !has_text(&bytes, Some("n"), "werk"));
        assert!(!has_text(b"\xc1", None, ""));
    }

    #[test]
    fn one_type_stands_for_several() {
        assert_eq!(Kind::Long.with(Kind::Double), Kind::Double);
        assert_eq!(Kind::Boolean.with(Kind::Long), Kind::Text);
        assert_eq!(Kind::Boolean.with(Kind::Boolean), Kind::Boolean);
        assert_eq!(Kind::Double.with(Kind::Text), Kind::Text);
    }
}
