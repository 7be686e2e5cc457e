//! `egctl graph chown`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::graph::Op;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;

/// Give a graph to another agent, on the shard that owns it, on one shard, or in a directory.
///
/// With access control the owner may use a graph of type Agent, and so may its managers. What the old one could do ends at once,
/// also on connections that are open; clients need not be told. Keys go by names of graphs: what a key may do does not change.
/// On a shard with access control this needs a System identity.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ChownArgs {
    /// Exact name.
    graph: String,
    /// The new owner.
    #[arg(value_name = "AGENT", required_unless_present = "nobody")]
    owner: Option<String>,
    /// It is to have no owner.
    #[arg(long, conflicts_with = "owner")]
    nobody: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Params<'a> {
    owner: Option<&'a str>,
}

#[derive(Serialize)]
struct Given<'a> {
    graph: &'a str,
    /// None is nobody.
    owner: Option<&'a str>,
    place: String,
}

pub(super) fn run(args: &ChownArgs, runtime: &Runtime) -> Result<()> {
    let ChownArgs { graph, place, .. } = args;
    let owner = args.owner.as_deref().filter(|owner| !owner.is_empty());
    let place = match &place.dir {
        Some(dir) => {
            let op = Op::SetOwner(owner.map(str::to_owned));
            Directory::open_writable(dir)?.graphs.write(graph, op)?;
            dir.display().to_string()
        }
        None => runtime.block_on(async {
            let client = place.shards.owner_of(graph).await?;
            let _: String = call(&client, graph, "GraphOwnerSet", &Params { owner }).await?;
            anyhow::Ok(client.endpoint().to_string())
        })?,
    };
    args.output.print(&Given { graph, owner, place })
}

impl Report for Given<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let owner = self.owner.map_or_else(|| "nobody".to_owned(), shown);
        writeln!(out, "{} at {} belongs to {owner} now", shown(self.graph), self.place)
    }
}
