//! `egctl get`.

use anyhow::Result;
use clap::Args;
use epistemic_operations::data::rows;
use epistemic_operations::names::shown;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::FromArgs;
use super::row::NodeRow;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::graph::GraphArgs;
use crate::rows::{Row, RowArgs, Rows};

/// Show nodes with their labels and properties.
///
/// Asks the shard that owns the graph, or the one given with --endpoint; or reads a directory, a checkpoint, a snapshot file or
/// a backup.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct GetArgs {
    /// Ids of nodes.
    #[arg(value_name = "NODE", required = true)]
    nodes: Vec<String>,
    #[command(flatten)]
    graph: GraphArgs,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    form: RowArgs,
}

/// A node with each property on a line of its own.
#[derive(Serialize)]
struct Whole<'n> {
    #[serde(flatten)]
    node: NodeRow<'n>,
    #[serde(skip)]
    properties: &'n [u8],
}

/// Prints those that are there before the error about those that are not.
pub(in crate::commands) fn run(args: &GetArgs, runtime: &Runtime) -> Result<()> {
    let opened = args.from.open(&args.graph, runtime)?;
    let graph = opened.graph();
    let mut rows = Rows::begin(args.form, graph.graph(), graph.place(), "nodes")?;
    let mut missing = Vec::new();
    for id in &args.nodes {
        let Some(properties) = graph.node(id)? else {
            missing.push(shown(id));
            continue;
        };
        let whole = Whole { node: NodeRow::new(id, &properties), properties: &properties };
        if rows.write(&whole)?.is_break() {
            break;
        }
    }
    rows.end()?;
    if missing.is_empty() {
        return Ok(());
    }
    let (nodes, name, place) = (missing.join(", "), shown(graph.graph()), graph.place());
    Err(Failure::new(Exit::Failed, format!("{name} at {place} has no node {nodes}")).into())
}

impl Row for Whole<'_> {
    fn text(&self) -> String {
        let mut lines = vec![shown(self.node.id)];
        let rows = rows(self.properties);
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        lines.extend(rows.iter().map(|(name, value)| {
            let gap = " ".repeat(width - name.chars().count());
            format!("  {name}{gap}  {value}").trim_end().to_owned()
        }));
        lines.join("\n")
    }
}
