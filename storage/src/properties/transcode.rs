//! Property bytes to view bytes, in time linear in their size but for the sorting of keys, without recursion.
//!
//! A first pass finds where every container ends, so that the second can write map entries in key order: it
//! jumps over a value instead of reading it once more for each level around it.

use super::encode;
use super::fields::{is_shown, string};
use super::token::{MAX_DEPTH, Reader, Token, TokenError, text};

/// Appends the decoded view of `props` to `out`. `false`: undecodable, nothing appended.
pub fn write_view(props: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let written = try_write(props, out).unwrap_or(false);
    if !written {
        out.truncate(start);
    }
    written
}

/// How many lists and maps are in the first value of `props`, as far as it can be read; of more than `most` not all are
/// counted.
pub fn containers(props: &[u8], most: usize) -> usize {
    let mut reader = Reader::new(props);
    let (mut left, mut found) = (1_usize, 0);
    while left > 0 && found <= most {
        let Ok(token) = reader.token() else { break };
        left -= 1;
        if let Some(items) = token.children() {
            left += items;
            found += 1;
        }
    }
    found
}

/// Where a container ends.
#[derive(Clone, Copy, Default)]
struct Span {
    /// Position behind it.
    end: usize,
    /// Index of the first span that starts behind it.
    next: usize,
}

/// The spans of all containers of the first value, in the order in which they start.
fn spans(props: &[u8]) -> Result<Vec<Span>, TokenError> {
    struct Outer {
        left: usize,
        span: usize,
    }
    let mut reader = Reader::new(props);
    let mut spans = Vec::new();
    let mut outer: Vec<Outer> = Vec::new();
    let (mut left, mut span) = (1, 0);
    loop {
        while left == 0 {
            let Some(around) = outer.pop() else {
                return Ok(spans);
            };
            spans[span] = Span { end: reader.position(), next: spans.len() };
            (left, span) = (around.left, around.span);
        }
        left -= 1;
        if let Some(items) = reader.token()?.children() {
            outer.push(Outer { left, span });
            if outer.len() >= MAX_DEPTH {
                return Err(TokenError::Depth);
            }
            (left, span) = (items, spans.len());
            spans.push(Span::default());
        }
    }
}

/// Something still to be written.
enum Pending<'a> {
    /// One value, after its key if it is in a map.
    Value { key: Option<&'a str>, at: Place },
    /// The remaining items of a list.
    Items { left: usize, at: Place },
}

/// A position, and the index of the first span that starts there or behind.
#[derive(Clone, Copy)]
struct Place {
    position: usize,
    span: usize,
}

fn try_write(props: &[u8], out: &mut Vec<u8>) -> Result<bool, TokenError> {
    let spans = spans(props)?;
    if !is_shown(Reader::new(props).token()?) {
        return Ok(false);
    }
    let start = Place { position: 0, span: 0 };
    let mut pending = Vec::with_capacity(8);
    pending.push(Pending::Value { key: None, at: start });
    while let Some(next) = pending.pop() {
        let (mut left, mut at) = match next {
            Pending::Value { key, at } => {
                if let Some(key) = key {
                    encode::str(out, key);
                }
                (1, at)
            }
            Pending::Items { left, at } => (left, at),
        };
        while left > 0 {
            left -= 1;
            let (token, inside) = read(props, at)?;
            let behind = inside.behind(token, &spans, at);
            if token.children().is_some() {
                if left > 0 {
                    pending.push(Pending::Items { left, at: behind });
                }
                open_container(props, &spans, token, inside, &mut pending, out)?;
                break;
            }
            write_scalar(out, token);
            at = behind;
        }
    }
    Ok(true)
}

/// The token at a place, and the place behind it: for a container, where its first item is.
fn read(props: &[u8], at: Place) -> Result<(Token<'_>, Place), TokenError> {
    let mut reader = Reader::at(props, at.position);
    let token = reader.token()?;
    let span = at.span + usize::from(token.children().is_some());
    Ok((token, Place { position: reader.position(), span }))
}

impl Place {
    /// The place behind the whole value whose `token` was read at `start` and ends here.
    fn behind(self, token: Token<'_>, spans: &[Span], start: Place) -> Place {
        if token.children().is_none() {
            return self;
        }
        let span = spans[start.span];
        Place { position: span.end, span: span.next }
    }
}

/// Writes the head of a container and leaves its items pending.
fn open_container<'a>(
    props: &'a [u8],
    spans: &[Span],
    container: Token<'_>,
    inside: Place,
    pending: &mut Vec<Pending<'a>>,
    out: &mut Vec<u8>,
) -> Result<(), TokenError> {
    if let Token::Array(left) = container {
        encode::array(out, left);
        pending.push(Pending::Items { left, at: inside });
    } else if let Token::Map(pairs) = container {
        let entries = sorted_entries(props, spans, pairs, inside)?;
        encode::map(out, entries.len());
        let values = entries.into_iter().rev();
        pending.extend(values.map(|(key, at)| Pending::Value { key: Some(key), at }));
    }
    Ok(())
}

/// The entries of a map that the view keeps, in key order, the last of each key.
fn sorted_entries<'a>(
    props: &'a [u8],
    spans: &[Span],
    pairs: usize,
    first: Place,
) -> Result<Vec<(&'a str, Place)>, TokenError> {
    let mut entries: Vec<(&str, Place)> = Vec::with_capacity(pairs);
    let mut at = first;
    for _ in 0..pairs {
        let (key, after) = read(props, at)?;
        let value_at = after.behind(key, spans, at);
        let (value, after) = read(props, value_at)?;
        at = after.behind(value, spans, value_at);
        if let Some(key) = string(key)
            && is_shown(value)
        {
            entries.push((key, value_at));
        }
    }
    if entries.is_sorted_by(|left, right| left.0 < right.0) {
        return Ok(entries);
    }
    entries.sort_by_key(|(key, _)| *key);
    entries.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            *kept = *later;
        }
        same
    });
    Ok(entries)
}

fn write_scalar(out: &mut Vec<u8>, scalar: Token<'_>) {
    match scalar {
        Token::Bool(value) => encode::bool(out, value),
        Token::Uint(value) => encode::uint(out, value),
        Token::Int(value) => encode::int(out, value),
        Token::Float(value) if value.is_finite() => encode::float(out, value),
        Token::Str(bytes) => match text(bytes) {
            Some(text) => encode::str(out, text),
            None => encode::nil(out),
        },
        Token::Bin(bytes) => encode::bin(out, bytes),
        Token::Nil | Token::Float(_) | Token::Ext | Token::Array(_) | Token::Map(_) => encode::nil(out),
    }
}
