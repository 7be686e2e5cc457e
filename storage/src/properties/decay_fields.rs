//! The fields of properties that the lifecycle operations read and write (`docs/reference-protocol.md` section 7, "Decay").

use super::{
    encode,
    fields::{number, visit_entries},
    token::{Reader, Token, text},
};

/// What a property map says about its age and worth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DecayFields {
    /// `confidence` where it is a finite number.
    pub confidence: Option<f64>,
    /// `last_access` where it is an integer that is not negative: Unix seconds.
    pub last_access: Option<u64>,
    /// The first of `last_access`, `updated_at` and `created_at` that is an integer that is not negative: Unix seconds.
    pub last_seen: Option<u64>,
}

/// Reads the vitals; `None` when the properties are undecodable or no map.
pub fn decay_fields(props: &[u8]) -> Option<DecayFields> {
    let (mut confidence, mut times) = (None, [None; 3]);
    let decoded = visit_entries(props, |key, value, _| match key {
        "confidence" => confidence = number(value),
        "last_access" => times[0] = seconds(value),
        "updated_at" => times[1] = seconds(value),
        "created_at" => times[2] = seconds(value),
        _ => {}
    });
    decoded.then(|| DecayFields {
        confidence,
        last_access: times[0],
        last_seen: times.into_iter().flatten().next(),
    })
}

fn seconds(value: Token<'_>) -> Option<u64> {
    if let Token::Uint(seconds) = value { Some(seconds) } else { None }
}

/// The property map with `confidence` and `last_access` set, keys sorted, every other value as it was; `None` when the
/// properties are undecodable or no map.
pub fn with_confidence(props: &[u8], confidence: f64, last_access: u64) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(16);
    encode::float(&mut value, confidence);
    let behind = value.len();
    encode::uint(&mut value, last_access);
    with_fields(props, &[("confidence", &value[..behind]), ("last_access", &value[behind..])])
}

/// The property map with some fields set to encoded values. Nothing is lost: what has no place in the view stays, behind
/// the sorted entries.
pub fn with_fields(props: &[u8], fields: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(props);
    let Ok(Token::Map(pairs)) = reader.token() else {
        return None;
    };
    let mut entries: Vec<(Option<&str>, &[u8])> = Vec::new();
    let mut others = Vec::new();
    for _ in 0..pairs {
        let start = reader.position();
        let key = reader.token().ok()?;
        if key.children().is_some() {
            reader = Reader::at(props, start);
            reader.skip(1).ok()?;
        }
        let value = reader.position();
        reader.skip(1).ok()?;
        let key = if let Token::Str(bytes) = key { text(bytes) } else { None };
        match key {
            Some(key) => entries.push((Some(key), &props[value..reader.position()])),
            None => others.push((None, &props[start..reader.position()])),
        }
    }
    entries.extend(fields.iter().map(|&(key, value)| (Some(key), value)));
    // Stable: of a repeated key the last value stays.
    entries.sort_by_key(|(key, _)| *key);
    entries.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            *kept = *later;
        }
        same
    });
    entries.extend(others);
    let mut out = Vec::with_capacity(props.len() + 32);
    encode::map(&mut out, entries.len());
    for (key, bytes) in entries {
        key.into_iter().for_each(|key| encode::str(&mut out, key));
        out.extend_from_slice(bytes);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(value: &serde_json::Value) -> Vec<u8> {
        rmp_serde::to_vec(value).unwrap()
    }

    #[test]
    fn the_clock_is_the_first_usable_time() {
        let read = |value| decay_fields(&pack(&value)).unwrap();
        let json = serde_json::json!({"last_access": "x", "updated_at": 5, "created_at": 1, "confidence": 1});
        assert_eq!(read(json), DecayFields { confidence: Some(1.0), last_access: None, last_seen: Some(5) });
        let json = serde_json::json!({"last_access": 5.0, "updated_at": -1, "confidence": "high"});
        assert_eq!(read(json), DecayFields::default());
        assert_eq!(decay_fields(&pack(&serde_json::json!(5))), None);
        assert_eq!(decay_fields(&[0x81]), None);
    }

    #[test]
    fn refreshing_sorts_and_replaces() {
        let bytes = pack(&serde_json::json!({"zeta": 1, "confidence": 0.2}));
        let expected = pack(&serde_json::json!({"confidence": 1.0, "last_access": 7, "zeta": 1}));
        assert_eq!(with_confidence(&bytes, 1.0, 7).unwrap(), expected);
        assert_eq!(with_confidence(&pack(&serde_json::json!([1])), 1.0, 7), None);
    }

    #[test]
    fn what_the_view_does_not_show_stays() {
        // {1: ext(4, 1 byte), "b": bin}
        let bytes = [0x82, 0x01, 0xd4, 0x04, 0x09, 0xa1, b'b', 0xc4, 0x01, 0xff];
        let out = with_fields(&bytes, &[("a", &[0xc0])]).unwrap();
        assert_eq!(out, [0x83, 0xa1, b'a', 0xc0, 0xa1, b'b', 0xc4, 0x01, 0xff, 0x01, 0xd4, 0x04, 0x09]);
    }
}
