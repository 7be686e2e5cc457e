//! `NeighborPage`: what is one edge from a node, by id, a page at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use epistemic_storage::graph::Side;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{COUNTED, Reader, answer, card, count_ends, kinds_between, must_exist};
use crate::{
    request::{
        error::{OpError, ReadError},
        graph_read::{GraphRead, SLICE},
    },
    wire::{text, text_or_nil},
};

/// Rows of an answer.
const MOST: usize = 200;
/// Neighbours that are looked at for a page of one label.
const LOOKED_AT: usize = 10_000;
/// The degree of a row is counted so far.
const DEGREE: u64 = 1_000;

/// `NeighborPage`
#[derive(Debug, Deserialize)]
pub(crate) struct NeighborPage<'a> {
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// `in`, `out` or `both`, which it is without it.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    direction: Option<&'a str>,
    /// Only those that are drawn with it.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    label: Option<&'a str>,
    /// The neighbour behind which to go on.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    after: Option<&'a str>,
    /// Rows at most, [`MOST`] at most.
    limit: usize,
}

/// `NeighborPage`
pub(crate) fn page(
    read: &GraphRead<'_>,
    NeighborPage { node_id, direction, label, after, limit }: NeighborPage<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let sides: &[Side] = match direction.unwrap_or("both") {
        "in" => &[Side::Reaching],
        "out" => &[Side::Leaving],
        "both" => &[Side::Leaving, Side::Reaching],
        other => {
            let text = format!("NeighborPage: the direction is 'in', 'out' or 'both', not '{other}'");
            return Err(OpError::Text(text).into());
        }
    };
    read.view(|reader| {
        must_exist(reader, node_id)?;
        let (rows, next) = rows(reader, node_id, sides, label, after, limit.clamp(1, MOST))?;
        let mut found = json!({ "rows": rows, "next": next, "sequence": reader.counters()?.sequence });
        // They are of all neighbours: who goes on has them already.
        if after.is_none() {
            counts(reader, node_id, &mut found)?;
        }
        answer(out, &found);
        Ok(())
    })
}

/// Up to so many neighbours behind `after`, and behind which one there are more.
fn rows(
    reader: &Reader<'_>,
    node: &str,
    sides: &[Side],
    label: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Value>, Option<String>), ReadError> {
    let (mut rows, mut behind, mut looked_at) = (Vec::new(), after.map(str::to_owned), 0);
    loop {
        let wanted = if label.is_some() { SLICE * 8 } else { limit };
        let ids = next_ends(reader, node, sides, behind.as_deref(), wanted)?;
        for (place, (id, record)) in ids.iter().zip(reader.nodes(&ids)?).enumerate() {
            let Some(record) = record else { continue };
            let found = card::label(&record.properties);
            if label.is_some_and(|label| found != Some(label)) {
                continue;
            }
            rows.push(row(reader, node, sides, id, &record.properties)?);
            if rows.len() == limit {
                let more = place + 1 < ids.len() || ids.len() == wanted;
                return Ok((rows, more.then(|| id.clone())));
            }
        }
        looked_at += ids.len();
        behind = ids.last().cloned();
        if ids.len() < wanted {
            return Ok((rows, None));
        }
        if looked_at >= LOOKED_AT {
            return Ok((rows, behind));
        }
    }
}

/// The next neighbours behind `after`, by id.
fn next_ends(
    reader: &Reader<'_>,
    node: &str,
    sides: &[Side],
    after: Option<&str>,
    most: usize,
) -> Result<Vec<String>, ReadError> {
    let from = after.map_or_else(String::new, |after| format!("{after}\0"));
    let mut ends = BTreeSet::new();
    for side in sides {
        let (mut count, mut last) = (0, String::new());
        reader.each_end_from(*side, node, &from, |end| -> Result<_, ReadError> {
            if count > 0 && last == end {
                return Ok(ControlFlow::Continue(()));
            }
            if count == most {
                return Ok(ControlFlow::Break(()));
            }
            count += 1;
            end.clone_into(&mut last);
            ends.insert(end.to_owned());
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(ends.into_iter().take(most).collect())
}

fn row(
    reader: &Reader<'_>,
    node: &str,
    sides: &[Side],
    id: &str,
    properties: &[u8],
) -> Result<Value, ReadError> {
    let mut edges = Vec::new();
    for side in sides {
        match side {
            Side::Leaving => kinds_between(reader, node, id, "out", &mut edges)?,
            Side::Reaching => kinds_between(reader, id, node, "in", &mut edges)?,
        }
    }
    let degree =
        count_ends(reader, Side::Leaving, id, DEGREE)? + count_ends(reader, Side::Reaching, id, DEGREE)?;
    Ok(json!({
        "id": id,
        "label": card::label(properties),
        "caption": card::caption(properties),
        "degree": degree.min(DEGREE),
        "degree_exact": degree <= DEGREE,
        "edges": edges,
    }))
}

/// Adds how many neighbours there are in each direction, and of each label.
fn counts(reader: &Reader<'_>, node: &str, found: &mut Value) -> Result<(), ReadError> {
    let (mut ids, mut exact) = (BTreeSet::new(), true);
    for (name, side) in [("in", Side::Reaching), ("out", Side::Leaving)] {
        let (mut count, mut last) = (0_u64, None::<String>);
        reader.each_end_from(side, node, "", |end| -> Result<_, ReadError> {
            if last.as_deref() == Some(end) {
                return Ok(ControlFlow::Continue(()));
            }
            if count == COUNTED {
                exact = false;
                return Ok(ControlFlow::Break(()));
            }
            count += 1;
            last = Some(end.to_owned());
            ids.insert(end.to_owned());
            Ok(ControlFlow::Continue(()))
        })?;
        found[name] = json!(count);
    }
    let ids: Vec<_> = ids.into_iter().collect();
    let mut labels: BTreeMap<String, u64> = BTreeMap::new();
    for slice in ids.chunks(SLICE) {
        for record in reader.nodes(slice)?.into_iter().flatten() {
            *labels.entry(card::label(&record.properties).unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    let mut labels: Vec<_> = labels.into_iter().collect();
    labels.sort_by(|(a, more), (b, fewer)| fewer.cmp(more).then_with(|| a.cmp(b)));
    found["neighbors"] = json!(ids.len());
    found["exact"] = json!(exact);
    found["by_label"] = json!(labels);
    Ok(())
}
