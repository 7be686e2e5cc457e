//! `egctl nodes`.

use std::ops::ControlFlow;

use anyhow::Result;
use clap::Args;
use epistemic_operations::data::labels;
use tokio::runtime::Runtime;

use super::FromArgs;
use super::row::{IdRow, NodeRow};
use super::scan::for_each_node;
use crate::exit::EXIT_CODES;
use crate::graph::GraphArgs;
use crate::rows::{RowArgs, Rows};

/// List the nodes of a graph with their properties, in the order of their ids.
///
/// Reads one state of the graph from its beginning, row by row, whatever else is written meanwhile.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct NodesArgs {
    /// Only nodes with this type or label.
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Only nodes whose ids begin so.
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Begin behind this id: that of the last row of the page before.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Rows at most; 0 is all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u64,
    /// Ids only.
    #[arg(long)]
    ids: bool,
    #[command(flatten)]
    graph: GraphArgs,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    form: RowArgs,
}

pub(in crate::commands) fn run(args: &NodesArgs, runtime: &Runtime) -> Result<()> {
    let opened = args.from.open(&args.graph, runtime)?;
    let graph = opened.graph();
    let mut rows = Rows::begin(args.form, graph.graph(), graph.place(), "nodes")?;
    for_each_node(graph, false, |id, properties| {
        let prefix = args.prefix.as_deref().unwrap_or_default();
        if id > prefix && !id.starts_with(prefix) {
            return Ok(ControlFlow::Break(()));
        }
        if !args.takes(id, properties) {
            return Ok(ControlFlow::Continue(()));
        }
        let written =
            if args.ids { rows.write(&IdRow { id })? } else { rows.write(&NodeRow::new(id, properties))? };
        let is_enough = args.limit > 0 && rows.written() == args.limit;
        Ok(if is_enough { ControlFlow::Break(()) } else { written })
    })?;
    rows.end()
}

impl NodesArgs {
    fn takes(&self, id: &str, properties: &[u8]) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| id.starts_with(prefix))
            && self.after.as_deref().is_none_or(|after| id > after)
            && self.label.as_deref().is_none_or(|label| labels(properties).contains(&label))
    }
}
