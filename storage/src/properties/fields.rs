//! The top level of a property map, without decoding what is below it.

use super::token::{Reader, Token, TokenError, text};

/// Calls `visit` for each entry that the view keeps, in the order of the bytes, with the key, the value's first
/// token and a reader behind that token. A repeated key comes again: the last one counts.
///
/// `false`: the bytes are undecodable, or no map; what was visited so far must not be used.
pub(super) fn visit_entries<'a>(props: &'a [u8], visit: impl FnMut(&'a str, Token<'a>, Reader<'a>)) -> bool {
    try_entries(props, visit).unwrap_or(false)
}

fn try_entries<'a>(
    props: &'a [u8],
    mut visit: impl FnMut(&'a str, Token<'a>, Reader<'a>),
) -> Result<bool, TokenError> {
    let mut reader = Reader::new(props);
    let Token::Map(pairs) = reader.token()? else {
        return Ok(false);
    };
    for _ in 0..pairs {
        let key = string_key(&mut reader)?;
        let start = reader.position();
        let value = reader.token()?;
        if let Some(key) = key
            && is_shown(value)
        {
            visit(key, value, reader);
        }
        if value.children().is_some() {
            reader = Reader::at(props, start);
            reader.skip(1)?;
        }
    }
    Ok(true)
}

/// Passes over a map key and returns it if it is a string.
fn string_key<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, TokenError> {
    let mut ahead = *reader;
    if let Token::Str(bytes) = ahead.token()? {
        *reader = ahead;
        return Ok(text(bytes));
    }
    reader.skip(1)?;
    Ok(None)
}

/// Whether a value has a place in the view.
pub(super) fn is_shown(value: Token<'_>) -> bool {
    if let Token::Str(bytes) = value { text(bytes).is_some() } else { value != Token::Ext }
}

/// The text of a string value.
pub(super) fn string(value: Token<'_>) -> Option<&str> {
    if let Token::Str(bytes) = value { text(bytes) } else { None }
}

/// A finite number.
pub(super) fn number(value: Token<'_>) -> Option<f64> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is a number")]
    match value {
        Token::Uint(number) => Some(number as f64),
        Token::Int(number) => Some(number as f64),
        Token::Float(number) if number.is_finite() => Some(number),
        _ => None,
    }
}

/// The field `name` where it is a finite number.
pub fn number_field(props: &[u8], name: &str) -> Option<f64> {
    let mut found = None;
    let decoded = visit_entries(props, |key, value, _| {
        if key == name {
            found = number(value);
        }
    });
    found.filter(|_| decoded)
}

/// The field `name` where it is a string.
pub fn string_field<'a>(props: &'a [u8], name: &str) -> Option<&'a str> {
    let mut found = None;
    let decoded = visit_entries(props, |key, value, _| {
        if key == name {
            found = string(value);
        }
    });
    found.filter(|_| decoded)
}

/// A field that is to be a list of strings.
#[derive(Debug, PartialEq, Eq)]
pub enum Strings<'a> {
    /// There is no such field.
    Absent,
    /// Its strings.
    List(Vec<&'a str>),
    /// Something else, or a list with something else in it.
    Other,
}

/// The field `name` as a list of strings; `None` when the properties are undecodable or no map.
pub fn strings_field<'a>(props: &'a [u8], name: &str) -> Option<Strings<'a>> {
    let mut found = Strings::Absent;
    let decoded = visit_entries(props, |key, value, mut rest| {
        if key == name {
            found = match value {
                Token::Array(items) => {
                    let list: Option<Vec<&str>> =
                        (0..items).map(|_| rest.token().ok().and_then(string)).collect();
                    list.map_or(Strings::Other, Strings::List)
                }
                Token::Nil
                | Token::Bool(_)
                | Token::Uint(_)
                | Token::Int(_)
                | Token::Float(_)
                | Token::Str(_)
                | Token::Bin(_)
                | Token::Ext
                | Token::Map(_) => Strings::Other,
            };
        }
    });
    decoded.then_some(found)
}

/// The distinct labels of a node, sorted: `type`, `label` and `node_type` where they are strings, and the
/// strings in `labels` where that is a list. Empty when the properties are undecodable or no map.
pub fn labels(props: &[u8]) -> Vec<&str> {
    let mut single = [None; 3];
    let mut list = None;
    let decoded = visit_entries(props, |key, value, rest| match key {
        "type" => single[0] = string(value),
        "label" => single[1] = string(value),
        "node_type" => single[2] = string(value),
        "labels" => list = Some((value, rest)),
        _ => {}
    });
    if !decoded {
        return Vec::new();
    }
    let mut labels: Vec<&str> = single.into_iter().flatten().collect();
    if let Some((Token::Array(items), mut rest)) = list {
        for _ in 0..items {
            let mut ahead = rest;
            labels.extend(ahead.token().ok().and_then(string));
            if rest.skip(2).is_err() {
                break;
            }
        }
    }
    labels.sort_unstable();
    labels.dedup();
    labels
}
