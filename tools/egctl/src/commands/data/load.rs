//! `egctl load`.

use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use epistemic_operations::data::{DirectoryTarget, LoadTarget, Loaded, Loading, ShardTarget, load};
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_router::ErrorCode;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::commands::graph::{GraphKind, create_offline, create_online};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::graph::GraphArgs;
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;
use crate::progress::{Progress, Total};

/// Bytes read at once.
const BUFFER: usize = 1 << 20;

/// Load nodes, edges and embeddings from lines of JSON, as egctl export writes them.
///
/// Lines are {"type":"node","id":ID,"properties":{...}}, {"type":"edge","source":ID,"target":ID,"properties":{...}} and
/// {"type":"embedding","node":ID,"components":[...]}; nodes stand before the edges at them. Nodes that are there get the new
/// properties; what is there already and the same is not written again, so an interrupted load is made complete by running it
/// again.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct LoadArgs {
    /// The file; - is stdin.
    file: PathBuf,
    #[command(flatten)]
    graph: GraphArgs,
    /// Create the graph, of this type, when it is not there.
    #[arg(long, value_name = "TYPE", num_args = 0..=1, default_missing_value = "Agent", ignore_case = true)]
    create: Option<GraphKind>,
    /// Pass over the lines before this one.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from_line: u64,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Done {
    graph: String,
    place: String,
    #[serde(flatten)]
    loaded: Loaded,
}

pub(in crate::commands) fn run(args: &LoadArgs, runtime: &Runtime) -> Result<()> {
    if !args.graph.is_named() {
        let message = "name the graph to load into with --graph or --tenant";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let graph = args.graph.name()?;
    let (input, bytes) = args.open()?;
    let (place, loaded) = match &args.place.dir {
        Some(dir) => {
            let directory = Directory::open_writable(dir)?;
            if let Some(kind) = args.create {
                unless_there(create_offline(&directory, &graph, kind, args.graph.tenant(), None))?;
            }
            let target = DirectoryTarget::open(Arc::clone(&directory.graphs), &graph).map_err(with_create)?;
            (dir.display().to_string(), args.load(input, bytes, &target)?)
        }
        None => {
            let client = runtime.block_on(args.place.shards.owner_of(&graph))?;
            if let Some(kind) = args.create {
                let created = create_online(&client, &graph, kind, args.graph.tenant());
                unless_there(runtime.block_on(created))?;
            }
            let place = client.endpoint().to_string();
            let target = ShardTarget::new(runtime.handle().clone(), client, &graph);
            // Before the file is read: a graph that is missing is no fault of its first line.
            target.nodes(&[]).map_err(with_create)?;
            (place, args.load(input, bytes, &target)?)
        }
    };
    args.output.print(&Done { graph, place, loaded })
}

impl LoadArgs {
    /// The input, and how long it is.
    fn open(&self) -> Result<(Box<dyn BufRead>, Option<u64>)> {
        if self.file.as_os_str() == "-" {
            return Ok((Box::new(io::stdin().lock()), None));
        }
        let file = fs_err::File::open(&self.file)?;
        let bytes = file.metadata()?.len();
        Ok((Box::new(BufReader::with_capacity(BUFFER, file)), Some(bytes)))
    }

    fn load(&self, input: impl BufRead, bytes: Option<u64>, target: &dyn LoadTarget) -> Result<Loaded> {
        let mut progress = Progress::new("load", bytes.map_or(Total::Unknown, Total::Bytes));
        let mut told = |bytes: u64, loaded: &Loaded| progress.update(bytes, loaded.lines);
        load(input, target, Loading { from_line: self.from_line, progress: &mut told })
    }
}

fn unless_there(created: Result<()>) -> Result<()> {
    match created {
        Err(error) if ErrorCode::of_text(&error.root_cause().to_string()) == ErrorCode::Exists => Ok(()),
        created => created,
    }
}

/// Says what to do when there is no such graph.
fn with_create(error: anyhow::Error) -> anyhow::Error {
    let text = error.root_cause().to_string();
    if ErrorCode::of_text(&text) != ErrorCode::NotFound {
        return error;
    }
    Failure::new(Exit::Failed, format!("{text}: give --create to make it")).into()
}

impl Report for Done {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { graph, place, loaded } = self;
        let Loaded { lines, nodes, edges, embeddings, unchanged, skipped } = loaded;
        writeln!(out, "loaded {lines} lines into {} at {place}", shown(graph))?;
        writeln!(
            out,
            "  {nodes} nodes, {edges} edges, {embeddings} embeddings written; {unchanged} were there; {skipped} passed over"
        )
    }
}
