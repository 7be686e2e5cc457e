//! Properties of a pattern as constraints on those of a graph, compared by their decoded views.

use epistemic_storage::properties::{
    token::{Reader, Token, TokenError},
    write_view,
};

/// What a pattern's node or edge demands of the properties of one in the graph.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// `{}`: properties need not be read.
    Anything,
    /// The pattern's properties are undecodable: what they demand is unknown, and nothing fulfils it.
    Nothing,
    /// This view: each entry of a map, any other value as a whole.
    View(Vec<u8>),
}

impl Wanted {
    /// The constraint that a pattern's property bytes stand for.
    pub(crate) fn by(pattern: &[u8]) -> Self {
        let mut view = Vec::new();
        if !write_view(pattern, &mut view) {
            return Self::Nothing;
        }
        if Reader::new(&view).token() == Ok(Token::Map(0)) { Self::Anything } else { Self::View(view) }
    }

    /// Whether property bytes fulfil it. Undecodable ones have no entries.
    pub(crate) fn fits(&self, properties: &[u8]) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => false,
            Self::View(wanted) => {
                let mut view = Vec::new();
                write_view(properties, &mut view) && holds(wanted, &view).unwrap_or(false)
            }
        }
    }
}

/// Whether a view has all that is wanted. In a view, map entries are sorted by key, so one pass over both is enough.
fn holds(wanted: &[u8], view: &[u8]) -> Result<bool, TokenError> {
    let (mut wanted_rest, mut rest) = (Reader::new(wanted), Reader::new(view));
    let (Token::Map(wanted_pairs), Token::Map(mut pairs)) = (wanted_rest.token()?, rest.token()?) else {
        return same(&mut Reader::new(wanted), &mut Reader::new(view));
    };
    for _ in 0..wanted_pairs {
        let key = wanted_rest.token()?;
        loop {
            if pairs == 0 {
                return Ok(false);
            }
            pairs -= 1;
            if rest.token()? == key {
                break;
            }
            rest.skip(1)?;
        }
        if !same(&mut wanted_rest, &mut rest)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Passes over one value of each view and tells whether they are equal, as 1 and 1.0 are not, but 0.0 and -0.0 are.
/// When they are not, the readers are left inside.
fn same(one: &mut Reader<'_>, other: &mut Reader<'_>) -> Result<bool, TokenError> {
    let mut left = 1;
    while left > 0 {
        let token = one.token()?;
        if token != other.token()? {
            return Ok(false);
        }
        left += token.children().unwrap_or(0);
        left -= 1;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(pattern: &[u8], properties: &[u8]) -> bool {
        Wanted::by(pattern).fits(properties)
    }

    fn json_fits(pattern: serde_json::Value, properties: serde_json::Value) -> bool {
        let [pattern, properties] = [pattern, properties].map(|value| rmp_serde::to_vec(&value).unwrap());
        fits(&pattern, &properties)
    }

    #[test]
    fn each_key_of_the_pattern_is_needed() {
        let properties = json!({"b": {"y": [1, null], "x": "t"}, "a": 1, "c": 0.0});
        for pattern in [
            json!({}),
            json!({"a": 1}),
            json!({"c": -0.0}),
            json!({"b": {"x": "t", "y": [1, null]}}),
            properties.clone(),
        ] {
            assert!(json_fits(pattern.clone(), properties.clone()), "{pattern}");
        }
        for pattern in [
            json!({"a": 1.0}),
            json!({"a": null}),
            json!({"z": 1}),
            json!({"0": 1}),
            json!({"a": 1, "b": 1}),
            json!({"b": {"x": "t"}}),
            json!({"b": {"x": "t", "y": [1]}}),
            json!({"c": 0}),
            json!([1]),
            json!(null),
        ] {
            assert!(!json_fits(pattern.clone(), properties.clone()), "{pattern}");
        }
    }

    #[test]
    fn other_values_compare_whole() {
        let values =
            [json!(5), json!(5.0), json!([1, 2]), json!([1]), json!("x"), json!(null), json!({"a": 1})];
        for (index, one) in values.iter().enumerate() {
            for (other_index, other) in values.iter().enumerate() {
                assert_eq!(json_fits(one.clone(), other.clone()), index == other_index, "{one} {other}");
            }
        }
        assert!(json_fits(json!({}), json!(5)));
    }

    #[test]
    fn encodings_do_not_matter() {
        assert!(fits(b"\x81\xa1a\x01", b"\x81\xd9\x01a\xd3\0\0\0\0\0\0\0\x01"));
        assert!(fits(b"\x81\xa1a\xca\x3f\x80\0\0", b"\x81\xa1a\xcb\x3f\xf0\0\0\0\0\0\0"));
        assert!(
            fits(b"\x81\xa1a\x02", b"\x82\xa1a\x01\xa1a\x02")
                && !fits(b"\x81\xa1a\x01", b"\x82\xa1a\x01\xa1a\x02")
        );
        assert!(fits(b"\x81\xa1a\xc0", b"\x81\xa1a\xca\x7f\xc0\0\0"), "NaN shows as nil");
        assert!(
            fits(b"\x81\xa1a\xc4\x01x", b"\x82\xa1a\xc4\x01x\x01\xc7\0\0"),
            "bins compare, other keys do not"
        );
        assert!(!fits(b"\x81\xa1a\xc4\x01x", b"\x81\xa1a\xa1x"), "a bin is no string");
    }

    #[test]
    fn undecodable_bytes_demand_what_nothing_has_and_have_no_entries() {
        for bytes in [&b""[..], b"\x81\xa1a", b"\xc1", b"\xc7\0\0"] {
            for other in [bytes, b"\x80", b"\x81\xa1a\x01", b"\xc0"] {
                assert!(!fits(bytes, other));
            }
            assert!(fits(b"\x80", bytes) && !fits(b"\x81\xa1a\x01", bytes) && !fits(b"\xc0", bytes));
        }
    }
}
