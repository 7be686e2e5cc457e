//! Frames, tokens, methods, batches and responses, one by one.

use bytes::{BufMut, BytesMut};
use epistemic_storage::{Mutation, properties::batch::Rejection};
use rmpv::Value;

use super::super::frame::{FrameTooLarge, split_frame};
use super::super::response::{self, Response};
use super::super::{
    Envelope, GraphType, Method, Params, TokenKey, encode, envelope, method_named, parse_batch,
};
use crate::operations::{batches::BatchUpdate, graphs::CreateGraph, nodes::AddNode, snapshots::RestoreOpen};

fn pack(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).unwrap();
    bytes
}

fn unpack(mut bytes: &[u8]) -> Value {
    let value = rmpv::decode::read_value(&mut bytes).unwrap();
    assert!(bytes.is_empty(), "{} bytes too many", bytes.len());
    value
}

fn map(fields: &[(&str, Value)]) -> Value {
    Value::Map(fields.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect())
}

#[test]
fn frames_come_out_whole_however_they_arrive() {
    let stream = [&[0, 0, 0, 2, 1, 2][..], &[0, 0, 0, 0], &[0, 0, 0, 1, 3], &[0, 0]].concat();
    for step in 1..=stream.len() {
        let mut buffer = BytesMut::new();
        let mut bodies = Vec::new();
        for piece in stream.chunks(step) {
            buffer.put_slice(piece);
            while let Some(body) = split_frame(&mut buffer, 2).unwrap() {
                bodies.push(body.to_vec());
            }
        }
        assert_eq!(bodies, [vec![1, 2], vec![], vec![3]]);
        assert_eq!(&buffer[..], [0, 0]);
    }
}

#[test]
fn an_oversized_prefix_is_refused_before_the_body() {
    let mut buffer = BytesMut::from(&[0, 0, 1, 0][..]);
    assert_eq!(split_frame(&mut buffer, 255), Err(FrameTooLarge { length: 256, limit: 255 }));
    assert_eq!(split_frame(&mut buffer, 256), Ok(None));
    let mut buffer = BytesMut::from(&[0xff; 4][..]);
    assert!(split_frame(&mut buffer, 64 << 20).is_err());
}

#[test]
fn tokens() {
    // printf 5 | openssl dgst -sha256 -hmac secret
    let token = "d3123a7052b42272d9b520235008c248a5aff3221cc0c530b754702ad91ab102";
    let auth = TokenKey::new("secret");
    let right = auth.token(5);
    assert_eq!(right, token);
    assert!(auth.verify(5, &right));
    assert!(!auth.verify(6, &right));
    assert!(!auth.verify(5, &right.to_uppercase()));
    assert!(!auth.verify(5, &right[..63]));
    assert!(!auth.verify(5, ""));
    assert!(auth.verify(u64::MAX, &auth.token(u64::MAX)));
    assert!(!TokenKey::new("other").verify(5, &right));
}

#[test]
fn methods_keep_their_names() {
    for name in ["AddNode", "DsKMeans", "FinanceSabrCalibrate", "ApplyMultisigMutation", "ShardStatus"] {
        assert_eq!(method_named(name).unwrap().name(), name);
    }
    let error = method_named("addnode").unwrap_err().to_string();
    let start =
        "Invalid request MsgPack: unknown variant `addnode`, expected one of `AddNode`, `RemoveNode`, ";
    assert!(error.starts_with(start), "{error}");
    // Those of 0.31.0, those that 2.0.0 and later ones added, and ours.
    assert_eq!(error.matches('`').count(), 2 * (1 + 165 + 3 + 3 + 9 + 51));
    assert!(
        error.contains("`RegisterIdentity`, `ApplyMultisigMutation`, `UnionGetNodeProperties`, "),
        "{error}"
    );
}

