//! `egctl move` and `egctl moves`.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Args;
use epistemic_operations::hosts::{Directory, DirectoryParty, Filling, Party, StandingName, Status};
use epistemic_operations::moves::{
    BeforeDrop, Control, Held, Journal, Move, Receipt, Rest, Step, Timing, Watch, abort, begun, parse_pause,
};
use epistemic_operations::names::shown;
use epistemic_operations::quantity::{parse_rate, parse_time};
use epistemic_router::Endpoint;
use indicatif::HumanDuration;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::signposts::{Signpost, forget_older_than};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;
use crate::table::{shortened, write_table};

/// Move a graph from one shard to another while both run, or between the directories of stopped ones.
///
/// The graph is copied, catches up with its writers, is compared on both sides, and changes its owner in one step; writes
/// are refused for a few milliseconds, with a text that says to try again. Then the destination proves what it serves, and
/// the source drops its records and keeps a signpost: clients with an old endpoint list get an error that names the new
/// owner. Whatever dies on the way, the same command goes on where it stopped, from any directory. With --abort the graph
/// stays where it was, for good: no step of that move is ever taken again.
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
    /// What was done, with the receipt of each move. A run with another file goes on as well; what this one tells is then
    /// not repeated.
    #[arg(long, value_name = "FILE", default_value = "egctl-moves.jsonl")]
    journal: PathBuf,
    /// Id of the move to go on with or to give up. Without it the shards are asked which one has begun.
    #[arg(long, value_name = "ID")]
    move_id: Option<String>,
    /// Give the move up that has begun: the graph stays at its source, or is served there again, and the copy is dropped.
    #[arg(long)]
    abort: bool,
    /// The source never comes back, and the copy at the destination is the best there is: serve it as it is. What the source
    /// acknowledged later is missing.
    #[arg(long, requires = "source_is_gone", conflicts_with = "abort")]
    adopt_copy: bool,
    /// With --abort or --adopt-copy: the source is gone for good, only the destination is asked.
    #[arg(long, conflicts_with_all = ["destination_is_gone", "from_dir"])]
    source_is_gone: bool,
    /// With --abort: the destination is gone for good, only the source is asked. It serves the graph on return.
    #[arg(long, requires = "abort", conflicts_with = "to_dir")]
    destination_is_gone: bool,
    /// Refuse writes for so long at most while the last changes are made; if that is not enough, writes are taken
    /// for a while before the next attempt.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_pause)]
    max_pause: Duration,
    /// Take no checkpoint of the destination before the source drops its records. Until the destination's next one, its
    /// checkpoints do not have the graph.
    #[arg(long)]
    no_checkpoint: bool,
    /// Copy at most so many bytes per second, such as 50MB.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
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
    if args.source_is_gone && !args.abort && !args.adopt_copy {
        let message =
            "--source-is-gone goes with --abort (drop what arrived) or --adopt-copy (serve what arrived)";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let source = party(&args.from, args.from_dir.as_ref(), &args.shards, runtime)?;
    let destination = party(&args.to, args.to_dir.as_ref(), &args.shards, runtime)?;
    if args.abort || args.adopt_copy {
        return end_move(args, &*source, &*destination);
    }
    let journal = Journal::open(&args.journal)?;
    let begun = match &args.move_id {
        Some(move_id) => Some(move_id.clone()),
        None => {
            begun(&args.graph, (args.from.as_str(), Some(&*source)), (args.to.as_str(), Some(&*destination)))?
        }
    };
    let move_id = begun.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let control = Arc::new(Control::new(args.rate_limit));
    control.stop_at_interrupt(runtime);
    let one = Move {
        graph: &args.graph,
        move_id: &move_id,
        source: &*source,
        destination: &*destination,
        journal: &journal,
        control: &control,
        timing: Timing { max_pause: args.max_pause, ..Timing::default() },
        before_drop: if args.no_checkpoint { BeforeDrop::Nothing } else { BeforeDrop::Checkpoint },
        watch: &Steps,
    };
    let receipt = one.run()?;
    args.output.print(&Moved(receipt))
}

/// Gives a move up, or ends it without the place that is gone.
fn end_move(args: &MoveArgs, source: &dyn Party, destination: &dyn Party) -> Result<()> {
    let graph = &args.graph;
    let asked = (!args.source_is_gone).then_some(source);
    let asked = begun(
        graph,
        (args.from.as_str(), asked),
        (args.to.as_str(), (!args.destination_is_gone).then_some(destination)),
    );
    let found = match &args.move_id {
        Some(move_id) => Some(move_id.clone()),
        None => asked.with_context(
            || "a shard that is gone for good is left out with --source-is-gone or --destination-is-gone",
        )?,
    };
    let Some(move_id) = found else {
        let message = format!("no move of graph '{graph}' has begun between these two");
        return Err(Failure::new(Exit::Failed, message).into());
    };
    let rest = |left, gone| Rest { graph, move_id: &move_id, left, gone };
    if args.adopt_copy {
        let held = rest(destination, source).adopt_copy()?;
        let (graph, serves, gone) = (graph.clone(), args.to.to_string(), args.from.to_string());
        return args.output.print(&Adopted { graph, move_id, serves, gone, held });
    }
    let mut ended = GivenUp {
        graph: graph.clone(),
        move_id: move_id.clone(),
        serves: None,
        told: String::new(),
        held: None,
    };
    if args.source_is_gone {
        ended.held = rest(destination, source).drop_copy()?;
        ended.told = format!("{} has dropped what it had of it, and the name is free there", args.to);
        return args.output.print(&ended);
    }
    let here = match args.destination_is_gone {
        true => rest(source, destination).take_back()?,
        // It tells people what was done; what has to be known is known to the shards.
        false => {
            let journal = Journal::open(&args.journal).inspect_err(|error| {
                eprintln!("the journal is left as it is: {error:#}");
            });
            abort(graph, &move_id, source, destination, journal.ok().as_ref())?
        }
    };
    (ended.serves, ended.told) = at_source(here.graph.as_ref(), &args.from);
    args.output.print(&ended)
}

