//! Documents: what is cut off or changed is said, and what was before it is kept.

use epistemic_storage::properties::encode;

use super::super::document::{Counts, Document, Stated};
use super::{document, embeddings, nodes};

#[test]
fn a_whole_document() {
    let bytes = document();
    let read = Document::read(&bytes);
    assert_eq!(read.damage, None);
    assert_eq!(read.nodes, [("b", b"\x81\xa1k\xcc\xff".to_vec()), ("a", Vec::new())]);
    assert_eq!(read.edges[2], ("a", "b", vec![2]));
    assert_eq!(read.ledger[1], "ADD_NODE|b|81a16bccff");
    assert_eq!(read.embeddings, [("a", vec![1.5, -2.0])]);
    assert_eq!(read.counts(), Counts { nodes: 2, edges: 3, ledger: 5, embeddings: 1 });
    let stated = Stated { nodes: Some(2), edges: Some(3), ledger: Some(5), embeddings: Some(1) };
    assert_eq!(read.stated, stated);
}

#[test]
fn every_cut_is_told_with_what_was_recovered() {
    let bytes = document();
    let whole = Document::read(&bytes);
    for length in 0..bytes.len() {
        let read = Document::read(&bytes[..length]);
        let damage = read.damage.as_deref().unwrap_or_else(|| panic!("cut at {length} was not seen"));
        assert!(damage.contains(&format!("of {length};")), "{damage}");
        assert!(damage.contains("unexpected end of data"), "{damage}");
        let found = read.counts();
        assert!(damage.contains(&format!("recovered {} of ", found.nodes)), "{damage}");
        assert_eq!(read.nodes, whole.nodes[..read.nodes.len()]);
        assert_eq!(read.edges, whole.edges[..read.edges.len()]);
        assert_eq!(read.ledger, whole.ledger[..read.ledger.len()]);
    }
    let last_line = bytes.windows(15).position(|window| window == b"ADD_EDGE|a|b|02").unwrap();
    let damage = Document::read(&bytes[..last_line]).damage.unwrap();
    assert!(damage.contains("recovered 2 of 2 nodes, 3 of 3 edges, 4 of 5 ledger lines"), "{damage}");
    assert!(damage.contains("0 of an unknown number of embeddings"), "{damage}");
}

#[test]
fn no_changed_byte_makes_it_short_in_silence() {
    let bytes = document();
    let whole = Document::read(&bytes).counts();
    for place in 0..bytes.len() {
        for value in 0..=255 {
            let mut changed = bytes.clone();
            changed[place] = value;
            let read = Document::read(&changed);
            assert!(read.damage.is_some() || read.counts() == whole, "byte {place} set to {value}");
        }
    }
}

#[test]
fn what_a_document_must_not_be() {
    let mut twice = document();
    twice[0] = 0x85;
    encode::str(&mut twice, "nodes");
    nodes(&mut twice, &[]);
    let behind = [document(), vec![0xc0]].concat();
    let mut without = vec![0x81];
    encode::str(&mut without, "nodes");
    nodes(&mut without, &[]);
    for (bytes, reason) in [
        (&twice[..], "'nodes' is there twice"),
        (&behind, "1 bytes follow it"),
        (&without, "'edges' is not in it"),
        (b"\x93\x01\x02\x03", "something else where a map has to be"),
        (b"", "unexpected end of data"),
        (b"\xdf\xff\xff\xff\xff", "unexpected end of data"),
        (b"\x81\xa5nodes\xdd\xff\xff\xff\xff", "node 1 of 4294967295"),
    ] {
        let damage = Document::read(bytes).damage.unwrap();
        assert!(damage.contains(reason), "{damage}");
    }
}

#[test]
fn embeddings_of_every_version() {
    let read = |store: &[u8]| {
        let mut bytes = vec![0x84];
        for name in ["nodes", "edges", "ledger"] {
            encode::str(&mut bytes, name);
            encode::array(&mut bytes, 0);
        }
        encode::str(&mut bytes, "semantic_store");
        bytes.extend_from_slice(store);
        let read = Document::read(&bytes);
        let found: Vec<_> =
            read.embeddings.iter().map(|(id, vector)| (id.to_string(), vector.clone())).collect();
        (found, read.damage)
    };
    let mut old = Vec::new();
    embeddings(&mut old, &[("a", &[1.0]), ("b", &[0.1])]);
    assert_eq!(read(&old), (vec![("a".into(), vec![1.0]), ("b".into(), vec![0.1])], None));
    let flat = |dimension: u64, components: usize| {
        let mut new = Vec::new();
        encode::map(&mut new, 3);
        encode::str(&mut new, "dim");
        encode::uint(&mut new, dimension);
        encode::str(&mut new, "ids");
        encode::array(&mut new, 2);
        encode::str(&mut new, "a");
        encode::str(&mut new, "b");
        encode::str(&mut new, "data");
        encode::array(&mut new, components);
        (0..components).for_each(|component| encode::float32(&mut new, component as f32));
        new
    };
    assert_eq!(read(&flat(2, 4)), (vec![("a".into(), vec![0.0, 1.0]), ("b".into(), vec![2.0, 3.0])], None));
    for wrong in [flat(2, 3), flat(0, 4), flat(u64::MAX, 4), vec![0x80]] {
        assert!(read(&wrong).1.is_some());
    }
}
