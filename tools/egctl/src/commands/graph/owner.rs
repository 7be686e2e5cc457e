//! `egctl graph owner`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use epistemic_router::hrw;
use epistemic_router::status::{GraphStats, GraphStatsParams};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::graph::{BaseArgs, GraphArgs};
use crate::output::{OutputArgs, Report};
use crate::shards::{Answers, ShardArgs, affinity};

/// Show whose a graph is: the shard that its name belongs to, the shards that have it, and the agent and tenant that own it.
///
/// A graph belongs to the agent that created it, until egctl graph chown gives it to another. Graphs that two shards serve are
/// for egctl owners.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct OwnerArgs {
    /// Exact name. Default: that of --tenant.
    #[arg(value_name = "GRAPH", required_unless_present = "tenant")]
    name: Option<String>,
    /// The graph of this tenant, found as clients find it.
    #[arg(long, value_name = "ID", conflicts_with = "name")]
    tenant: Option<String>,
    #[command(flatten)]
    base: BaseArgs,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// A graph on a shard, with the tenant that claimed it.
#[derive(Deserialize, Clone)]
struct Stats {
    #[serde(flatten)]
    stats: GraphStats,
    #[serde(default)]
    tenant: Option<String>,
}

#[derive(Serialize)]
struct Owner {
    graph: String,
    /// The shard that its name belongs to.
    belongs_on: String,
    found: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    place: String,
    #[serde(rename = "type")]
    kind: String,
    owner: Option<String>,
    tenant: Option<String>,
    nodes: u64,
    edges: u64,
}

/// Prints what is known; when a shard fails, that of the others is printed before the error.
pub(super) fn run(args: &OwnerArgs, runtime: &Runtime) -> Result<()> {
    let graph = match &args.name {
        Some(name) => name.clone(),
        None => GraphArgs::of_tenant(args.tenant.as_deref().unwrap_or_default(), &args.base)?,
    };
    let (list, affinity) = (args.shards.list()?, affinity()?);
    let belongs_on = hrw::owner(&list, affinity.anchor(&graph)).to_string();
    let params = GraphStatsParams { sizes: false };
    let answers: Answers<Vec<Stats>> = runtime.block_on(args.shards.ask_all_with("GraphStats", params))?;
    let mut found = Vec::new();
    for (endpoint, answer) in &answers.0 {
        for Stats { stats, tenant } in answer.iter().flatten().filter(|row| row.stats.name == graph) {
            let GraphStats { kind, owner, nodes, edges, .. } = stats.clone();
            let (place, tenant) = (endpoint.to_string(), tenant.clone());
            found.push(Found { place, kind, owner, tenant, nodes, edges });
        }
    }
    let is_missing = found.is_empty();
    args.output.print(&Owner { graph: graph.clone(), belongs_on, found })?;
    answers.failure()?;
    if is_missing {
        let message = format!("no shard that was asked has {}", shown(&graph));
        return Err(Failure::new(Exit::Failed, message).into());
    }
    Ok(())
}

impl Report for Owner {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}  belongs on {}", shown(&self.graph), self.belongs_on)?;
        let name = |name: &Option<String>| name.as_deref().map_or_else(|| "nobody".to_owned(), shown);
        for Found { place, kind, owner, tenant, nodes, edges } in &self.found {
            let misplaced = if *place == self.belongs_on { "" } else { "  (not where it belongs)" };
            let (owner, tenant) = (name(owner), name(tenant));
            writeln!(
                out,
                "  at {place}: type {kind}, owner {owner}, tenant {tenant}, {nodes} nodes, {edges} edges{misplaced}"
            )?;
        }
        Ok(())
    }
}
