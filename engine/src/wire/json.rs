//! JSON as MessagePack.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::encode;

/// Appends a JSON value; map keys in its order.
pub(crate) fn value(out: &mut Vec<u8>, json: &Value) {
    match json {
        Value::Null => encode::nil(out),
        Value::Bool(flag) => encode::bool(out, *flag),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => encode::uint(out, number),
            (None, Some(number)) => encode::int(out, number),
            (None, None) => encode::float(out, number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => encode::str(out, text),
        Value::Array(items) => {
            encode::array(out, items.len());
            items.iter().for_each(|item| value(out, item));
        }
        Value::Object(fields) => {
            encode::map(out, fields.len());
            for (name, field) in fields {
                encode::str(out, name);
                value(out, field);
            }
        }
    }
}

/// Appends the value of a JSON text, in memory of about its own size. Of a repeated key all values are kept.
///
/// # Errors
/// It is no JSON text, or has over 2^32 - 1 items in one list or map.
pub(crate) fn text(out: &mut Vec<u8>, json: &str) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    Transcoder(out).deserialize(&mut reader)?;
    reader.end()
}

/// Writes what it is given.
struct Transcoder<'o>(&'o mut Vec<u8>);

/// The longest heads of lists and maps: how many items follow is known when they are there.
const ARRAY_32: u8 = 0xdd;
const MAP_32: u8 = 0xdf;

impl Transcoder<'_> {
    /// Writes a head whose count [`Transcoder::end`] puts in.
    fn begin(&mut self, marker: u8) -> usize {
        self.0.push(marker);
        self.0.extend_from_slice(&[0; 4]);
        self.0.len()
    }

    fn end<E: Error>(&mut self, begun: usize, items: usize) -> Result<(), E> {
        let items = u32::try_from(items).map_err(|_| E::custom("too many items in one list or map"))?;
        self.0[begun - 4..begun].copy_from_slice(&items.to_be_bytes());
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Transcoder<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Transcoder<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        encode::nil(self.0);
        Ok(())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        encode::bool(self.0, flag);
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        encode::uint(self.0, number);
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        encode::int(self.0, number);
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        encode::float(self.0, number);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        encode::str(self.0, text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let begun = self.begin(ARRAY_32);
        let mut count = 0;
        while items.next_element_seed(Transcoder(&mut *self.0))?.is_some() {
            count += 1;
        }
        self.end(begun, count)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        let begun = self.begin(MAP_32);
        let mut count = 0;
        while fields.next_key_seed(Transcoder(&mut *self.0))?.is_some() {
            fields.next_value_seed(Transcoder(&mut *self.0))?;
            count += 1;
        }
        self.end(begun, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_what_its_value_does() {
        for json in [
            "null",
            "[true, 1, -2, 1.5, \"a\\u00e4\"]",
            "{\"a\": {\"b\": []}, \"c\": 18446744073709551615}",
            " 7 ",
        ] {
            let (mut expected, mut found) = (Vec::new(), Vec::new());
            value(&mut expected, &serde_json::from_str(json).unwrap());
            text(&mut found, json).unwrap();
            let of = |bytes: &[u8]| rmp_serde::from_slice::<Value>(bytes).unwrap();
            assert_eq!(of(&found), of(&expected), "{json}");
        }
        for broken in ["", "{", "[1,]", "1 2", "{1: 2}", &"[".repeat(10_000)] {
            assert!(text(&mut Vec::new(), broken).is_err(), "{broken}");
        }
    }

    /// Security finding 4: a tree of such a text took 97 times its size.
    #[test]
    fn a_text_of_small_maps_takes_little_memory() {
        let json = format!("{{\"x\":[{}{{}}]}}", "{\"\":0},".repeat(100_000));
        let mut out = Vec::new();
        text(&mut out, &json).unwrap();
        assert!(out.capacity() <= 3 * json.len(), "{} of {}", out.capacity(), json.len());
    }
}