#[test]
fn parameters_borrow_and_bytes_take_three_forms() {
    let mixed: Vec<u8> = (0..=255).chain(0..40).collect();
    let list = mixed.iter().map(|byte| Value::from(*byte)).collect::<Vec<_>>();
    // An encoder may write small numbers wide.
    let wide = [vec![0xdc, 0, 3, 0xcd, 0, 7, 0xd0, 8, 9]].concat();
    let cases = [
        (pack(&Value::Binary(mixed.clone())), mixed.clone()),
        (pack(&Value::from("text")), b"text".to_vec()),
        (pack(&Value::Array(list)), mixed),
        (wide, vec![7, 8, 9]),
    ];
    for (value, expected) in cases {
        let raw = [b"\x82\xa7node_id\xa1a\xb2properties_msgpack".as_slice(), &value, b"trailing"].concat();
        let decoded: AddNode<'_> = Params::decode(Method::AddNode, Some(&raw)).unwrap();
        assert_eq!(decoded.node_id, "a");
        assert_eq!(&*decoded.properties_msgpack, expected);
    }
}

#[test]
fn optional_parameters_and_enums() {
    let raw = pack(&map(&[("graph_name", "g".into())]));
    let open: RestoreOpen<'_> = Params::decode(Method::RestoreOpen, Some(&raw)).unwrap();
    assert_eq!((open.graph_name, open.replace), ("g", false));
    let raw = pack(&map(&[("graph_type", map(&[("Team", Value::Nil)])), ("graph_name", "".into())]));
    let create: CreateGraph<'_> = Params::decode(Method::CreateGraph, Some(&raw)).unwrap();
    assert_eq!((create.graph_name, create.graph_type), ("", GraphType::Team));
    assert_eq!(create.graph_type.name(), "Team");
}

#[test]
fn parameters_may_come_before_other_fields() {
    let fields = [
        ("params", map(&[("node_id", "n".into())])),
        ("agent_id", "me".into()),
        ("method", "HasNode".into()),
        ("auth_token", "t".into()),
        ("graph", "g".into()),
        ("id", 3.into()),
    ];
    let body = pack(&map(&fields));
    let envelope = Envelope::parse(&body).unwrap();
    assert_eq!(envelope.params, Some(pack(&fields[0].1).as_slice()));
    assert_eq!((envelope.id, envelope.graph, envelope.method), (3, "g", "HasNode"));
    assert_eq!((envelope.auth_token, envelope.agent_id), ("t", Some("me")));
}

/// What stands behind the parameters, or behind anything that would have to be walked, is not looked for.
#[test]
fn the_token_is_found_before_the_parameters_only() {
    let [id, token, graph] = [("id", Value::from(3)), ("auth_token", "t".into()), ("graph", "g".into())];
    let params = ("params", map(&[("node_id", "n".into())]));
    let found = |fields: &[(&str, Value)]| {
        let body = pack(&map(fields));
        envelope::before_params(&body).map(|head| (head.id, head.auth_token.to_owned()))
    };
    let here = Some((3, "t".to_owned()));
    assert_eq!(found(&[id.clone(), graph.clone(), token.clone(), params.clone()]), here);
    assert_eq!(found(&[graph.clone(), token.clone(), ("agent_id", Value::Nil), id.clone()]), here);
    assert_eq!(found(&[id.clone(), params, token.clone()]), None);
    assert_eq!(found(&[("other", Value::Nil), id.clone(), token.clone()]), None);
    assert_eq!(found(&[("graph", map(&[])), id.clone(), token.clone()]), None);
    assert_eq!(found(&[id.clone(), graph]), None);
    assert_eq!(found(&[("id", "3".into()), token]), None);
    let body = pack(&map(&[id, ("auth_token", "t".into())]));
    assert_eq!(envelope::before_params(&body[..body.len() - 1]), None, "it is cut off");
}

fn batch(operations: &[Value]) -> Vec<Result<Mutation, Rejection<'static>>> {
    let payload = pack(&Value::Array(operations.to_vec()));
    parse_batch(payload.leak()).unwrap().collect()
}

