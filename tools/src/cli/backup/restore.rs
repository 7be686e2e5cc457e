//! `egctl backup restore`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use chrono::DateTime;
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::FromArgs;
use crate::backup::{Choice, Name, Objects, Point, Restored, Route, check_name, restore};
use crate::cli::output::{OutputArgs, Report};
use crate::cli::progress::{Progress, Total};
use crate::cli::shards::ShardArgs;
use crate::cli::table::{shown, write_table};
use crate::cli::{Directory, EXIT_CODES, Exit, Failure, exit_of, message_of};
use crate::moves::{DirectoryParty, Party};

/// Restore one graph or all: the newest state, or that of a sequence number or a time.
///
/// Each graph appears as a whole, in one commit, checked; or everything stays as it was. With --to-dir, an empty
/// directory becomes a new persist directory. Otherwise each graph goes to the shard that owns it, or to the one given
/// with --endpoint, which goes on serving.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct RestoreArgs {
    #[command(flatten)]
    from: FromArgs,
    /// Exact name of a graph in the backup. Default: all graphs.
    #[arg(long, value_name = "NAME")]
    graph: Option<String>,
    /// Another name for the graph.
    #[arg(long = "as", value_name = "NAME", requires = "graph")]
    name: Option<String>,
    /// Put it in the place of a graph of that name. Without this, such a graph is an error.
    #[arg(long)]
    replace: bool,
    /// Only what this run knows (egctl backup list). Default: the newest run that has what is asked for.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Stop with the change of this sequence number.
    #[arg(long, value_name = "N", requires = "graph", conflicts_with = "at_time")]
    at_sequence: Option<u64>,
    /// Stop with the newest change that is not later than this time: 2026-11-23T21:20:00Z or with an offset.
    #[arg(long, value_name = "RFC3339", value_parser = parse_time)]
    at_time: Option<u64>,
    /// Restore offline into the persist directory of a stopped server.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["endpoint", "endpoints"])]
    to_dir: Option<PathBuf>,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_time(text: &str) -> Result<u64, String> {
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|error| format!("{error}; write it like 2026-11-23T21:20:00Z"))?;
    u64::try_from(time.timestamp_millis()).map_err(|_| "it is before 1970".to_owned())
}

impl RestoreArgs {
    fn point(&self) -> Point {
        match (self.at_sequence, self.at_time) {
            (Some(sequence), _) => Point::Sequence(sequence),
            (None, Some(time)) => Point::Time(time),
            (None, None) => Point::Newest,
        }
    }

    fn name<'r>(&'r self, route: &'r Route) -> Name<'r> {
        Name { name: self.name.as_deref().unwrap_or(&route.graph), replace: self.replace }
    }
}

/// The store, or the stores, that take the graphs.
enum Place {
    Directory(DirectoryParty),
    Shards,
}

impl Place {
    /// Calls `work` with the party that takes `graph`.
    fn with<T>(
        &self,
        args: &RestoreArgs,
        graph: &str,
        runtime: &Runtime,
        work: impl FnOnce(&dyn Party) -> Result<T>,
    ) -> Result<T> {
        match self {
            Place::Directory(party) => work(party),
            Place::Shards => {
                let endpoint = runtime.block_on(args.shards.owner_of(graph))?.endpoint().clone();
                work(&args.shards.party(&endpoint, runtime.handle())?)
            }
        }
    }
}

pub(super) fn run(args: &RestoreArgs, runtime: &Runtime) -> Result<()> {
    let objects = args.from.open(runtime)?;
    let (routes, mut failed) = routes(args, &objects)?;
    let place = match &args.to_dir {
        Some(dir) => {
            let (graphs, owner) = Directory::open_writable(dir)?.into();
            Place::Directory(DirectoryParty::new(dir.display().to_string(), graphs, owner))
        }
        None => Place::Shards,
    };
    // Names first: nothing is restored when one of them is taken.
    for route in &routes {
        let to = args.name(route);
        place.with(args, to.name, runtime, |target| check_name(target, &to))?;
    }
    let all: u64 = routes.iter().flat_map(|route| &route.pieces).map(|piece| piece.bytes).sum();
    let mut progress = Progress::new("restore", Total::Bytes(all));
    let mut before = 0;
    let mut rows = Vec::new();
    for route in &routes {
        let to = args.name(route);
        let restored = place.with(args, to.name, runtime, |target| {
            let mut told = |bytes: u64, _| progress.update(before + bytes, 0);
            Ok((restore(&objects, route, target, &to, &mut told)?, target.endpoint().to_owned()))
        });
        match restored {
            Ok((restored, place)) => rows.push(Row::new(route, to.name, place, restored)),
            Err(error) if args.graph.is_some() => return Err(error),
            Err(error) => failed.push(error.context(format!("graph {:?} was not restored", route.graph))),
        }
        before += route.pieces.iter().map(|piece| piece.bytes).sum::<u64>();
    }
    drop(progress);
    let restored = rows.len();
    args.output.print(&Summary { from: objects.url().to_owned(), graphs: rows })?;
    all_done(restored, failed)
}

