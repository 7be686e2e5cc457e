//! `egctl move` and `egctl moves`.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Result;
use clap::Args;
use epistemic_router::Endpoint;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::{
    EXIT_CODES, Exit, Failure,
    directory::Directory,
    output::{OutputArgs, Report},
    shards::ShardArgs,
    table::{shortened, shown, write_table},
};
use crate::moves::{
    Control, DirectoryParty, Journal, Move, Party, Receipt, StandingName, Status, Step, Watch, abort,
};

/// Move a graph from one shard to another while both run, or between the directories of stopped ones.
///
/// The graph is copied, catches up with its writers, is compared on both sides, and changes its owner in one step; writes
/// are refused for a few milliseconds, with a text that says to try again. The source keeps a signpost: clients with an
/// old endpoint list get an error that names the new owner. Whatever dies on the way, the same command goes on where it
/// stopped, and with --abort the graph stays where it was.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct MoveArgs {
    /// Exact graph name.
    graph: String,
    /// Endpoint that the graph leaves.
    #[arg(long, value_name = "E")]
    from: Endpoint,
    /// Endpoint that it goes to; clients are told this text.
    #[arg(long, value_name = "E")]
    to: Endpoint,
    /// Persist directory of the source, when its server is stopped.
    #[arg(long, value_name = "PATH")]
    from_dir: Option<PathBuf>,
    /// Persist directory of the destination, when its server is stopped.
    #[arg(long, value_name = "PATH")]
    to_dir: Option<PathBuf>,
    /// What was done, with the receipt of each move; give the same file to go on.
    #[arg(long, value_name = "FILE", default_value = "egctl-moves.jsonl")]
    journal: PathBuf,
    /// Give the move up that has begun: the graph stays at its source, and the copy is dropped.
    #[arg(long)]
    abort: bool,
    /// Copy at most so many megabytes (10^6 bytes) per second.
    #[arg(long, value_name = "MB/S")]
    rate_limit: Option<u64>,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run_move(args: &MoveArgs, runtime: &Runtime) -> Result<()> {
    if args.from == args.to {
        return Err(Failure::new(Exit::Usage, "--from and --to are the same endpoint").into());
    }
    let source = party(&args.from, args.from_dir.as_ref(), &args.shards, runtime)?;
    let destination = party(&args.to, args.to_dir.as_ref(), &args.shards, runtime)?;
    let journal = Journal::open(&args.journal)?;
    let move_id = begun(&args.graph, &*source, &*destination)?;
    if args.abort {
        let Some(move_id) = move_id else {
            let message = format!("no move of graph '{}' has begun between these two", args.graph);
            return Err(Failure::new(Exit::Failed, message).into());
        };
        abort(&args.graph, &move_id, &*source, &*destination, &journal)?;
        return args.output.print(&GivenUp {
            graph: args.graph.clone(),
            move_id,
            serves: args.from.to_string(),
        });
    }
    let move_id = move_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let control =
        Arc::new(Control::new(args.rate_limit.map(|megabytes| megabytes.saturating_mul(1_000_000))));
    control.stop_at_interrupt(runtime);
    let one = Move {
        graph: &args.graph,
        move_id: &move_id,
        source: &*source,
        destination: &*destination,
        journal: &journal,
        control: &control,
        watch: &Steps,
    };
    let receipt = one.run()?;
    args.output.print(&Moved(receipt))
}

fn party(
    endpoint: &Endpoint,
    dir: Option<&PathBuf>,
    shards: &ShardArgs,
    runtime: &Runtime,
) -> Result<Box<dyn Party>> {
    Ok(match dir {
        Some(dir) => Box::new({
            let (graphs, owner) = Directory::open_writable(dir)?.into();
            DirectoryParty::new(endpoint.as_str(), graphs, owner)
        }),
        None => Box::new(shards.party(endpoint, runtime.handle())?),
    })
}

/// The move of the graph between the two that has begun, if any.
fn begun(graph: &str, source: &dyn Party, destination: &dyn Party) -> Result<Option<String>> {
    let here = source.status(graph)?;
    if let Some(Status { standing: StandingName::Moved, to, move_id, .. }) = here
        && to.as_deref() == Some(destination.endpoint())
    {
        return Ok(move_id);
    }
    let there = destination.status(graph)?;
    Ok(match there {
        Some(Status { standing: StandingName::Arriving, from, move_id, .. })
            if from.as_deref() == Some(source.endpoint()) =>
        {
            move_id
        }
        Some(_) | None => None,
    })
}

/// Steps on stderr.
struct Steps;

impl Watch for Steps {
    fn step(&self, graph: &str, step: &Step) -> Result<()> {
        eprintln!("{graph}: {}", step.name());
        Ok(())
    }

    fn copied(&self, _: &str, _: u64) {}
}

#[derive(Serialize)]
struct Moved(Receipt);

impl Report for Moved {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Receipt { graph, source, destination, nodes, edges, sequence, digest, pause_ms, .. } = &self.0;
        let pause = pause_ms.map(|pause| format!("; writes were refused for {pause:.1} ms"));
        writeln!(
            out,
            "moved {} from {source} to {destination}: {nodes} nodes, {edges} edges, sequence {sequence}, digest {digest}{}",
            shown(graph),
            pause.unwrap_or_default()
        )
    }
}

#[derive(Serialize)]
struct GivenUp {
    graph: String,
    move_id: String,
    serves: String,
}

impl Report for GivenUp {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "gave up move {} of {}: {} serves it", self.move_id, shown(&self.graph), self.serves)
    }
}

/// List the graphs that are on the move: those that arrive, and the signposts of those that left.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct MovesArgs {
    /// Remove the signpost of this graph from the shard given with --endpoint: clients with an old endpoint list are not
    /// told any more where it went.
    #[arg(long, value_name = "GRAPH", requires = "endpoint")]
    forget: Option<String>,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Standings {
    moves: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    status: Status,
    /// Endpoint that tells it.
    place: String,
}

/// Prints the standings. When a shard fails, those of the others are printed before the error.
pub(super) fn run_moves(args: &MovesArgs, runtime: &Runtime) -> Result<()> {
    if let Some(graph) = &args.forget {
        let client = runtime.block_on(args.shards.owner_of(graph))?;
        runtime.block_on(client.call(graph, "MoveForget", &()))?;
    }
    let answers = runtime.block_on(args.shards.ask_all::<Vec<Status>>("MoveStatus"))?;
    let mut moves = Vec::new();
    for (endpoint, answer) in &answers.0 {
        let row = |status: &Status| Row { status: status.clone(), place: endpoint.to_string() };
        moves.extend(answer.iter().flatten().map(row));
    }
    args.output.print(&Standings { moves })?;
    Ok(answers.failure()?)
}

impl Report for Standings {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let row = |Row { status, place }: &Row| {
            let (what, other) = match status.standing {
                StandingName::Arriving => ("arriving from", &status.from),
                StandingName::Moved if status.dropped => ("moved to", &status.to),
                StandingName::Moved => ("moved to, records kept", &status.to),
                StandingName::Served => ("served", &None),
            };
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            [shortened(&status.name), place.clone(), what.into(), text(other), text(&status.move_id)]
        };
        let rows: Vec<_> = self.moves.iter().map(row).collect();
        write_table(out, ["graph", "place", "standing", "endpoint", "move"], &rows)
    }
}
