//! `egctl backup create`.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use clap::Args;
use epistemic_storage::datadir::Identity;
use epistemic_storage::graph::COMMONS;
use indicatif::HumanBytes;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::backup::{self, Created, Done, Objects, Plan, Source};
use crate::cli::output::{OutputArgs, Report};
use crate::cli::place::PlaceArgs;
use crate::cli::progress::{Progress, Total};
use crate::cli::table::{shortened, write_table};
use crate::cli::{Directory, EXIT_CODES, Exit, Failure, message_of};
use crate::moves::{DirectoryParty, Party};
use crate::remote::{GraphStats, ShardStatus, call};

/// Back graphs up: what changed since the newest backup, or all of a graph where that cannot be told.
///
/// Asks one running shard, which goes on serving, or reads a stopped directory or a checkpoint given with --dir. The run
/// is there when its manifest is, which is written last. Back each shard up to a URL of its own.
/// For a bucket set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and for other servers than Amazon's AWS_ENDPOINT.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct CreateArgs {
    /// Exact names of graphs. Default: all.
    graphs: Vec<String>,
    /// Where to: file:///PATH, /PATH or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "URL")]
    to: String,
    /// Begin a new chain with a full backup of each graph.
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &CreateArgs, runtime: &Runtime) -> Result<()> {
    let (party, store_id, graphs) = match &args.place.dir {
        Some(dir) => offline(dir)?,
        None => online(args, runtime)?,
    };
    let source = Source { party: &*party, store_id, graphs };
    let objects = Objects::open(&args.to, true, runtime.handle())?;
    let plan = Plan { graphs: &args.graphs, full: args.full };
    let mut progress = None;
    let created = backup::create(&source, &objects, &plan, &mut |bytes, records, about| {
        let progress = progress.get_or_insert_with(|| Progress::new("backup", Total::Records(about)));
        progress.update(bytes, records);
    })?;
    drop(progress);
    args.output.print(&Summary::new(&created, &objects))?;
    Ok(backup::failure(&created)?)
}

/// A party, the identity of its store, and its graphs with about how many records each.
type Opened = (Box<dyn Party>, Option<String>, Vec<(String, u64)>);

fn offline(dir: &Path) -> Result<Opened> {
    let (graphs, owner) = Directory::open_read_only(dir)?.into();
    let store_id = Identity::load(dir)?.map(|identity| identity.store_id);
    let names =
        graphs.graphs().iter().map(|graph| GraphStats::of(&graphs, graph, false)).map(about).collect();
    Ok((Box::new(DirectoryParty::new(dir.display().to_string(), graphs, owner)), store_id, names))
}

fn online(args: &CreateArgs, runtime: &Runtime) -> Result<Opened> {
    let shards = &args.place.shards;
    let list = shards.list()?;
    let [endpoint] = list.as_slice() else {
        let message = "name one shard with --endpoint: each is backed up to a URL of its own";
        return Err(Failure::new(Exit::Usage, message).into());
    };
    let (status, graphs): (ShardStatus, Vec<GraphStats>) = runtime.block_on(async {
        let client = shards.owner_of(COMMONS).await?;
        let status = call(&client, COMMONS, "ShardStatus", &()).await?;
        anyhow::Ok((status, call(&client, COMMONS, "GraphStats", &()).await?))
    })?;
    let party = shards.party(endpoint, runtime.handle())?;
    Ok((Box::new(party), status.store_id, graphs.into_iter().map(about).collect()))
}

fn about(graph: GraphStats) -> (String, u64) {
    let records = graph.nodes + graph.edges + graph.sequence;
    (graph.name, records)
}

#[derive(Serialize)]
struct Summary {
    /// Name of the run.
    run: String,
    to: String,
    /// Endpoint or directory that was backed up.
    source: String,
    /// Bytes written.
    bytes: u64,
    graphs: Vec<Row>,
    /// Earlier runs that could not be used.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    graph: String,
    /// `unchanged`, `increment`, `full`, `failed`.
    done: &'static str,
    /// Why a full backup was made, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Bytes written.
    bytes: u64,
    /// Sequence number of the newest change in the backup.
    sequence: Option<u64>,
    /// Objects of its chain.
    chain: usize,
}

impl Summary {
    fn new(created: &Created, objects: &Objects) -> Self {
        let manifest = &created.manifest;
        let rows = created.graphs.iter().map(|graph| {
            let chain = manifest.graph(&graph.name).map_or(&[][..], |entry| &entry.chain);
            let (done, reason) = match &graph.done {
                Done::Unchanged => ("unchanged", None),
                Done::Increment => ("increment", None),
                Done::Full(reason) => ("full", Some((*reason).to_owned())),
                Done::Failed(error) => ("failed", Some(message_of(error))),
            };
            let sequence = chain.last().map(|piece| piece.sequence);
            Row { graph: graph.name.clone(), done, reason, bytes: graph.bytes, sequence, chain: chain.len() }
        });
        Self {
            run: manifest.run.clone(),
            to: objects.url().to_owned(),
            source: manifest.source.clone(),
            bytes: created.graphs.iter().map(|graph| graph.bytes).sum(),
            graphs: rows.collect(),
            warnings: created.warnings.clone(),
        }
    }
}

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "backed up  {}  to {}  ({})", self.source, self.to, HumanBytes(self.bytes))?;
        writeln!(out, "  run  {}", self.run)?;
        for warning in &self.warnings {
            writeln!(out, "  WARNING: {warning}")?;
        }
        let rows: Vec<_> = self.graphs.iter().map(cells).collect();
        write_table(out, ["graph", "done", "sequence", "objects", "bytes", "reason"], &rows)
    }
}

fn cells(row: &Row) -> [String; 6] {
    let sequence = row.sequence.map(|sequence| sequence.to_string()).unwrap_or_default();
    let reason = row.reason.clone().unwrap_or_default();
    [
        shortened(&row.graph),
        row.done.to_owned(),
        sequence,
        row.chain.to_string(),
        row.bytes.to_string(),
        reason,
    ]
}
