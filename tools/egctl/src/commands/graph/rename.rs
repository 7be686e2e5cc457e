//! `egctl graph rename`.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::{Directory, DirectoryParty};
use epistemic_operations::names::shown;
use epistemic_operations::rename::Rename;
use epistemic_storage::graph::{MoveOp, Op};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;

/// Give a graph another name, while clients use it or in the directory of a stopped server. No write is lost.
///
/// The graph goes to the shard that owns the new name, or stays on the one given with --endpoint. Its writes are stopped for a
/// moment at the end; from then on the old name is not found. Clients, rules and backups go by names: they have to be told. Whatever
/// dies on the way, the same command goes on. On a shard with access control this needs a System identity.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct RenameArgs {
    /// Exact name.
    graph: String,
    /// The new name.
    #[arg(value_name = "NEW_NAME")]
    to: String,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Renamed<'a> {
    from: &'a str,
    to: &'a str,
    /// Where it is now.
    place: String,
    /// Number of its newest change.
    sequence: u64,
}

pub(super) fn run(args: &RenameArgs, runtime: &Runtime) -> Result<()> {
    let (from, to) = (args.graph.as_str(), args.to.as_str());
    if to.is_empty() || from == to {
        return Err(Failure::new(Exit::Usage, "give the graph another name").into());
    }
    let (place, sequence) = match &args.place.dir {
        Some(dir) => {
            let directory = Directory::open_writable(dir)?;
            let graphs = Arc::clone(&directory.graphs);
            let party = DirectoryParty::new(dir.display().to_string(), graphs, None);
            let sequence = Rename { from, to, source: &party, destination: &party }.run()?;
            directory.graphs.write(from, Op::Move(MoveOp::Forget))?;
            (dir.display().to_string(), sequence)
        }
        None => online(args, runtime)?,
    };
    args.output.print(&Renamed { from, to, place, sequence })
}

fn online(args: &RenameArgs, runtime: &Runtime) -> Result<(String, u64)> {
    let shards = &args.place.shards;
    let (from, to) = (args.graph.as_str(), args.to.as_str());
    let (client, place) = runtime.block_on(async {
        anyhow::Ok((shards.owner_of(from).await?, shards.owner_of(to).await?.endpoint().clone()))
    })?;
    let source = shards.party(client.endpoint(), runtime.handle())?;
    let destination = shards.party(&place, runtime.handle())?;
    let sequence = Rename { from, to, source: &source, destination: &destination }.run()?;
    // The graph is where its new name says: nobody has to be sent there.
    runtime.block_on(client.call(from, "MoveForget", &()))?;
    Ok((place.to_string(), sequence))
}

impl Report for Renamed<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { from, to, place, sequence } = self;
        writeln!(out, "{} is {} at {place} now, with all changes up to {sequence}", shown(from), shown(to))
    }
}
