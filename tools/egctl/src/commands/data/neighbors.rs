//! `egctl neighbors`.

use std::ops::ControlFlow;

use anyhow::Result;
use clap::Args;
use epistemic_operations::data::{Direction, Edge};
use epistemic_operations::names::shown;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::FromArgs;
use super::row::EdgeRow;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::graph::GraphArgs;
use crate::rows::{Row, RowArgs, Rows};

/// Show what is next to a node: the edges that leave it and those that reach it.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct NeighborsArgs {
    /// Id of the node.
    node: String,
    /// Only edges that leave it.
    #[arg(long, conflicts_with = "incoming")]
    outgoing: bool,
    /// Only edges that reach it.
    #[arg(long)]
    incoming: bool,
    /// Rows at most; 0 is all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u64,
    #[command(flatten)]
    graph: GraphArgs,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    form: RowArgs,
}

/// An edge seen from a node.
#[derive(Serialize)]
struct Neighbor<'e> {
    direction: &'static str,
    /// The node at the other end.
    node: &'e str,
    #[serde(flatten)]
    edge: EdgeRow<'e>,
}

pub(in crate::commands) fn run(args: &NeighborsArgs, runtime: &Runtime) -> Result<()> {
    let opened = args.from.open(&args.graph, runtime)?;
    let graph = opened.graph();
    if graph.node(&args.node)?.is_none() {
        let (node, name, place) = (shown(&args.node), shown(graph.graph()), graph.place());
        return Err(Failure::new(Exit::Failed, format!("{name} at {place} has no node {node}")).into());
    }
    let mut rows = Rows::begin(args.form, graph.graph(), graph.place(), "neighbors")?;
    let mut is_enough = false;
    for (name, direction, meant) in
        [("out", Direction::Out, !args.incoming), ("in", Direction::In, !args.outgoing)]
    {
        if !meant || is_enough {
            continue;
        }
        graph.edges_at(&args.node, direction, &mut |edge: Edge| {
            let node = match direction {
                Direction::Out => &edge.target,
                Direction::In => &edge.source,
            };
            let written = rows.write(&Neighbor { direction: name, node, edge: EdgeRow::new(&edge) })?;
            is_enough = written.is_break() || (args.limit > 0 && rows.written() == args.limit);
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
    }
    rows.end()
}

impl Row for Neighbor<'_> {
    fn text(&self) -> String {
        format!("{:<3}  {}  {}", self.direction, shown(self.node), self.edge.line())
    }
}
