//! Answers of the reference server 0.31.0 to requests that the recordings do not have.

use rmpv::Value;

use super::super::{Envelope, parse_batch};
use super::decode;

fn pack(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).unwrap();
    bytes
}

fn map(fields: &[(Value, Value)]) -> Value {
    Value::Map(fields.to_vec())
}

fn field(name: &str, value: impl Into<Value>) -> (Value, Value) {
    (Value::from(name), value.into())
}

fn bin(bytes: &[u8]) -> Value {
    Value::Binary(bytes.to_vec())
}

/// A Ping with more fields.
fn ping_with(more: &[(Value, Value)]) -> Vec<u8> {
    let mut fields =
        vec![field("id", 7), field("graph", "g"), field("auth_token", "t"), field("method", "Ping")];
    fields.extend_from_slice(more);
    pack(&map(&fields))
}

fn call(method: impl Into<Value>, params: Value) -> Vec<u8> {
    let fields = [field("id", 7), field("graph", "g"), field("auth_token", "t")];
    pack(&map(&[fields.as_slice(), &[field("method", method.into()), field("params", params)]].concat()))
}

fn refused(body: &[u8], reason: &str) {
    assert_eq!(decode(body), Err(format!("Invalid request MsgPack: {reason}")));
}

fn accepted(body: &[u8]) {
    assert_eq!(decode(body), Ok("decoded"));
}

#[test]
fn method_as_map() {
    accepted(&call(map(&[field("Ping", Value::Nil)]), Value::Nil));
    accepted(&call(map(&[(bin(b"Ping"), Value::Nil)]), Value::Nil));
    refused(&call(map(&[field("Ping", 5)]), Value::Nil), "invalid type: integer `5`, expected unit");
    let single = "invalid value: map, expected map with a single key";
    refused(&call(map(&[]), Value::Nil), single);
    refused(&call(map(&[field("Ping", Value::Nil), field("Health", Value::Nil)]), Value::Nil), single);
    refused(&call(bin(b"Ping"), Value::Nil), "invalid type: byte array, expected string or map");
    refused(&call(Value::Nil, Value::Nil), "invalid type: unit value, expected string or map");
    refused(&call(Value::Array(vec![]), Value::Nil), "invalid type: sequence, expected string or map");
}

#[test]
fn graph_type_in_all_shapes() {
    let create =
        |graph_type| call("CreateGraph", map(&[field("graph_name", "h"), field("graph_type", graph_type)]));
    accepted(&create(map(&[field("Agent", Value::Nil)])));
    accepted(&create(map(&[(bin(b"Agent"), Value::Nil)])));
    refused(&create(map(&[field("Agent", 5)])), "invalid type: integer `5`, expected unit");
    refused(&create(map(&[])), "invalid value: map, expected map with a single key");
    refused(&create(bin(b"Agent")), "invalid type: byte array, expected string or map");
    let unknown = "unknown variant `x`, expected one of `Agent`, `Team`, `Global`, `Commons`";
    refused(&create(map(&[field("x", Value::Nil)])), unknown);
}

#[test]
fn repeated_envelope_fields() {
    for name in ["id", "graph", "auth_token", "method"] {
        refused(&ping_with(&[field(name, Value::Nil)]), &format!("duplicate field `{name}`"));
    }
    let nil = || Value::Nil;
    refused(&ping_with(&[field("agent_id", nil()), field("agent_id", nil())]), "duplicate field `agent_id`");
    refused(&ping_with(&[field("params", nil()), field("params", nil())]), "duplicate field `params`");
}

#[test]
fn envelope_keys_that_are_no_strings() {
    accepted(&ping_with(&[(Value::from(5), Value::from(1))]));
    accepted(&ping_with(&[(Value::Nil, Value::from(1))]));
    accepted(&ping_with(&[(bin(b"zz"), Value::from(1))]));
    let list = Value::Array(vec![Value::from(1)]);
    refused(&ping_with(&[(list, Value::from(1))]), "invalid type: sequence, expected field identifier");
    let fields = [(bin(b"id"), Value::from(1)), field("graph", bin(b"g"))];
    let body =
        pack(&map(&[fields.as_slice(), &[field("auth_token", bin(b"t")), field("method", "Ping")]].concat()));
    assert_eq!(Envelope::parse(&body).unwrap().graph, "g");
}

