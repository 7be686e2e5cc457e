//! Going through nodes or edges, in the order of their ids, until a limit.

use std::ops::ControlFlow;

use anyhow::Result;
use epistemic_operations::data::{Edge, GraphSource, Item, Records};

use crate::progress::{Progress, Total};

/// Calls `each` with id and property bytes of every node until it says stop. How far it is, is shown where few rows are
/// printed meanwhile.
pub(super) fn for_each_node(
    graph: &dyn GraphSource,
    prints_few: bool,
    mut each: impl FnMut(&str, &[u8]) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut records = Records::open(graph.stream()?)?;
    let mut progress = Progress::new("read", Total::Records(records.summary().nodes));
    while let Some(item) = records.next_item()? {
        match item {
            Item::Node { id, properties } if each(&id, &properties)?.is_continue() => {
                if prints_few {
                    progress.update(0, records.count());
                }
            }
            Item::Node { .. } | Item::Edge(_) | Item::Ledger { .. } | Item::Embedding { .. } => return Ok(()),
        }
    }
    Ok(())
}

/// Calls `each` with every edge until it says stop.
pub(super) fn for_each_edge(
    graph: &dyn GraphSource,
    mut each: impl FnMut(Edge) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut records = Records::open(graph.stream()?)?;
    while let Some(item) = records.next_item()? {
        let goes_on = match item {
            Item::Node { .. } => ControlFlow::Continue(()),
            Item::Edge(edge) => each(edge)?,
            Item::Ledger { .. } | Item::Embedding { .. } => ControlFlow::Break(()),
        };
        if goes_on.is_break() {
            return Ok(());
        }
    }
    Ok(())
}
