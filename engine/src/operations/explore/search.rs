//! `NodeSearch`: nodes by the beginning of their id, by label, or by a text in them.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use epistemic_storage::graph::{GraphError, Side};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{COUNTED, Reader, answer, card, count_ends};
use crate::{
    request::{
        error::{OpError, ReadError},
        graph_read::GraphRead,
    },
    wire::{text, text_or_nil},
};

/// Rows of an answer.
const MOST: usize = 50;
/// How long a search for a text reads.
const PATIENCE: Duration = Duration::from_millis(200);
/// Nodes between two looks at the clock.
const BETWEEN: u64 = 64;
/// Neighbours that are counted for all rows together.
const ALL_COUNTED: u64 = 5 * COUNTED;

/// `NodeSearch`
#[derive(Debug, Deserialize)]
pub(crate) struct NodeSearch<'a> {
    /// `id`, `label` or `text`.
    #[serde(borrow, deserialize_with = "text")]
    by: &'a str,
    /// What is looked for. Upper and lower case of ASCII letters are the same in a text.
    #[serde(borrow, deserialize_with = "text")]
    query: &'a str,
    /// The node behind which to go on.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    after: Option<&'a str>,
    /// Rows at most, [`MOST`] at most.
    limit: usize,
}

/// What was found.
#[derive(Default)]
struct Found {
    rows: Vec<(String, Option<String>, Option<String>)>,
    /// Nodes that were looked at.
    searched: u64,
    /// The node behind which to go on.
    next: Option<String>,
}

/// `NodeSearch`
pub(crate) fn search(
    read: &GraphRead<'_>,
    NodeSearch { by, query, after, limit }: NodeSearch<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let limit = limit.clamp(1, MOST);
    read.view(|reader| {
        let found = match by {
            "id" => by_id(reader, query, after, limit)?,
            "label" => by_label(reader, query, after, limit)?,
            "text" => by_text(reader, query, after, limit)?,
            other => {
                let text = format!("NodeSearch: a search is by 'id', 'label' or 'text', not by '{other}'");
                return Err(OpError::Text(text).into());
            }
        };
        let nodes = reader.counters()?.nodes;
        let rows = with_counts(reader, found.rows)?;
        answer(out, &json!({ "rows": rows, "next": found.next, "searched": found.searched, "nodes": nodes }));
        Ok(())
    })
}

fn by_id(reader: &Reader<'_>, query: &str, after: Option<&str>, limit: usize) -> Result<Found, ReadError> {
    let mut found = Found::default();
    // Nothing lies between an id and the same with a zero byte behind it.
    let from = after.map_or_else(|| query.to_owned(), |after| format!("{after}\0").max(query.to_owned()));
    reader.each_node_from(&from, |id, properties| -> Result<_, ReadError> {
        if !id.starts_with(query) {
            return Ok(ControlFlow::Break(()));
        }
        found.searched += 1;
        Ok(found.take(id, properties, limit))
    })?;
    Ok(found)
}

fn by_label(reader: &Reader<'_>, query: &str, after: Option<&str>, limit: usize) -> Result<Found, ReadError> {
    let behind = match after {
        None => 0,
        Some(id) => {
            let node = reader.node(id)?;
            let missing = || OpError::from(GraphError::NodeNotFound(id.to_owned()));
            node.ok_or_else(missing)?.sequence
        }
    };
    let mut found = Found::default();
    reader.for_each_by_label(query, behind, limit + 1, |id, properties| -> Result<(), ReadError> {
        found.searched += 1;
        let _ = found.take(id, properties, limit);
        Ok(())
    })?;
    Ok(found)
}

fn by_text(reader: &Reader<'_>, query: &str, after: Option<&str>, limit: usize) -> Result<Found, ReadError> {
    let (begun, needle) = (Instant::now(), query.to_ascii_lowercase());
    let mut found = Found::default();
    let from = after.map_or_else(String::new, |after| format!("{after}\0"));
    reader.each_node_from(&from, |id, properties| -> Result<_, ReadError> {
        found.searched += 1;
        if holds(id.as_bytes(), needle.as_bytes()) || holds(properties, needle.as_bytes()) {
            return Ok(found.take(id, properties, limit));
        }
        if found.searched % BETWEEN == 0 && begun.elapsed() > PATIENCE {
            found.next = Some(id.to_owned());
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Whether `needle`, in lower case, is somewhere in the bytes.
fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    let Some((&first, rest)) = needle.split_first() else { return true };
    let upper = first.to_ascii_uppercase();
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == first || **byte == upper);
    starts
        .map(|(at, _)| &bytes[at + 1..])
        .any(|tail| tail.get(..rest.len()).is_some_and(|tail| tail.eq_ignore_ascii_case(rest)))
}

impl Found {
    /// Takes a node, or says that there is no room for it: then there are more behind the last one.
    fn take(&mut self, id: &str, properties: &[u8], limit: usize) -> ControlFlow<()> {
        if self.rows.len() == limit {
            self.searched -= 1;
            self.next = self.rows.last().map(|(id, ..)| id.clone());
            return ControlFlow::Break(());
        }
        let (label, caption) = (card::label(properties).map(str::to_owned), card::caption(properties));
        self.rows.push((id.to_owned(), label, caption));
        ControlFlow::Continue(())
    }
}

/// The rows with the neighbours of each, while they are not too many together.
fn with_counts(
    reader: &Reader<'_>,
    rows: Vec<(String, Option<String>, Option<String>)>,
) -> Result<Vec<Value>, ReadError> {
    let mut left = ALL_COUNTED;
    let mut count = |id: &str, side| -> Result<Option<u64>, ReadError> {
        if left == 0 {
            return Ok(None);
        }
        let counted = count_ends(reader, side, id, COUNTED)?;
        left = left.saturating_sub(counted);
        Ok(Some(counted))
    };
    let mut told = Vec::with_capacity(rows.len());
    for (id, label, caption) in rows {
        let (reaching, leaving) = (count(&id, Side::Reaching)?, count(&id, Side::Leaving)?);
        told.push(json!({ "id": id, "label": label, "caption": caption, "in": reaching, "out": leaving }));
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_text_is_found_in_any_case_of_ascii() {
        for (text, needle) in
            [("Shard COUNT", "count"), ("x", ""), ("aab", "ab"), ("Straße", "straße"), ("ab", "ab")]
        {
            assert!(holds(text.as_bytes(), needle.as_bytes()), "{text} {needle}");
        }
        for (text, needle) in [("coun", "count"), ("", "x"), ("abab", "ba b")] {
            assert!(!holds(text.as_bytes(), needle.as_bytes()), "{text} {needle}");
        }
    }
}
