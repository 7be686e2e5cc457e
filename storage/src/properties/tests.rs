//! The view against a value tree built with `rmpv`, and the recorded answers of the reference server.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rmpv::Value;

use super::{edge_predicate, labels, node_triples, write_view};

/// As `rmpv` writes values, but an invalid string as a str of the byte ff, which `rmpv` would make a bin.
fn pack(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Value::Array(items) = value {
        rmp::encode::write_array_len(&mut bytes, u32::try_from(items.len()).unwrap()).unwrap();
        bytes.extend(items.iter().flat_map(pack));
    } else if let Value::Map(entries) = value {
        rmp::encode::write_map_len(&mut bytes, u32::try_from(entries.len()).unwrap()).unwrap();
        bytes.extend(entries.iter().flat_map(|(key, value)| [pack(key), pack(value)].concat()));
    } else if matches!(value, Value::String(text) if text.is_err()) {
        bytes.extend_from_slice(INVALID_STRING);
    } else {
        rmpv::encode::write_value(&mut bytes, value).unwrap();
    }
    bytes
}

const INVALID_STRING: &[u8] = &[0xa1, 0xff];

fn map(fields: &[(&str, Value)]) -> Value {
    Value::Map(fields.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect())
}

fn view(props: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0xaa];
    let shown = write_view(props, &mut out);
    assert_eq!(out[0], 0xaa);
    assert!(shown || out.len() == 1);
    shown.then(|| out.split_off(1))
}

