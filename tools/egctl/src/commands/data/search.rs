//! `egctl search`.

use std::ops::ControlFlow;

use anyhow::Result;
use clap::Args;
use epistemic_operations::data::{has_text, labels};
use tokio::runtime::Runtime;

use super::FromArgs;
use super::row::NodeRow;
use super::scan::for_each_node;
use crate::exit::EXIT_CODES;
use crate::graph::GraphArgs;
use crate::rows::{RowArgs, Rows};

/// Find the nodes whose id, label or properties hold a text, in upper or lower case.
///
/// Reads all nodes: there is no index of texts.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct SearchArgs {
    /// What to look for.
    text: String,
    /// Only nodes with this type or label.
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Look at this property alone.
    #[arg(long, value_name = "NAME", conflicts_with = "in_id")]
    property: Option<String>,
    /// Look at ids alone.
    #[arg(long = "id")]
    in_id: bool,
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

pub(in crate::commands) fn run(args: &SearchArgs, runtime: &Runtime) -> Result<()> {
    let opened = args.from.open(&args.graph, runtime)?;
    let graph = opened.graph();
    let wanted = args.text.to_lowercase();
    let mut rows = Rows::begin(args.form, graph.graph(), graph.place(), "nodes")?;
    for_each_node(graph, true, |id, properties| {
        if !args.finds(&wanted, id, properties) {
            return Ok(ControlFlow::Continue(()));
        }
        let written = rows.write(&NodeRow::new(id, properties))?;
        let is_enough = args.limit > 0 && rows.written() == args.limit;
        Ok(if is_enough { ControlFlow::Break(()) } else { written })
    })?;
    rows.end()
}

impl SearchArgs {
    fn finds(&self, wanted: &str, id: &str, properties: &[u8]) -> bool {
        let holds = |text: &str| text.to_lowercase().contains(wanted);
        let labels = labels(properties);
        if self.label.as_deref().is_some_and(|label| !labels.contains(&label)) {
            return false;
        }
        match &self.property {
            Some(_) => has_text(properties, self.property.as_deref(), wanted),
            None if self.in_id => holds(id),
            None => {
                holds(id) || labels.iter().any(|label| holds(label)) || has_text(properties, None, wanted)
            }
        }
    }
}
