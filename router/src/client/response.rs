//! A response as bytes: a map with `id` and either `result` or `error`.

use bytes::Bytes;

/// A response whose result is still undecoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// The id of the request, or 0 when the server could not decode the request.
    pub(super) id: u64,
    /// The result as MessagePack, or the server's error text.
    pub(super) outcome: Result<Bytes, String>,
}

impl Response {
    /// Splits a frame into its parts; the result is a slice of it, not a copy, and is not looked into when it comes
    /// last, as it does from every known server.
    pub(super) fn parse(frame: &Bytes) -> Result<Self, &'static str> {
        let mut rest: &[u8] = frame;
        let mut entries = rmp::decode::read_map_len(&mut rest).map_err(|_| "it is not a map")?;
        let (mut id, mut result, mut error) = (None, None, None);
        while entries > 0 {
            entries -= 1;
            let key;
            (key, rest) = rmp::decode::read_str_from_slice(rest).map_err(|_| "a key is not a string")?;
            let length =
                if entries == 0 { rest.len() } else { value_len(rest).ok_or("a value is cut short")? };
            let (mut value, after) = rest.split_at(length);
            rest = after;
            match key {
                "id" => id = Some(rmp::decode::read_int(&mut value).map_err(|_| "the id is not an integer")?),
                "result" => result = Some(frame.slice_ref(value)),
                "error" if value != [0xc0] => {
                    let (text, _) =
                        rmp::decode::read_str_from_slice(value).map_err(|_| "the error is not a string")?;
                    error = Some(text.to_owned());
                }
                _ => {}
            }
        }
        let outcome = match (error, result) {
            (Some(text), _) => Err(text),
            (None, Some(result)) => Ok(result),
            (None, None) => return Err("it has neither result nor error"),
        };
        Ok(Self { id: id.ok_or("it has no id")?, outcome })
    }
}

/// Length in bytes of the first MessagePack value; `None` when it is cut short or malformed. Does not recurse.
fn value_len(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut values_left) = (0_usize, 1_usize);
    while values_left > 0 {
        let marker = *bytes.get(at)?;
        let uint = |width: usize| {
            let digits = bytes.get(at + 1..at + 1 + width)?;
            Some(digits.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
        };
        let (length, children) = match marker {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (1, 0),
            0x80..=0x8f => (1, 2 * usize::from(marker & 0x0f)),
            0x90..=0x9f => (1, usize::from(marker & 0x0f)),
            0xa0..=0xbf => (1 + usize::from(marker & 0x1f), 0),
            0xc1 => return None,
            0xc4 | 0xd9 => (2 + uint(1)?, 0),
            0xc5 | 0xda => (3 + uint(2)?, 0),
            0xc6 | 0xdb => (5 + uint(4)?, 0),
            0xc7 => (3 + uint(1)?, 0),
            0xc8 => (4 + uint(2)?, 0),
            0xc9 => (6 + uint(4)?, 0),
            0xcc | 0xd0 => (2, 0),
            0xcd | 0xd1 | 0xd4 => (3, 0),
            0xd5 => (4, 0),
            0xca | 0xce | 0xd2 => (5, 0),
            0xd6 => (6, 0),
            0xcb | 0xcf | 0xd3 => (9, 0),
            0xd7 => (10, 0),
            0xd8 => (18, 0),
            0xdc => (3, uint(2)?),
            0xdd => (5, uint(4)?),
            0xde => (3, 2 * uint(2)?),
            0xdf => (5, 2 * uint(4)?),
        };
        at += length;
        values_left = values_left - 1 + children;
    }
    (at <= bytes.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rmpv::Value;

    use super::*;

    fn pack(value: &Value) -> Bytes {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, value).unwrap();
        bytes.into()
    }

    fn map(entries: &[(&str, Value)]) -> Value {
        Value::Map(entries.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect())
    }

    #[test]
    fn finds_the_parts_in_any_order() {
        let result = Value::from(vec![Value::from(1), Value::from("x")]);
        let expected = Response { id: 5, outcome: Ok(pack(&result)) };
        let last = map(&[("id", 5.into()), ("result", result.clone())]);
        assert_eq!(Response::parse(&pack(&last)).unwrap(), expected);
        let first =
            map(&[("result", result), ("extra", Value::Nil), ("error", Value::Nil), ("id", 5.into())]);
        assert_eq!(Response::parse(&pack(&first)).unwrap(), expected);
        let error = map(&[("id", u64::MAX.into()), ("error", "no".into())]);
        let expected = Response { id: u64::MAX, outcome: Err("no".to_owned()) };
        assert_eq!(Response::parse(&pack(&error)).unwrap(), expected);
    }

    #[test]
    fn anything_else_is_refused() {
        for (value, reason) in [
            (Value::Nil, "not a map"),
            (map(&[("id", 1.into())]), "neither"),
            (map(&[("result", 1.into())]), "no id"),
            (map(&[("id", "1".into()), ("result", 1.into())]), "not an integer"),
            (map(&[("id", 1.into()), ("error", 1.into())]), "not a string"),
            (Value::Map(vec![(1.into(), 1.into())]), "not a string"),
        ] {
            assert!(Response::parse(&pack(&value)).unwrap_err().contains(reason), "{value}");
        }
        assert!(Response::parse(&Bytes::new()).is_err());
        assert!(Response::parse(&Bytes::from_static(b"\x82\xa6result\xdd\xff\xff\xff\xff\x01")).is_err());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-40_i64..300).prop_map(Value::from),
            any::<f32>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z]{0,300}".prop_map(Value::from),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::Binary),
            (any::<i8>(), proptest::collection::vec(any::<u8>(), 0..20))
                .prop_map(|(tag, b)| Value::Ext(tag, b)),
        ];
        leaf.prop_recursive(4, 64, 20, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
                proptest::collection::vec((inner.clone(), inner), 0..20).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_length_of_a_value_is_what_was_written(value in any_value(), tail in any::<u8>(), cut in any::<u16>()) {
            let mut bytes = pack(&value).to_vec();
            let length = bytes.len();
            prop_assert_eq!(value_len(&bytes[..usize::from(cut) % length]), None);
            bytes.push(tail);
            prop_assert_eq!(value_len(&bytes), Some(length));
        }
    }
}