#[test]
fn batch_operations() {
    let properties = map(&[("zeta", 1.into()), ("alpha", Value::Binary(vec![1])), ("n", f64::NAN.into())]);
    let operations = batch(&[
        map(&[("op", "add_node".into()), ("id", "a".into()), ("properties", properties)]),
        map(&[("op", "add_node".into()), ("id", "x".into()), ("id", "y".into())]),
        map(&[("op", "add_node".into()), ("id", "n".into()), ("properties", Value::Nil)]),
        map(&[("op", "remove_node".into()), ("id", "a".into())]),
        map(&[("op", "add_edge".into()), ("source", "a".into()), ("target", "b".into())]),
        map(&[("op", "remove_edge".into()), ("source", "a".into()), ("target", "b".into())]),
    ]);
    let stored = [b"\x83\xa5alpha\xc4\x01\x01\xa1n\xc0\xa4zeta\x01".to_vec(), vec![0x80], vec![0xc0]];
    assert_eq!(
        operations,
        [
            Ok(Mutation::AddNode { id: "a".into(), properties: stored[0].clone() }),
            Ok(Mutation::AddNode { id: "y".into(), properties: stored[1].clone() }),
            Ok(Mutation::AddNode { id: "n".into(), properties: stored[2].clone() }),
            Ok(Mutation::RemoveNode { id: "a".into() }),
            Ok(Mutation::AddEdge { source: "a".into(), target: "b".into(), properties: stored[1].clone() }),
            Ok(Mutation::RemoveEdge { source: "a".into(), target: "b".into() }),
        ]
    );
}

#[test]
fn batch_rejections() {
    let texts: Vec<_> = batch(&[
        map(&[("op", "zzz".into())]),
        map(&[]),
        map(&[("op", 5.into())]),
        5.into(),
        Value::Array(vec![1.into(), map(&[("op", "add_node".into())])]),
        map(&[("op", "add_node".into()), ("node_id", "x".into())]),
        map(&[("op", "add_node".into()), ("id", "".into())]),
        map(&[("op", "remove_node".into()), ("id", 5.into())]),
        map(&[("op", "add_edge".into()), ("source_id", "a".into())]),
        map(&[("op", "remove_edge".into()), ("source", "a".into())]),
    ])
    .into_iter()
    .map(|operation| operation.unwrap_err().to_string())
    .collect();
    let unnamed = "unknown operation ''";
    let id = "missing `id`";
    let rejections = ["unknown operation 'zzz'", unnamed, unnamed, unnamed, unnamed, id, id, id];
    assert_eq!(texts[..8], rejections);
    assert_eq!(texts[8..], ["missing `source`", "missing `target`"]);
    assert_eq!(Rejection::Missing("id").to_string(), id);
}

#[test]
fn batch_in_a_list_of_integers() {
    let payload = pack(&Value::Array(vec![map(&[("op", "add_node".into()), ("id", "é".into())])]));
    let list = Value::Array(payload.iter().map(|byte| Value::from(*byte)).collect());
    let raw = pack(&map(&[("operations_msgpack", list)]));
    let decoded: BatchUpdate<'_> = Params::decode(Method::BatchUpdate, Some(&raw)).unwrap();
    let operations: Vec<_> = parse_batch(&decoded.operations_msgpack).unwrap().collect();
    assert_eq!(operations, [Ok(Mutation::AddNode { id: "é".into(), properties: vec![0x80] })]);
}

#[test]
fn responses_share_a_buffer() {
    let mut out = Vec::new();
    let ok = Response::result(&mut out, 7);
    encode::str(&mut out, "ok");
    ok.finish(&mut out).unwrap();
    let first = out.len();
    let cancelled = Response::result(&mut out, 8);
    encode::array(&mut out, 3);
    cancelled.cancel(&mut out);
    assert_eq!(out.len(), first);
    response::error(&mut out, u64::MAX, "bad").unwrap();
    assert_eq!(out[..4], u32::try_from(first - 4).unwrap().to_be_bytes());
    assert_eq!(unpack(&out[4..first]), map(&[("id", 7.into()), ("result", "ok".into())]));
    assert_eq!(unpack(&out[first + 4..]), map(&[("id", u64::MAX.into()), ("error", "bad".into())]));
    assert_eq!(out[4..first], *b"\x82\xa2id\x07\xa6result\xa2ok");
}

#[test]
fn results_inside_results() {
    let mut out = Vec::new();
    encode::array(&mut out, 2);
    response::bin_of(&mut out, |out| encode::str(out, "inner"));
    let bytes: Vec<u8> = (0..=255).collect();
    response::integers(&mut out, &bytes);
    let integers = bytes.into_iter().map(Value::from).collect::<Vec<_>>();
    assert_eq!(
        unpack(&out),
        Value::Array(vec![Value::Binary(pack(&"inner".into())), Value::Array(integers)])
    );
}