#[test]
fn envelope_types() {
    for (id, reason) in [
        (Value::F64(f64::NAN), "invalid type: floating point `NaN`, expected u64"),
        (Value::F64(1.0), "invalid type: floating point `1.0`, expected u64"),
        (Value::F64(1e20), "invalid type: floating point `100000000000000000000.0`, expected u64"),
    ] {
        refused(&pack(&map(&[field("id", id)])), reason);
    }
    for (body, reason) in [
        (Value::F64(1.5), "invalid type: floating point `1.5`, expected struct Request"),
        (bin(b"ab"), "invalid type: byte array, expected struct Request"),
        (Value::Boolean(true), "invalid type: boolean `true`, expected struct Request"),
        (Value::from(-1), "invalid type: integer `-1`, expected struct Request"),
        (Value::Ext(5, vec![1]), "invalid type: newtype struct, expected struct Request"),
    ] {
        refused(&pack(&body), reason);
    }
    refused(&[0xc1], "wrong msgpack marker Reserved");
    refused(&[0x81, 0xa1, b'a', 0xc1], "wrong msgpack marker Reserved");
    refused(&pack(&map(&[field("method", "Nope")])), "missing field `id`");
    let graph = pack(&map(&[field("id", 1), field("graph", bin(&[0xff]))]));
    refused(&graph, "invalid value: byte array, expected a string");
}

#[test]
fn params_keys() {
    let node = || field("node_id", "a");
    let seven = (Value::from(7), Value::from("a"));
    accepted(&call("HasNode", map(&[node(), seven])));
    accepted(&call("HasNode", map(&[(bin(b"node_id"), Value::from("a"))])));
    accepted(&call("HasNode", map(&[node(), field("z", 1), field("z", 2)])));
    refused(&call("HasNode", map(&[node(), node()])), "duplicate field `node_id`");
    let nil_key = (Value::Nil, Value::from("a"));
    refused(&call("HasNode", map(&[node(), nil_key])), "invalid type: unit value, expected field identifier");
    // The reference takes the number 0 for the first field.
    let zero = (Value::from(0), Value::from("a"));
    refused(&call("HasNode", map(&[zero])), "missing field `node_id`");
}