/// Who serves a graph whose move was given up, and that in words.
fn at_source(here: Option<&Status>, source: &Endpoint) -> (Option<String>, String) {
    match here {
        Some(here) if here.standing == StandingName::Served => {
            (Some(source.to_string()), format!("{source} serves it"))
        }
        Some(Status { to: Some(to), .. }) => (None, format!("since then it was moved to {to}")),
        Some(_) => (None, format!("it is about to arrive at {source} by another move")),
        None => (None, format!("{source} does not have it: it was deleted")),
    }
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
        let Receipt {
            graph, source, destination, nodes, edges, sequence, digest, unproven, pause_ms, ..
        } = &self.0;
        let proof = match (digest, unproven) {
            (Some(digest), _) => format!("{nodes} nodes, {edges} edges, digest {digest}"),
            (None, Some(reason)) => format!("not compared behind the handover, because {reason}"),
            (None, None) => String::new(),
        };
        let pause = pause_ms.map(|pause| format!("; writes were refused for {pause:.1} ms"));
        writeln!(
            out,
            "moved {} from {source} to {destination}: sequence {sequence}, {proof}{}",
            shown(graph),
            pause.unwrap_or_default()
        )
    }
}

#[derive(Serialize)]
struct GivenUp {
    graph: String,
    move_id: String,
    /// Endpoint that serves the graph, when the source does.
    serves: Option<String>,
    told: String,
    /// What was dropped, when the source is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
}

impl Report for GivenUp {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "gave up move {} of {}: {}", self.move_id, shown(&self.graph), self.told)?;
        self.held.as_ref().map_or(Ok(()), |held| writeln!(out, "it held: {}", in_words(held)))
    }
}

#[derive(Serialize)]
struct Adopted {
    graph: String,
    move_id: String,
    /// Endpoint that serves the graph from now on.
    serves: String,
    /// Endpoint that does not come back.
    gone: String,
    held: Held,
}

impl Report for Adopted {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { serves, gone, held, .. } = self;
        writeln!(out, "{serves} serves {} as it had arrived: {}", shown(&self.graph), in_words(held))?;
        writeln!(
            out,
            "what {gone} acknowledged behind sequence {} is not in it. Do not start {gone} again with its old data: it would \
             serve the graph as well",
            held.sequence
        )
    }
}

fn in_words(held: &Held) -> String {
    let Held { sequence, nodes, edges, digest } = held;
    let digest = digest.as_deref().unwrap_or("none, it could not be read");
    format!("{nodes} nodes, {edges} edges, up to sequence {sequence}, digest {digest}")
}

/// List the graphs that are on the move: those that arrive, and the signposts of those that left.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct MovesArgs {
    /// Remove the signpost of this graph from the shard given with --endpoint: clients with an old endpoint list are not
    /// told any more where it went. Or free the name that a restore holds which was killed.
    #[arg(long, value_name = "GRAPH", requires = "endpoint")]
    forget: Option<String>,
    /// Remove all signposts that are older: 30d, 12h. Clients with an endpoint list of before that are not told any more where
    /// graphs went. A signpost that does not tell its age stays.
    #[arg(long, value_name = "AGE", value_parser = parse_time, conflicts_with = "forget")]
    forget_older_than: Option<Duration>,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Standings {
    /// Signposts that were removed, of --forget-older-than.
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten: Option<Vec<Signpost>>,
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
    let older = args.forget_older_than.map(|age| forget_older_than(&args.shards, age));
    let forgotten = older.map(|older| runtime.block_on(older)).transpose()?;
    let answers = runtime.block_on(args.shards.ask_all::<Vec<Status>>("MoveStatus"))?;
    let mut moves = Vec::new();
    for (endpoint, answer) in &answers.0 {
        let row = |status: &Status| Row { status: status.clone(), place: endpoint.to_string() };
        moves.extend(answer.iter().flatten().map(row));
    }
    args.output.print(&Standings { forgotten, moves })?;
    Ok(answers.failure()?)
}

/// That a graph arrives, and how far its copy is.
fn arriving(filling: Option<Filling>) -> String {
    let Some(Filling { records, of, left_s }) = filling else { return "arriving from".to_owned() };
    let percent = 100 * records / of.max(1);
    let left = left_s.map(|left| format!(", {} left", HumanDuration(Duration::from_secs(left))));
    format!("arriving ({percent} %{}) from", left.unwrap_or_default())
}

impl Report for Standings {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(forgotten) = &self.forgotten {
            writeln!(out, "signposts removed: {}", forgotten.len())?;
        }
        let row = |Row { status, place }: &Row| {
            let (what, other) = match status.standing {
                StandingName::Arriving => (arriving(status.filling), &status.from),
                StandingName::Moved if status.dropped => ("moved to".to_owned(), &status.to),
                StandingName::Moved => ("moved to, records kept".to_owned(), &status.to),
                StandingName::Served => ("served".to_owned(), &None),
            };
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let sequence = status.sequence.to_string();
            [shortened(&status.name), place.clone(), what, text(other), sequence, text(&status.move_id)]
        };
        let rows: Vec<_> = self.moves.iter().map(row).collect();
        write_table(out, ["graph", "place", "standing", "endpoint", "sequence", "move"], &rows)
    }
}
