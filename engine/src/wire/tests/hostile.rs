//! Bytes made to hurt: nothing may panic, recurse or reserve memory that was not paid for with bytes.

use proptest::prelude::*;

use super::super::{Envelope, Method, NodeIds, Params, method_named, parse_batch};
use super::{decode, decode_params};
use crate::operations::{edges::EdgePairs, nodes::AddNode};

/// Every method with parameters that is served.
const METHODS: [&str; 14] = [
    "AddNode",
    "HasNode",
    "GetNodesByLabel",
    "HasNodesBatch",
    "AddEdge",
    "HasEdge",
    "GetEdgePropertiesBatch",
    "BatchUpdate",
    "FromMsgpack",
    "CreateGraph",
    "DeleteGraph",
    "RestoreOpen",
    "RestoreWrite",
    "SnapshotRead",
];

/// A request that uses every part of the decoder.
fn valid_requests() -> Vec<Vec<u8>> {
    let envelope = |method: &[u8], params: &[u8]| {
        [
            b"\x86\xa2id\x01\xa5graph\xa1g\xaaauth_token\xa1t\xa6method",
            method,
            b"\xa1z\x91\x81\xa1a\x92\x01\xc0",
            b"\xa6params",
            params,
        ]
        .concat()
    };
    vec![
        envelope(b"\xa7AddNode", b"\x82\xa7node_id\xa1a\xb2properties_msgpack\x9a\x01\x02\xcc\x80\x03\x04\x05\x06\x07\x08\x09"),
        envelope(b"\xb6GetEdgePropertiesBatch", b"\x81\xa5edges\x92\x92\xa1a\xa1b\x92\xa1c\xa1d"),
        envelope(b"\xadHasNodesBatch", b"\x81\xa8node_ids\x92\xa1a\xc4\x01b"),
        envelope(b"\xabCreateGraph", b"\x82\xaagraph_name\xa1a\xaagraph_type\x81\xa5Agent\xc0"),
        envelope(b"\x81\xafGetNodesByLabel\xc0", b"\x82\xa5label\xa1a\xa5limit\xcd\x01\x00"),
        envelope(b"\xabBatchUpdate", b"\x81\xb2operations_msgpack\xc4\x2e\x91\x83\xa2op\xa8add_node\xa2id\xa1a\xaaproperties\x82\xa1b\x91\xc0\xa1a\xcb\x3f\xf0\0\0\0\0\0\0"),
    ]
}

#[test]
fn the_valid_requests_are_valid() {
    for request in valid_requests() {
        assert_eq!(decode(&request), Ok("decoded"), "{request:02x?}");
    }
}

#[test]
fn every_cut_of_a_request_is_refused() {
    for request in valid_requests() {
        for length in 0..request.len() {
            let error = decode(&request[..length]).expect_err("a cut request");
            assert!(error.contains("MsgPack: "), "{error}");
        }
    }
}

#[test]
fn counts_without_bytes_reserve_nothing() {
    for head in [
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ] {
        assert!(Envelope::parse(head).is_err());
        assert!(parse_batch(head).is_err());
        let ids = [b"\x81\xa8node_ids".as_slice(), head, b"\xa1a"].concat();
        assert!(NodeIds::decode(Method::HasNodesBatch, Some(&ids)).is_err());
        let edges = [b"\x81\xa5edges".as_slice(), head, b"\x92"].concat();
        assert!(EdgePairs::decode(Method::GetEdgePropertiesBatch, Some(&edges)).is_err());
        let bytes = [b"\x82\xa7node_id\xa1a\xb2properties_msgpack".as_slice(), head, b"\x01"].concat();
        assert!(AddNode::decode(Method::AddNode, Some(&bytes)).is_err());
    }
}

#[test]
fn quoted_input_is_clipped() {
    let name = "é".repeat(1 << 20);
    let error = method_named(&name).unwrap_err();
    assert!(error.reason().len() <= 8 * 1024);
    let body = [b"\x81\xa2id\xdb\x00\x20\x00\x00".as_slice(), name.as_bytes()].concat();
    let error = Envelope::parse(&body).unwrap_err();
    assert!(error.reason().starts_with("invalid type: string \"é"));
    assert!(error.reason().len() <= 8 * 1024);
}

#[test]
fn deep_nesting_does_not_recurse() {
    for open in [0x91, 0x81] {
        let deep = vec![open; 4 << 20];
        assert!(Envelope::parse(&[b"\x81\xa1z", deep.as_slice()].concat()).is_err());
        assert!(parse_batch(&deep).is_err());
        assert!(
            NodeIds::decode(Method::HasNodesBatch, Some(&[b"\x81\xa1z", deep.as_slice()].concat())).is_err()
        );
    }
}

fn try_everything(bytes: &[u8]) {
    let _ = decode(bytes);
    for name in METHODS {
        let method = method_named(name).unwrap();
        let _ = decode_params(method, Some(bytes));
    }
    if let Ok(operations) = parse_batch(bytes) {
        assert!(operations.len() <= bytes.len());
        operations.for_each(drop);
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        try_everything(&bytes);
    }

    #[test]
    fn changed_requests_never_panic(
        which in 0..6_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut request = valid_requests().swap_remove(which);
        for (place, byte) in changes {
            let place = place.index(request.len());
            request[place] = byte;
        }
        try_everything(&request);
        // The same again as parameters: behind the key "params" at the end.
        let params = request.windows(7).position(|window| window == b"\xa6params");
        try_everything(&request[params.map_or(0, |start| start + 7)..]);
    }

    #[test]
    fn lists_take_memory_in_proportion(ids in prop::collection::vec("[a-z]{0,3}", 0..50)) {
        let value = rmpv::Value::Array(ids.iter().map(|id| rmpv::Value::from(id.as_str())).collect());
        let mut raw = b"\x81\xa8node_ids".to_vec();
        rmpv::encode::write_value(&mut raw, &value).unwrap();
        let decoded: NodeIds<'_> = Params::decode(Method::HasNodesBatch, Some(&raw)).unwrap();
        prop_assert_eq!(&decoded.node_ids, &ids);
        prop_assert!(decoded.node_ids.capacity() <= raw.len());
    }
}
