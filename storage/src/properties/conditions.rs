//! Fields of a property map against fields that are expected, and fields put into it.

use std::collections::BTreeMap;

use super::{
    decay_fields::with_fields,
    token::{Reader, Token, text},
    transcode::write_view,
};

/// MessagePack of nil.
const NIL: &[u8] = &[0xc0];

/// Whether each field of `conditions`, a map, has the same value in the property map. A missing field is nil; a number is
/// not equal to one of another kind (1 and 1.0). False when one of them is no map, or `conditions` has what the view does
/// not show.
pub fn meets(props: &[u8], conditions: &[u8]) -> bool {
    let (mut seen, mut wanted) = (Vec::new(), Vec::new());
    if !write_view(props, &mut seen) || !write_view(conditions, &mut wanted) {
        return false;
    }
    let (Some(seen), Some(expected), Some(all)) = (entries(&seen), entries(&wanted), entries(conditions))
    else {
        return false;
    };
    expected.len() == all.len()
        && expected.iter().all(|(name, value)| seen.get(name).copied().unwrap_or(NIL) == *value)
}

/// The property map with the fields of `updates`, a map; `None` when one of them is no map of names to values.
pub fn merged(props: &[u8], updates: &[u8]) -> Option<Vec<u8>> {
    let fields: Vec<(&str, &[u8])> = entries(updates)?.into_iter().collect();
    with_fields(props, &fields)
}

/// The values of a map by their names; `None` for anything else.
fn entries(map: &[u8]) -> Option<BTreeMap<&str, &[u8]>> {
    let mut reader = Reader::new(map);
    let Token::Map(pairs) = reader.token().ok()? else { return None };
    let mut entries = BTreeMap::new();
    for _ in 0..pairs {
        let Token::Str(name) = reader.token().ok()? else { return None };
        let start = reader.position();
        reader.skip(1).ok()?;
        entries.insert(text(name)?, reader.since(start));
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::encode;

    fn map(fields: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        encode::map(&mut out, fields.len());
        for (name, value) in fields {
            encode::str(&mut out, name);
            out.extend_from_slice(value);
        }
        out
    }

    #[test]
    fn fields_are_compared_by_value_and_missing_ones_are_nil() {
        let props = map(&[("a", b"\x01"), ("s", b"\xa1x"), ("m", b"\x82\xa1p\x01\xa1q\x02"), ("n", NIL)]);
        for (conditions, met) in [
            (map(&[]), true),
            (map(&[("a", b"\x01"), ("s", b"\xa1x")]), true),
            (map(&[("a", b"\xcd\x00\x01"), ("s", b"\xd9\x01x")]), true),
            (map(&[("m", b"\x82\xa1q\x02\xa1p\x01")]), true),
            (map(&[("n", NIL), ("missing", NIL)]), true),
            (map(&[("a", b"\x02")]), false),
            (map(&[("a", b"\x01"), ("s", b"\xa1y")]), false),
            (map(&[("a", b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00")]), false),
            (map(&[("missing", b"\x00")]), false),
            (map(&[("a", NIL)]), false),
            (map(&[("a", b"\xd4\x01\x00")]), false),
            (b"\x81\x01\x01".to_vec(), false),
            (b"\x90".to_vec(), false),
            (Vec::new(), false),
        ] {
            assert_eq!(meets(&props, &conditions), met, "{conditions:02x?}");
        }
        assert!(!meets(b"\x90", &map(&[])) && !meets(b"", &map(&[])));
    }

    #[test]
    fn updates_are_put_in_and_everything_else_stays() {
        let props = map(&[("b", b"\x01"), ("a", b"\xc4\x01\xff")]);
        let updated = merged(&props, &map(&[("b", b"\x02"), ("c", b"\xca\x00\x00\x00\x00")])).unwrap();
        assert_eq!(updated, map(&[("a", b"\xc4\x01\xff"), ("b", b"\x02"), ("c", b"\xca\x00\x00\x00\x00")]));
        for (props, updates) in [(&b"\x90"[..], &props[..]), (&props, b"\x90"), (&props, b"\x81\x01\x01")] {
            assert_eq!(merged(props, updates), None);
        }
    }
}
