//! `egctl export`.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use epistemic_operations::data::{GraphMl, GraphSource, Item, JsonLines, Records};
use epistemic_operations::names::shown;
use epistemic_operations::streams::{Count, Counted};
use epistemic_storage::durable::NewFile;
use indicatif::HumanBytes;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::FromArgs;
use crate::exit::EXIT_CODES;
use crate::graph::GraphArgs;
use crate::output::{OutputArgs, Report};
use crate::progress::{Progress, Total};

/// Write a graph as lines of JSON, for egctl load, or as GraphML, for Gephi, yEd and networkx.
///
/// One state of the graph. Lines of JSON lose nothing but the ledger; GraphML has no embeddings, and texts for all that is no
/// number and no truth value. For a copy with its ledger see egctl snapshot export.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ExportArgs {
    /// The form.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// File to write, which is complete or what it was before. Default: stdout, and nothing is told then.
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    graph: GraphArgs,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum Format {
    /// A line of JSON for each node, edge and embedding.
    Jsonl,
    /// GraphML with typed keys.
    Graphml,
}

/// What was written.
#[derive(Serialize)]
struct Exported {
    graph: String,
    place: String,
    file: PathBuf,
    bytes: u64,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Serialize, Default, Clone, Copy)]
struct Counts {
    nodes: u64,
    edges: u64,
    embeddings: u64,
    /// Number of the newest change in it.
    sequence: u64,
}

pub(in crate::commands) fn run(args: &ExportArgs, runtime: &Runtime) -> Result<()> {
    let opened = args.from.open(&args.graph, runtime)?;
    let graph = opened.graph();
    let count = Count::default();
    let Some(path) = &args.to else {
        let stream = Counted { stream: BufWriter::new(io::stdout().lock()), count: count.clone() };
        let written = write(args.format, graph, stream, &std::env::temp_dir(), &count);
        return match written {
            // The reader has seen enough.
            Err(error) if is_closed(&error) => Ok(()),
            written => written.map(drop),
        };
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NewFile::create(path)?;
    let stream = Counted { stream: &mut file, count: count.clone() };
    let counts = write(args.format, graph, stream, folder, &count)?;
    file.finish()?;
    let (graph, place) = (graph.graph().to_owned(), graph.place().to_owned());
    args.output.print(&Exported { graph, place, file: path.clone(), bytes: count.bytes(), counts })
}

fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn write(
    format: Format,
    graph: &dyn GraphSource,
    mut out: impl Write,
    folder: &Path,
    count: &Count,
) -> Result<Counts> {
    let mut records = Records::open(graph.stream()?)?;
    let summary = records.summary();
    let mut progress = Progress::new("export", Total::Records(summary.nodes + summary.edges));
    let mut counts = Counts { sequence: summary.sequence, ..Counts::default() };
    let mut each = |write: &mut dyn FnMut(&Item) -> io::Result<()>| {
        while let Some(item) = records.next_item()? {
            match &item {
                Item::Node { .. } => counts.nodes += 1,
                Item::Edge(_) => counts.edges += 1,
                Item::Embedding { .. } => counts.embeddings += 1,
                Item::Ledger { .. } => {}
            }
            write(&item)?;
            progress.update(count.bytes(), records.count());
        }
        anyhow::Ok(())
    };
    match format {
        Format::Jsonl => {
            let mut lines = JsonLines::begin(&mut out, graph.graph(), &summary)?;
            each(&mut |item| lines.write(item))?;
            lines.finish()?;
        }
        Format::Graphml => {
            let body = fs_err::File::from_parts(tempfile::tempfile_in(folder)?, folder);
            let mut xml = GraphMl::begin(graph.graph(), body);
            each(&mut |item| xml.write(item))?;
            xml.finish(&mut out)?;
            counts.embeddings = 0;
        }
    }
    out.flush()?;
    Ok(counts)
}

impl Report for Exported {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { graph, place, file, bytes, counts: Counts { nodes, edges, embeddings, sequence } } = self;
        let (graph, size) = (shown(graph), HumanBytes(*bytes));
        writeln!(out, "exported {graph} at {place} to {} ({size})", file.display())?;
        writeln!(out, "  {nodes} nodes, {edges} edges, {embeddings} embeddings, up to change {sequence}")
    }
}