/// What the view of a value is, built the slow way. `None`: no place in the view.
fn expected(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Nil | Value::Boolean(_) | Value::Integer(_) | Value::Binary(_) => value.clone(),
        Value::F32(number) if number.is_finite() => Value::F64(f64::from(*number)),
        Value::F64(number) if number.is_finite() => value.clone(),
        Value::F32(_) | Value::F64(_) => Value::Nil,
        Value::String(text) => Value::from(text.as_str()?),
        Value::Ext(..) => return None,
        Value::Array(items) => {
            items.iter().map(|item| expected(item).unwrap_or(Value::Nil)).collect::<Vec<_>>().into()
        }
        Value::Map(entries) => {
            let mut sorted = BTreeMap::new();
            for (key, value) in entries {
                if let (Some(key), Some(value)) = (key.as_str(), expected(value)) {
                    sorted.insert(key, value);
                }
            }
            Value::Map(sorted.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
        }
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        Just(Value::F64(f64::NAN)),
        "[a-c]{0,2}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Binary),
        Just(Value::Ext(5, vec![1, 2])),
        Just(rmpv::decode::read_value(&mut &*INVALID_STRING).unwrap()),
    ];
    scalar.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
            prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Map),
            prop::collection::vec(("[a-d]{0,2}", inner), 0..20)
                .prop_map(|pairs| Value::Map(pairs.into_iter().map(|(k, v)| (Value::from(k), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_view_is_what_a_value_tree_gives(value in any_value(), trailing in prop::collection::vec(any::<u8>(), 0..3)) {
        let bytes = [pack(&value), trailing].concat();
        prop_assert_eq!(view(&bytes), expected(&value).map(|value| pack(&value)));
    }

    #[test]
    fn labels_and_triples_see_what_the_view_shows(value in any_value()) {
        let bytes = pack(&value);
        if let Some(shown) = view(&bytes) {
            prop_assert_eq!(labels(&bytes), labels(&shown));
            prop_assert_eq!(node_triples(&bytes), node_triples(&shown));
            prop_assert_eq!(edge_predicate(&bytes), edge_predicate(&shown));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(shown) = view(&bytes) {
            prop_assert_eq!(view(&shown), Some(shown.clone()), "the view of a view is itself");
        } else {
            prop_assert!(labels(&bytes).is_empty());
            prop_assert_eq!(edge_predicate(&bytes), "RELATED_TO");
        }
        let _ = node_triples(&bytes);
    }
}

#[test]
fn undecodable_bytes() {
    let deep = |count: usize| [vec![0x91; count], vec![0xc0]].concat();
    let truncated = b"\x82\xa1a\x01\xa1b".to_vec();
    for bytes in
        [vec![], vec![0xc1], truncated, vec![0xdd, 0xff, 0xff, 0xff, 0xff], deep(1024), vec![0x81; 1 << 22]]
    {
        assert_eq!(view(&bytes), None);
        assert!(labels(&bytes).is_empty() && node_triples(&bytes).is_empty());
    }
    assert_eq!(view(&deep(1023)), Some(deep(1023)));
    assert_eq!(view(&[0xd4, 5, 0]), None);
    assert_eq!(view(&[0xa1, 0xff]), None);
}

#[test]
fn deep_and_wide_values_take_linear_time() {
    // A thousand maps around a million integers: reading them again at each level would take minutes.
    let leaf = [vec![0xdd, 0x00, 0x10, 0x00, 0x00], vec![1; 1 << 20]].concat();
    let bytes = [b"\x82\xa1b\xc0\xa1a".repeat(1000), leaf].concat();
    let shown = view(&bytes).unwrap();
    assert_eq!(shown.len(), bytes.len());
    assert!(shown.starts_with(b"\x82\xa1a\x82\xa1a") && shown.ends_with(b"\xa1b\xc0\xa1b\xc0"));
}

#[test]
fn labels_of_a_node() {
    let list = |items: &[&str]| Value::Array(items.iter().map(|item| Value::from(*item)).collect());
    let cases = [
        (map(&[("type", "A".into())]), vec!["A"]),
        (map(&[("label", "A".into()), ("node_type", "A".into()), ("type", "B".into())]), vec!["A", "B"]),
        (map(&[("labels", list(&["X", "A", "X"])), ("type", "".into())]), vec!["", "A", "X"]),
        (map(&[("labels", "A".into()), ("type", list(&["A"]))]), vec![]),
        (
            map(&[("labels", Value::Array(vec!["a".into(), list(&["z"]), 5.into(), "b".into()]))]),
            vec!["a", "b"],
        ),
        (map(&[("type", "q".into()), ("type", "b".into())]), vec!["b"]),
        (map(&[("type", "q".into()), ("type", 5.into())]), vec![]),
        (list(&["type", "A"]), vec![]),
    ];
    for (value, expected) in cases {
        assert_eq!(labels(&pack(&value)), expected, "{value}");
    }
}

#[test]
fn edges_have_a_predicate() {
    let cases = [
        (map(&[("type", "T".into()), ("rel_type", "R".into())]), "T"),
        (map(&[("type", 7.into()), ("rel_type", "R".into())]), "R"),
        (map(&[("type", "".into())]), ""),
        (map(&[("label", "x".into())]), "RELATED_TO"),
        (Value::Nil, "RELATED_TO"),
    ];
    for (value, expected) in cases {
        assert_eq!(edge_predicate(&pack(&value)), expected, "{value}");
    }
}

#[test]
fn node_facts() {
    let texts = |value: &Value| {
        let bytes = pack(value);
        let facts = node_triples(&bytes).into_iter();
        facts.map(|(predicate, object)| format!("{predicate}={object}")).collect::<Vec<_>>()
    };
    let node = map(&[
        ("type", "Agent".into()),
        ("node_type", "N".into()),
        ("name", "x".into()),
        ("ok", true.into()),
        ("n", 5.into()),
        ("neg", (-3).into()),
        ("nothing", Value::Nil),
        ("list", Value::Array(vec![1.into()])),
        ("map", map(&[("k", 1.into())])),
        ("bin", Value::Binary(vec![1])),
        ("", "e".into()),
    ]);
    assert_eq!(texts(&node), ["rdf:type=Agent", "=e", "n=5", "name=x", "neg=-3", "ok=true"]);
    assert_eq!(texts(&map(&[("node_type", "T".into()), ("type", 5.into())])), [""; 0]);
    assert_eq!(texts(&map(&[("node_type", "T".into()), ("type", Value::Nil)])), [""; 0]);
    assert_eq!(texts(&map(&[("node_type", "Q".into())])), ["rdf:type=Q"]);
    // As the reference writes them.
    let numbers = [
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (1.2345678901234568e17, "1.2345678901234568e+17"),
        (0.0001, "0.0001"),
        (1e-5, "0.00001"),
        (1.5e-5, "0.000015"),
        (1e-6, "1e-6"),
        (5e-324, "5e-324"),
        (-0.0, "-0.0"),
        (100.0, "100.0"),
        (f64::from(0.1_f32), "0.10000000149011612"),
    ];
    for (number, expected) in numbers {
        assert_eq!(texts(&map(&[("k", number.into())])), [format!("k={expected}")]);
    }
    assert_eq!(texts(&map(&[("k", f64::NAN.into())])), [""; 0]);
}