/// The ways to all graphs that are meant, and the errors of those that cannot be restored.
fn routes(args: &RestoreArgs, objects: &Objects) -> Result<(Vec<Route>, Vec<anyhow::Error>)> {
    let choice = Choice::load(objects, args.run.as_deref())?;
    if let Some(graph) = &args.graph {
        return Ok((vec![choice.route(objects, graph, args.point())?], Vec::new()));
    }
    let (mut routes, mut failed) = (Vec::new(), Vec::new());
    for graph in choice.all_graphs(args.point())? {
        match choice.route(objects, &graph, args.point()) {
            Ok(route) => routes.push(route),
            Err(error) => failed.push(error),
        }
    }
    Ok((routes, failed))
}

/// The error of a restore of several graphs.
fn all_done(restored: usize, mut failed: Vec<anyhow::Error>) -> Result<()> {
    if restored == 0 && failed.len() == 1 {
        return Err(failed.remove(0));
    }
    let Some(first) = failed.first() else { return Ok(()) };
    let exit = if restored == 0 { exit_of(first) } else { Exit::Partly };
    let messages: Vec<String> = failed.iter().map(message_of).collect();
    Err(Failure::new(exit, messages.join("\negctl: ")).into())
}

#[derive(Serialize)]
struct Summary {
    from: String,
    graphs: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    /// Its name in the backup.
    graph: String,
    /// Its name now.
    name: String,
    /// Endpoint or directory.
    place: String,
    /// The run that it was restored from.
    run: String,
    /// Objects read, and their bytes.
    objects: usize,
    bytes: u64,
    /// Sequence number that it was restored to.
    sequence: u64,
    nodes: u64,
    edges: u64,
    vectors: u64,
    digest: String,
    /// Whether the manifest tells counts and digest at this sequence number; they are equal then.
    compared: bool,
}

impl Row {
    fn new(route: &Route, name: &str, place: String, restored: Restored) -> Self {
        let Restored { sequence, content, compared } = restored;
        Self {
            graph: route.graph.clone(),
            name: name.to_owned(),
            place,
            run: route.run.clone(),
            objects: route.pieces.len(),
            bytes: route.pieces.iter().map(|piece| piece.bytes).sum(),
            sequence,
            nodes: content.nodes,
            edges: content.edges,
            vectors: content.vectors,
            digest: content.digest,
            compared,
        }
    }
}

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if let [row] = self.graphs.as_slice() {
            writeln!(out, "restored  {}  ({})", shown(&row.name), HumanBytes(row.bytes))?;
            writeln!(out, "  from      {} of {}, {} objects", row.run, self.from, row.objects)?;
            writeln!(out, "  place     {}", row.place)?;
            writeln!(out, "  content   {} nodes, {} edges", HumanCount(row.nodes), HumanCount(row.edges))?;
            writeln!(out, "  sequence  {}", row.sequence)?;
            let note = if row.compared { ", as in the manifest" } else { "" };
            return writeln!(out, "  digest    {}{note}", row.digest);
        }
        let rows = self.graphs.iter().map(|row| {
            let compared = if row.compared { "as in the manifest" } else { "" };
            let count = [row.nodes, row.edges, row.sequence].map(|count| count.to_string());
            let [nodes, edges, sequence] = count;
            [shown(&row.name), nodes, edges, sequence, row.place.clone(), compared.to_owned()]
        });
        let rows: Vec<_> = rows.collect();
        write_table(out, ["graph", "nodes", "edges", "sequence", "place", "content"], &rows)
    }
}
