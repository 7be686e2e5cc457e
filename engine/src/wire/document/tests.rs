use super::*;

type Seen<'a> = Vec<(&'a str, Vec<u8>)>;

fn nodes(bytes: &[u8]) -> Result<Seen<'_>, DecodeError> {
    let document = Document::parse(bytes)?;
    let mut seen = Vec::new();
    document.for_each_node(|(id, place), properties| {
        assert_eq!(document.properties(place)?.0, properties, "the place is that of the node");
        seen.push((id, properties.to_vec()));
        Ok::<_, DecodeError>(())
    })?;
    Ok(seen)
}

fn reason<T>(result: Result<T, DecodeError>) -> String {
    result.err().map(|error| error.reason().to_owned()).unwrap_or_default()
}

#[test]
fn parts_are_found_in_any_order_and_unknown_ones_passed_over() {
    let bytes = b"\x84\xa4more\x91\xc0\xa5edges\x91\x93\xa1a\xa1b\x91\x7f\xa5nodes\x92\x92\xa1a\xc4\x01x\x92\xa1b\x92\xcc\x81\xcc\xff\xc4\x01k\xc0";
    let document = Document::parse(bytes).unwrap();
    assert!(!document.has_ledger());
    let places = nodes(bytes).unwrap();
    assert_eq!(places, [("a", b"x".to_vec()), ("b", vec![0x81, 0xff])]);
    let mut edges = 0;
    document
        .for_each_edge(|(source, target, properties)| {
            assert_eq!((source.0, target.0, &*properties.0), ("a", "b", &b"\x7f"[..]));
            edges += 1;
            Ok::<_, DecodeError>(())
        })
        .unwrap();
    assert_eq!(edges, 1);
}

#[test]
fn both_forms_of_embeddings_are_read() {
    let named = b"\x81\xaesemantic_store\x81\xaaembeddings\x81\xa1a\x92\x01\xca\x3f\x80\0\0";
    let document = Document::parse(named).unwrap();
    let mut seen = Vec::new();
    document
        .for_each_embedding_place(|(id, place)| {
            seen.push((id, document.components(place)?));
            Ok::<_, DecodeError>(())
        })
        .unwrap();
    assert_eq!(seen, [("a", vec![1.0, 1.0])]);
    let flat = b"\x81\xaesemantic_store\x83\xa3dim\x02\xa3ids\x91\xa1a\xa4data\x92\x01\x02";
    let document = Document::parse(flat).unwrap();
    let flat = document.flat();
    assert_eq!((flat.dim, &*flat.ids, &*flat.data), (2, &["a"][..], &[1.0, 2.0][..]));
}

#[test]
fn what_is_wrong_is_told_in_the_words_of_the_reference() {
    for (bytes, words) in [
        (&b"\x90"[..], "invalid type: sequence, expected a map"),
        (b"\x81\xa5nodes\x05", "invalid type: integer `5`, expected a sequence"),
        (b"\x81\xa5nodes\x91\x91\xa1a", "invalid length 1, expected a tuple of size 2"),
        (b"\x81\xa5nodes\x91\x92\xa1a\x91\xcd\x01\x00", "invalid value: integer `256`, expected u8"),
        (b"\x82\xa5nodes\x90\xa5nodes\x90", "duplicate field `nodes`"),
        (b"\x81\xaesemantic_store\x90", "invalid type: sequence, expected struct SemanticStore"),
        (b"\x81\xa5nodes", "unexpected end of data"),
    ] {
        assert_eq!(reason(nodes(bytes)), words, "{bytes:?}");
    }
}
