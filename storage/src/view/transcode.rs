//! Property bytes to view bytes, in time linear in their size but for the sorting of keys, without recursion.
//!
//! A first pass finds where every container ends, so that the second can write map entries in key order: it
//! jumps over a value instead of reading it once more for each level around it.

use super::encode;
use super::fields::{is_shown, string_key};
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
    struct Open {
        left: usize,
        span: usize,
    }
    let mut reader = Reader::new(props);
    let mut spans = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    loop {
        if let Some(left) = reader.token()?.children() {
            open.push(Open {
                left,
                span: spans.len(),
            });
            spans.push(Span::default());
            if open.len() >= MAX_DEPTH {
                return Err(TokenError::Depth);
            }
        }
        loop {
            let Some(innermost) = open.last_mut() else {
                return Ok(spans);
            };
            if innermost.left > 0 {
                innermost.left -= 1;
                break;
            }
            spans[innermost.span] = Span {
                end: reader.position(),
                next: spans.len(),
            };
            open.pop();
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
    let mut pending = vec![Pending::Value {
        key: None,
        at: Place { position: 0, span: 0 },
    }];
    while let Some(next) = pending.pop() {
        let at = match next {
            Pending::Value { key, at } => {
                if let Some(key) = key {
                    encode::str(out, key);
                }
                at
            }
            Pending::Items { left: 0, .. } => continue,
            Pending::Items { left, at } => {
                let behind = behind(props, &spans, at)?;
                pending.push(Pending::Items {
                    left: left - 1,
                    at: behind,
                });
                at
            }
        };
        let mut reader = Reader::at(props, at.position);
        let token = reader.token()?;
        let inside = Place {
            position: reader.position(),
            span: at.span + 1,
        };
        if let Token::Array(left) = token {
            encode::array(out, left);
            pending.push(Pending::Items { left, at: inside });
        } else if let Token::Map(pairs) = token {
            let entries = sorted_entries(props, &spans, pairs, inside)?;
            encode::map(out, entries.len());
            let values = entries.into_iter().rev();
            pending.extend(values.map(|(key, at)| Pending::Value { key: Some(key), at }));
        } else {
            write_scalar(out, token);
        }
    }
    Ok(true)
}

/// The place behind the value at `at`.
fn behind(props: &[u8], spans: &[Span], at: Place) -> Result<Place, TokenError> {
    let mut reader = Reader::at(props, at.position);
    Ok(if reader.token()?.children().is_some() {
        Place {
            position: spans[at.span].end,
            span: spans[at.span].next,
        }
    } else {
        Place {
            position: reader.position(),
            span: at.span,
        }
    })
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
        let key = string_key(&mut Reader::at(props, at.position))?;
        at = behind(props, spans, at)?;
        if let Some(key) = key
            && is_shown(Reader::at(props, at.position).token()?)
        {
            entries.push((key, at));
        }
        at = behind(props, spans, at)?;
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
