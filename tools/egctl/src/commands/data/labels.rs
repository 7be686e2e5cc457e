//! `egctl labels`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;

use anyhow::Result;
use clap::Args;
use epistemic_operations::data::labels;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::FromArgs;
use super::scan::for_each_node;
use crate::exit::EXIT_CODES;
use crate::graph::GraphArgs;
use crate::output::{OutputArgs, Report};
use crate::table::{shortened, write_table};

/// Labels that are counted one by one; a graph with more uses them as something else.
const MOST: usize = 100_000;

/// Count the nodes of each type and label of a graph, the most frequent ones first.
///
/// Reads all nodes.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct LabelsArgs {
    #[command(flatten)]
    graph: GraphArgs,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Labels {
    graph: String,
    place: String,
    nodes: u64,
    /// Nodes without a type and without labels.
    unlabelled: u64,
    labels: Vec<Label>,
    /// Nodes with labels beyond the first 100,000 different ones, each label counted.
    uncounted: u64,
}

#[derive(Serialize)]
struct Label {
    label: String,
    nodes: u64,
}

pub(in crate::commands) fn run(args: &LabelsArgs, runtime: &Runtime) -> Result<()> {
    let opened = args.from.open(&args.graph, runtime)?;
    let graph = opened.graph();
    let (mut nodes, mut unlabelled, mut uncounted) = (0, 0, 0);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for_each_node(graph, true, |_, properties| {
        nodes += 1;
        let labels = labels(properties);
        unlabelled += u64::from(labels.is_empty());
        for label in labels {
            if let Some(count) = counts.get_mut(label) {
                *count += 1;
            } else if counts.len() < MOST {
                counts.insert(label.to_owned(), 1);
            } else {
                uncounted += 1;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut labels: Vec<_> = counts.into_iter().map(|(label, nodes)| Label { label, nodes }).collect();
    labels.sort_by_key(|label| std::cmp::Reverse(label.nodes));
    let (graph, place) = (graph.graph().to_owned(), graph.place().to_owned());
    args.output.print(&Labels { graph, place, nodes, unlabelled, labels, uncounted })
}

impl Report for Labels {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<_> =
            self.labels.iter().map(|label| [shortened(&label.label), label.nodes.to_string()]).collect();
        write_table(out, ["label", "nodes"], &rows)?;
        writeln!(out, "\n{} nodes, {} of them without a label", self.nodes, self.unlabelled)?;
        if self.uncounted > 0 {
            writeln!(
                out,
                "and {} more labels of nodes, which are not among the first {MOST}",
                self.uncounted
            )?;
        }
        Ok(())
    }
}
