//! `NodeLook`: one node, its properties as JSON.

use epistemic_storage::{
    graph::{GraphError, Side},
    properties::{
        from_bytes,
        token::{Reader as Tokens, Token, text as utf8},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{COUNTED, answer, card, count_ends};
use crate::{
    request::{
        error::{OpError, ReadError},
        graph_read::GraphRead,
    },
    wire::{text, text_or_nil},
};

/// Bytes of a value that is told whole.
const SHORT: usize = 4 << 10;
/// Bytes of one that is asked for by its key.
const LONG: usize = 1 << 20;
/// Properties that are told.
const MOST: usize = 1_000;

/// `NodeLook`
#[derive(Debug, Deserialize)]
pub(crate) struct NodeLook<'a> {
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// The property that is told in full.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    key: Option<&'a str>,
}

/// `NodeLook`
pub(crate) fn look(
    read: &GraphRead<'_>,
    NodeLook { node_id, key }: NodeLook<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        let node = reader.node(node_id)?;
        let node = node.ok_or_else(|| OpError::from(GraphError::NodeNotFound(node_id.to_owned())))?;
        let reaching = count_ends(reader, Side::Reaching, node_id, COUNTED)?;
        let leaving = count_ends(reader, Side::Leaving, node_id, COUNTED)?;
        let mut found = json!({
            "id": node_id,
            "label": card::label(&node.properties),
            "caption": card::caption(&node.properties),
            "sequence": node.sequence,
            "graph_sequence": reader.counters()?.sequence,
            "in": reaching.min(COUNTED),
            "out": leaving.min(COUNTED),
            "exact": reaching <= COUNTED && leaving <= COUNTED,
            "bytes": node.properties.len(),
        });
        match entries(&node.properties, key) {
            Some(entries) => found["properties"] = Value::Array(entries),
            // They are no map.
            None => found["properties"] = json!([["", "bytes", null, node.properties.len()]]),
        }
        answer(out, &found);
        Ok(())
    })
}

/// `[key, type, value, bytes]` of each property. A long text is cut, any other long value left out.
fn entries(properties: &[u8], in_full: Option<&str>) -> Option<Vec<Value>> {
    let mut tokens = Tokens::new(properties);
    let Token::Map(pairs) = tokens.token().ok()? else { return None };
    let mut entries = Vec::new();
    for _ in 0..pairs.min(MOST) {
        let Token::Str(key) = tokens.token().ok()? else { return None };
        let (key, start) = (utf8(key)?, tokens.position());
        let first = Tokens::at(properties, start).token().ok()?;
        tokens.skip(1).ok()?;
        let bytes = tokens.since(start);
        let most = if in_full == Some(key) { LONG } else { SHORT };
        entries.push(json!([key, kind(first), shown(first, bytes, most), bytes.len()]));
    }
    Some(entries)
}

fn kind(token: Token<'_>) -> &'static str {
    match token {
        Token::Nil => "null",
        Token::Bool(_) => "bool",
        Token::Uint(_) | Token::Int(_) => "int",
        Token::Float(_) => "float",
        Token::Str(_) => "string",
        Token::Bin(_) => "bytes",
        Token::Ext => "extension",
        Token::Array(_) => "list",
        Token::Map(_) => "map",
    }
}

fn shown(token: Token<'_>, bytes: &[u8], most: usize) -> Value {
    if let Token::Str(text) = token {
        // A character that was cut through is left out.
        let whole = text[..text.len().min(most)].utf8_chunks().next().map_or("", |chunk| chunk.valid());
        return json!(whole);
    }
    if let Token::Bin(bytes) = token {
        return json!(hex::encode(&bytes[..bytes.len().min(most / 2)]));
    }
    if bytes.len() <= most { from_bytes(bytes).unwrap_or(Value::Null) } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use epistemic_storage::properties::to_bytes;

    use super::*;

    #[test]
    fn a_long_value_is_cut_unless_it_is_asked_for() {
        let long = "ü".repeat(4000);
        let properties =
            to_bytes(&json!({"a": 1, "b": long, "c": {"d": [true, null]}, "e": vec!["x".repeat(9); 999]}))
                .unwrap();
        let rows = entries(&properties, None).unwrap();
        assert_eq!(rows[0], json!(["a", "int", 1, 1]));
        assert_eq!(rows[1], json!(["b", "string", "ü".repeat(2048), 8003]));
        assert_eq!(rows[2][2], json!({"d": [true, null]}));
        assert_eq!((&rows[3][1], &rows[3][2]), (&json!("list"), &Value::Null));
        assert_eq!(entries(&properties, Some("b")).unwrap()[1][2], json!(long));
        assert_eq!(entries(&properties, Some("e")).unwrap()[3][2][998], json!("x".repeat(9)));
        assert!(entries(b"\x01", None).is_none() && entries(b"\xc1", None).is_none());
    }
}