#[test]
fn params_types() {
    let ext = || Value::Ext(5, vec![1]);
    let edges = |edges| call("GetEdgePropertiesBatch", map(&[field("edges", edges)]));
    let list = |items: Vec<Value>| Value::Array(items);
    let pair_of = |first, second| list(vec![list(vec![first, second])]);
    accepted(&edges(list(vec![])));
    refused(&edges(list(vec![5.into()])), "invalid type: integer `5`, expected a tuple of size 2");
    refused(&edges(list(vec![Value::Nil])), "invalid type: unit value, expected a tuple of size 2");
    refused(&edges(pair_of("a".into(), 5.into())), "invalid type: integer `5`, expected a string");
    refused(&edges(list(vec![list(vec![])])), "invalid length 0, expected a tuple of size 2");
    refused(&edges(list(vec![bin(b"ab")])), "invalid type: byte array, expected a tuple of size 2");
    refused(&edges(map(&[])), "invalid type: map, expected a sequence");
    refused(&edges(bin(b"ab")), "invalid type: byte array, expected a sequence");

    let properties =
        |value| call("AddNode", map(&[field("node_id", "x"), field("properties_msgpack", value)]));
    accepted(&properties("x".into()));
    let bytes = |value| properties(list(vec![1.into(), value]));
    refused(&bytes(Value::Nil), "invalid type: unit value, expected u8");
    refused(&bytes(list(vec![1.into()])), "invalid type: sequence, expected u8");
    refused(&bytes(true.into()), "invalid type: boolean `true`, expected u8");
    refused(&bytes(bin(b"a")), "invalid type: byte array, expected u8");
    refused(&bytes(map(&[])), "invalid type: map, expected u8");
    refused(&bytes(1.0.into()), "invalid type: floating point `1.0`, expected u8");
    refused(&bytes((1_u64 << 63).into()), "invalid value: integer `9223372036854775808`, expected u8");
    refused(&bytes((-200).into()), "invalid value: integer `-200`, expected u8");
    refused(&properties(ext()), "invalid type: newtype struct, expected byte array");

    accepted(&call("HasNodesBatch", map(&[field("node_ids", list(vec!["a".into(), bin(b"b")]))])));
    let invalid = list(vec![bin(&[0xff])]);
    let invalid = call("HasNodesBatch", map(&[field("node_ids", invalid)]));
    refused(&invalid, "invalid value: byte array, expected a string");

    let limit = |value: Value| call("GetNodesByLabel", map(&[field("label", "x"), field("limit", value)]));
    accepted(&limit(u64::MAX.into()));
    refused(&limit(true.into()), "invalid type: boolean `true`, expected usize");
    refused(&limit(i64::MIN.into()), "invalid value: integer `-9223372036854775808`, expected usize");
    refused(&limit("x".into()), "invalid type: string \"x\", expected usize");
}

#[test]
fn params_of_a_method_without() {
    accepted(&call("NodeCount", Value::Nil));
    // The reference refuses the empty map.
    accepted(&call("NodeCount", map(&[])));
    let expected = "expected unit variant Method::NodeCount";
    refused(&call("NodeCount", map(&[field("a", 1)])), &format!("invalid type: map, {expected}"));
    refused(&call("NodeCount", Value::Array(vec![])), &format!("invalid type: sequence, {expected}"));
    refused(&call("NodeCount", "x".into()), &format!("invalid type: string \"x\", {expected}"));
    refused(&call("NodeCount", bin(b"x")), &format!("invalid type: byte array, {expected}"));
}

#[test]
fn depth_limit() {
    let lists = |count: usize| [vec![0x91; count], vec![0xc0]].concat();
    let in_envelope = |count| {
        let mut body = ping_with(&[]);
        body[0] += 1;
        [body, b"\xa1z".to_vec(), lists(count)].concat()
    };
    accepted(&in_envelope(1022));
    refused(&in_envelope(1023), "depth limit exceeded");
    let in_params = |count| {
        let mut body = ping_with(&[]);
        let method = body.len() - b"\xa4Ping".len();
        body.truncate(method);
        body[0] += 1;
        [body, b"\xa7HasNode\xa6params\x82\xa7node_id\xa1a\xa1z".to_vec(), lists(count)].concat()
    };
    accepted(&in_params(1021));
    refused(&in_params(1022), "depth limit exceeded");
}

#[test]
fn batch_payloads() {
    let refused = |payload: &[u8], reason: &str| {
        let error = parse_batch(payload).unwrap_err().to_string();
        assert_eq!(error, format!("[EpistemicGraph::batch_update] invalid MsgPack: {reason}"));
    };
    refused(&[0x91, 0xc1], "wrong msgpack marker Reserved");
    refused(&[0xc0], "invalid type: unit value, expected a sequence");
    refused(&[0xa1, b'x'], "invalid type: string \"x\", expected a sequence");
    refused(&[0xff], "invalid type: integer `-1`, expected a sequence");
    refused(&[vec![0x91; 1025], vec![0xc0]].concat(), "depth limit exceeded");
    for broken in [&[0x92, 0xc0][..], &[0xdd, 0xff, 0xff, 0xff, 0xff], &[]] {
        assert!(parse_batch(broken).is_err());
    }
    assert_eq!(parse_batch(&[0x90, 0x00]).unwrap().len(), 0);
}
