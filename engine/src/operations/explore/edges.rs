//! `EdgesAmong`: the edges between nodes that are known.

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
};

use epistemic_storage::graph::Side;
use serde_json::{Value, json};

use super::{Reader, answer, types_between};
use crate::{
    request::{
        error::{OpError, ReadError},
        graph_read::GraphRead,
    },
    wire::NodeIds,
};

/// Nodes of a request.
const MOST_NODES: usize = 2_000;
/// Rows of an answer: pairs and types.
const MOST: usize = 10_000;

/// `EdgesAmong`
pub(crate) fn among(
    read: &GraphRead<'_>,
    NodeIds { node_ids }: NodeIds<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    if node_ids.len() > MOST_NODES {
        let text = format!("EdgesAmong: {} nodes were named, {MOST_NODES} are the most", node_ids.len());
        return Err(OpError::Text(text).into());
    }
    let among: HashSet<&str> = node_ids.iter().copied().collect();
    read.view(|reader| {
        let (mut rows, mut cut) = (Vec::new(), false);
        for source in sorted(&among) {
            for target in targets(reader, source, &among)? {
                for (kind, count) in types_between(reader, source, &target)? {
                    rows.push(json!([source, target, kind, count]));
                }
            }
            if rows.len() > MOST {
                rows.truncate(MOST);
                cut = true;
                break;
            }
        }
        answer(out, &json!({ "edges": Value::Array(rows), "cut": cut }));
        Ok(())
    })
}

fn sorted<'a>(among: &HashSet<&'a str>) -> impl Iterator<Item = &'a str> {
    among.iter().map(|id| (*id, ())).collect::<BTreeMap<_, _>>().into_keys()
}

/// Those of them that edges of `source` lead to. Its edges are read while they are not many more than the nodes that are meant;
/// the ends of a hub are asked for one by one.
fn targets(reader: &Reader<'_>, source: &str, among: &HashSet<&str>) -> Result<Vec<String>, ReadError> {
    let (mut found, mut left) = (Vec::<String>::new(), 4 * among.len() + 64);
    reader.each_end_from(Side::Leaving, source, "", |end| -> Result<_, ReadError> {
        left -= 1;
        if among.contains(end) && found.last().is_none_or(|last| last != end) {
            found.push(end.to_owned());
        }
        Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    if left > 0 {
        return Ok(found);
    }
    let mut found = Vec::new();
    for target in sorted(among) {
        if reader.has_edge(source, target)? {
            found.push(target.to_owned());
        }
    }
    Ok(found)
}
