//! The triples of `GetTriples` (`docs/reference-protocol.md` section 6.2).

use std::borrow::Cow;

use serde_json::Number;

use super::fields::{string, visit_entries};
use super::token::Token;

/// The predicate of an edge: its `type` if that is a string, else its `rel_type`, else `RELATED_TO`.
pub fn edge_predicate(props: &[u8]) -> &str {
    let (mut kind, mut rel_type) = (None, None);
    let decoded = visit_entries(props, |key, value, _| match key {
        "type" => kind = string(value),
        "rel_type" => rel_type = string(value),
        _ => {}
    });
    if decoded { kind.or(rel_type).unwrap_or("RELATED_TO") } else { "RELATED_TO" }
}

/// The predicates and objects of a node: first `rdf:type`, from `type` or else `node_type`, then every other key
/// with a string, bool or number, in key order. Empty when the properties are undecodable or no map.
pub fn node_triples(props: &[u8]) -> Vec<(&str, Cow<'_, str>)> {
    let mut entries = Vec::new();
    if !visit_entries(props, |key, value, _| entries.push((key, value))) {
        return Vec::new();
    }
    entries.sort_by_key(|(key, _)| *key);
    let last_of_key = |index: usize| entries.get(index + 1).is_none_or(|next| next.0 != entries[index].0);
    let entries: Vec<_> =
        (0..entries.len()).filter(|index| last_of_key(*index)).map(|i| entries[i]).collect();
    let value_of = |name| entries.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let kind = value_of("type").or_else(|| value_of("node_type")).and_then(string);
    let others = entries.iter().filter(|(key, _)| *key != "type" && *key != "node_type");
    let facts = others.filter_map(|(key, value)| Some((*key, object(*value)?)));
    kind.map(|kind| ("rdf:type", Cow::Borrowed(kind))).into_iter().chain(facts).collect()
}

/// The text of a scalar, numbers as JSON writes them.
fn object(value: Token<'_>) -> Option<Cow<'_, str>> {
    match value {
        Token::Str(_) => string(value).map(Cow::Borrowed),
        Token::Bool(value) => Some(Cow::Borrowed(if value { "true" } else { "false" })),
        Token::Uint(value) => Some(Cow::Owned(value.to_string())),
        Token::Int(value) => Some(Cow::Owned(value.to_string())),
        Token::Float(value) => Number::from_f64(value).map(|number| Cow::Owned(number.to_string())),
        Token::Nil | Token::Bin(_) | Token::Ext | Token::Array(_) | Token::Map(_) => None,
    }
}
