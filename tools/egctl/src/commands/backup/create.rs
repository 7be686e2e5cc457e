//! `egctl backup create`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::backup::{self, Created, Done, Objects, Plan, Source};
use epistemic_operations::error::message_of;
use indicatif::HumanBytes;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::source::{Opened, offline, online};
use super::{metrics, tier};
use crate::encryption::{IdentityArgs, RecipientArgs};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;
use crate::progress::{Progress, Total};
use crate::table::{shortened, write_table};

/// Back graphs up: what changed since the newest backup, or all of a graph where that cannot be told.
///
/// Asks one running shard, which goes on serving, or with --all every shard of the list; or reads a stopped directory or a
/// checkpoint given with --dir. Several shards may have one URL: their runs are kept apart by the identity of their stores.
/// A run of all graphs has the identities and channels as well. It is there when its manifest is, which is written last.
/// With --recipient everything but times and sizes is encrypted on this machine, and --identity lets the run go on from the one
/// before: one of this machine's own is enough, which opens nothing of the content of graphs (docs/backup.md).
/// For a bucket set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and for other servers than Amazon's AWS_ENDPOINT.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct CreateArgs {
    /// Exact names of graphs. Default: all.
    #[arg(conflicts_with = "all")]
    graphs: Vec<String>,
    /// Where to: file:///PATH, /PATH or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "URL")]
    to: String,
    /// Back up every shard of the list, and write down which runs belong together.
    #[arg(long, conflicts_with = "dir")]
    all: bool,
    #[command(flatten)]
    recipients: RecipientArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Begin a new chain with a full backup of each graph.
    #[arg(long)]
    full: bool,
    /// Write what became of it to this file, in the text format of Prometheus.
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

pub(super) fn run(args: &CreateArgs, runtime: &Runtime) -> Result<()> {
    let keys = args.recipients.keys_with(&args.identity)?;
    let objects = Objects::open(&args.to, true, runtime.handle())?.with_keys(keys);
    if args.all {
        return tier::create(args, &objects, runtime);
    }
    let made = open(args, runtime).and_then(|opened| create(args, &objects, opened));
    if let Some(file) = &args.metrics_file {
        let source = args.source()?;
        metrics::write_backup(file, &[(source, made.as_ref().ok())])?;
    }
    let created = made?;
    args.output.print(&Summary::new(&created, &objects))?;
    Ok(all_backed_up(&created)?)
}

/// The error of a run that could not back up everything, a line for each of what it lacks.
pub(super) fn all_backed_up(created: &Created) -> Result<(), Failure> {
    let Some(incomplete) = created.incomplete() else { return Ok(()) };
    Err(Failure::new(incomplete.kind().into(), incomplete.failed.join("\negctl: ")))
}

impl CreateArgs {
    /// What a single run is of, as its manifest will say.
    fn source(&self) -> Result<String> {
        match &self.place.dir {
            Some(dir) => Ok(dir.display().to_string()),
            None => Ok(self.place.shards.list()?.as_slice().iter().map(ToString::to_string).collect()),
        }
    }

    /// Where metrics go.
    pub(super) fn metrics_file(&self) -> Option<&PathBuf> {
        self.metrics_file.as_ref()
    }
}

fn open(args: &CreateArgs, runtime: &Runtime) -> Result<Opened> {
    if let Some(dir) = &args.place.dir {
        return offline(dir);
    }
    let list = args.place.shards.list()?;
    let [endpoint] = list.as_slice() else {
        let message = "name one shard with --endpoint, or give --all for every shard of the list";
        return Err(Failure::new(Exit::Usage, message).into());
    };
    online(&args.place.shards, endpoint, runtime)
}

/// One run.
pub(super) fn create(args: &CreateArgs, objects: &Objects, opened: Opened) -> Result<Created> {
    let (party, listing) = opened;
    let source = Source { party: &*party, listing };
    let plan = Plan { graphs: &args.graphs, full: args.full, unencrypted: args.recipients.unencrypted };
    let mut progress = None;
    backup::create(&source, objects, &plan, &mut |bytes, records, about| {
        let progress = progress.get_or_insert_with(|| Progress::new("backup", Total::Records(about)));
        progress.update(bytes, records);
    })
}

/// What is said of one run.
#[derive(Serialize)]
pub(super) struct Summary {
    /// Name of the run.
    run: String,
    to: String,
    /// The store that was backed up.
    store: String,
    /// Endpoint or directory of it.
    source: String,
    /// By how much the clock of the shard is ahead of that of this machine, milliseconds.
    clock_ahead_ms: Option<i64>,
    /// Bytes written.
    bytes: u64,
    /// For whom the run is encrypted; empty when it is in the clear.
    recipients: Vec<String>,
    /// Registered agents and open channels in the backup.
    identities: Option<u64>,
    channels: Option<u64>,
    graphs: Vec<Row>,
    /// What else should be known, such as earlier runs that could not be used.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    graph: String,
    /// `unchanged`, `increment`, `full`, `failed`; `gone` when it was deleted or moved away meanwhile.
    done: &'static str,
    /// Why a full backup was made, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Bytes of what has changed, before compression.
    bytes: u64,
    /// Sequence number of the newest change in the backup.
    sequence: Option<u64>,
    /// Links of its chain.
    chain: usize,
}

impl Summary {
    pub(super) fn new(created: &Created, objects: &Objects) -> Self {
        let manifest = &created.manifest;
        let rows = created.graphs.iter().map(|graph| {
            let (done, reason) = match &graph.done {
                Done::Unchanged => ("unchanged", None),
                Done::Increment => ("increment", None),
                Done::Full(reason) => ("full", Some((*reason).to_owned())),
                Done::Failed(error) => ("failed", Some(message_of(error))),
                Done::Gone => ("gone", None),
            };
            let (bytes, sequence, chain) = (graph.bytes, graph.sequence, graph.chain);
            Row { graph: graph.name.clone(), done, reason, bytes, sequence, chain }
        });
        let service = manifest.service.as_ref();
        Self {
            run: manifest.run.clone(),
            to: objects.url().to_owned(),
            store: manifest.store.clone(),
            source: manifest.source.clone(),
            clock_ahead_ms: manifest.clock_ahead_ms,
            bytes: manifest.bytes,
            recipients: manifest.recipients.clone(),
            identities: service.map(|service| service.identities),
            channels: service.map(|service| service.channels),
            graphs: rows.collect(),
            warnings: created.warnings.clone(),
        }
    }
}

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "backed up  {}  to {}  ({})", self.source, self.to, HumanBytes(self.bytes))?;
        writeln!(out, "  run    {}", self.run)?;
        writeln!(out, "  store  {}", self.store)?;
        self.recipients.iter().try_for_each(|recipient| writeln!(out, "  encrypted for {recipient}"))?;
        for warning in &self.warnings {
            writeln!(out, "  WARNING: {warning}")?;
        }
        let unchanged = self.graphs.iter().filter(|row| row.done == "unchanged").count();
        let changed = self.graphs.iter().filter(|row| row.done != "unchanged");
        let rows: Vec<_> = changed.map(cells).collect();
        if !rows.is_empty() {
            write_table(out, ["graph", "done", "sequence", "links", "bytes", "reason"], &rows)?;
        }
        if unchanged > 0 { writeln!(out, "  {unchanged} graphs unchanged") } else { Ok(()) }
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
