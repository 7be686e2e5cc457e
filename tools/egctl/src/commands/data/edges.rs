//! `egctl edges`.

use std::ops::ControlFlow;

use anyhow::Result;
use clap::Args;
use epistemic_operations::data::{Direction, Edge};
use tokio::runtime::Runtime;

use super::FromArgs;
use super::row::EdgeRow;
use super::scan::for_each_edge;
use crate::exit::EXIT_CODES;
use crate::graph::GraphArgs;
use crate::rows::{RowArgs, Rows};

/// List the edges of a graph with their properties, or those from one node, to one, or between two.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct EdgesArgs {
    /// Only edges that begin at this node.
    #[arg(long, value_name = "NODE")]
    source: Option<String>,
    /// Only edges that end at this node.
    #[arg(long, value_name = "NODE")]
    target: Option<String>,
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

pub(in crate::commands) fn run(args: &EdgesArgs, runtime: &Runtime) -> Result<()> {
    let opened = args.from.open(&args.graph, runtime)?;
    let graph = opened.graph();
    let mut rows = Rows::begin(args.form, graph.graph(), graph.place(), "edges")?;
    let mut write = |edge: Edge| {
        let written = rows.write(&EdgeRow::new(&edge))?;
        let is_enough = args.limit > 0 && rows.written() == args.limit;
        anyhow::Ok(if is_enough { ControlFlow::Break(()) } else { written })
    };
    match (&args.source, &args.target) {
        (None, None) => for_each_edge(graph, write)?,
        (Some(source), None) => graph.edges_at(source, Direction::Out, &mut write)?,
        (None, Some(target)) => graph.edges_at(target, Direction::In, &mut write)?,
        (Some(source), Some(target)) => {
            for properties in graph.edges_between(source, target)? {
                let (source, target) = (source.clone(), target.clone());
                if write(Edge { source, target, properties })?.is_break() {
                    break;
                }
            }
        }
    }
    rows.end()
}
