//! `egctl ledger show`.

use std::ops::ControlFlow;

use anyhow::Result;
use clap::Args;
use epistemic_operations::backup::shown_time;
use epistemic_operations::data::Change;
use tokio::runtime::Runtime;

use crate::commands::data::FromArgs;
use crate::exit::EXIT_CODES;
use crate::graph::GraphArgs;
use crate::rows::{Row, RowArgs, Rows};

/// Show the changes that the ledger of a graph tells, oldest first, with those that the protocol's ledger does not show.
///
/// On a shard with access control this needs a System identity.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ShowArgs {
    /// Exact name of the graph. Default: that of --tenant, else the default graph.
    #[arg(value_name = "GRAPH", conflicts_with_all = ["graph", "tenant"])]
    name: Option<String>,
    #[command(flatten)]
    graph: GraphArgs,
    /// Begin behind the change of this number. Default: with the first one that is kept.
    #[arg(long, value_name = "SEQUENCE", conflicts_with = "last")]
    after: Option<u64>,
    /// The newest changes, so many.
    #[arg(long, value_name = "N")]
    last: Option<u64>,
    /// Rows at most; 0 is all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u64,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    form: RowArgs,
}

pub(super) fn run(args: &ShowArgs, runtime: &Runtime) -> Result<()> {
    let opened = match &args.name {
        Some(name) => args.from.open_name(name, runtime)?,
        None => args.from.open(&args.graph, runtime)?,
    };
    let graph = opened.graph();
    let after = match (args.after, args.last) {
        (Some(after), _) => after,
        (None, last) => {
            let summary = graph.summary()?;
            let kept = summary.ledger_from.unwrap_or(1).saturating_sub(1);
            last.map_or(kept, |last| summary.sequence.saturating_sub(last).max(kept))
        }
    };
    let mut rows = Rows::begin(args.form, graph.graph(), graph.place(), "changes")?;
    graph.ledger(after, &mut |(sequence, record)| {
        let written = rows.write(&Change::decode(sequence, &record)?)?;
        let is_enough = args.limit > 0 && rows.written() == args.limit;
        Ok(if is_enough { ControlFlow::Break(()) } else { written })
    })?;
    rows.end()
}

impl Row for Change {
    fn text(&self) -> String {
        format!("{:>8}  {}  {}", self.sequence, shown_time(self.unix_ms), self.line())
    }
}
