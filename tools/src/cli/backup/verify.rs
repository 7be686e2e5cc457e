//! `egctl backup verify`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use epistemic_storage::GraphStore;
use epistemic_storage::datadir::DataDir;
use epistemic_storage::rocks::RocksOptions;
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::FromArgs;
use crate::backup::{self, Manifest, Tried, load_all};
use crate::cli::output::{OutputArgs, Report};
use crate::cli::progress::{Progress, Total};
use crate::cli::table::{shortened, write_table};
use crate::cli::{EXIT_CODES, Exit, Failure};

/// Try a backup out: restore every chain of objects into a scratch store and compare counts and digests.
///
/// Needs as much room for a moment as the largest graph takes.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    from: FromArgs,
    /// Only this run. Default: the newest one.
    #[arg(long, value_name = "RUN", conflicts_with = "all_runs")]
    run: Option<String>,
    /// All runs; what they share is tried once.
    #[arg(long)]
    all_runs: bool,
    /// Only this graph.
    #[arg(long, value_name = "NAME")]
    graph: Option<String>,
    /// Folder for the scratch store. Default: that of temporary files.
    #[arg(long, value_name = "PATH")]
    scratch: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &VerifyArgs, runtime: &Runtime) -> Result<()> {
    let objects = args.from.open(runtime)?;
    let (manifests, mut damage) = manifests(args, &objects)?;
    let mut routes = backup::chains(&manifests);
    routes.retain(|route| args.graph.as_ref().is_none_or(|graph| *graph == route.graph));
    let folder = match &args.scratch {
        Some(path) => tempfile::tempdir_in(path)?,
        None => tempfile::tempdir()?,
    };
    let (_owner, store) = DataDir::open_store(folder.path(), &RocksOptions::default())?;
    let scratch = Arc::new(GraphStore::open(store)?);
    let all: u64 = routes.iter().flat_map(|route| &route.pieces).map(|piece| piece.bytes).sum();
    let mut progress = Progress::new("verify", Total::Bytes(all));
    let mut before = 0;
    let mut chains = Vec::new();
    for route in &routes {
        let told = &mut |bytes: u64, _| progress.update(before + bytes, 0);
        let tried = backup::try_chain(&objects, route, &scratch, told)?;
        before += tried.bytes;
        damage.extend(
            tried.damage.as_ref().map(|damage| format!("object '{}': {}", damage.object, damage.reason)),
        );
        chains.push(Row::new(route.run.clone(), tried));
    }
    drop(progress);
    let runs = manifests.iter().map(|manifest| manifest.run.clone()).collect();
    args.output.print(&Summary { from: objects.url().to_owned(), runs, chains, damage: damage.clone() })?;
    if damage.is_empty() {
        return Ok(());
    }
    let message =
        format!("{} of the backup is damaged; see docs/errors/backup-damaged.md", parts(damage.len()));
    Err(Failure::new(Exit::Refused, message).into())
}

fn parts(count: usize) -> String {
    if count == 1 { "1 part".to_owned() } else { format!("{count} parts") }
}

/// The manifests meant, and what is wrong with those that cannot be used.
fn manifests(args: &VerifyArgs, objects: &backup::Objects) -> Result<(Vec<Manifest>, Vec<String>)> {
    let mut runs = load_all(objects)?;
    if let Some(name) = &args.run {
        runs.retain(|run| run.name == *name);
    } else if !args.all_runs {
        runs.drain(..runs.len().saturating_sub(1));
    }
    if runs.is_empty() {
        let what = args.run.as_ref().map_or("no run".to_owned(), |name| format!("no run '{name}'"));
        let message = format!("there is {what} in {}", objects.url());
        return Err(backup::BackupError::NotFound(message).into());
    }
    let (mut manifests, mut damage) = (Vec::new(), Vec::new());
    for run in runs {
        match run.manifest {
            Ok(manifest) => manifests.push(manifest),
            Err(error) => damage.push(error.to_string()),
        }
    }
    Ok((manifests, damage))
}

#[derive(Serialize)]
struct Summary {
    from: String,
    runs: Vec<String>,
    chains: Vec<Row>,
    /// What is wrong, by object.
    damage: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    graph: String,
    run: String,
    objects: usize,
    bytes: u64,
    sequence: u64,
    /// The first object that cannot be used.
    damaged: Option<String>,
    reason: Option<String>,
}

impl Row {
    fn new(run: String, tried: Tried) -> Self {
        let Tried { graph, objects, bytes, sequence, damage } = tried;
        let (damaged, reason) = damage.map(|damage| (damage.object, damage.reason)).unzip();
        Self { graph, run, objects, bytes, sequence, damaged, reason }
    }
}

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let bytes: u64 = self.chains.iter().map(|chain| chain.bytes).sum();
        let chains = HumanCount(self.chains.len() as u64);
        writeln!(out, "verified  {}  ({chains} chains, {})", self.from, HumanBytes(bytes))?;
        let rows = self.chains.iter().map(|chain| {
            let state =
                chain.damaged.as_ref().map_or("intact".to_owned(), |object| format!("DAMAGED: {object}"));
            [
                shortened(&chain.graph),
                chain.objects.to_string(),
                chain.sequence.to_string(),
                chain.run.clone(),
                state,
            ]
        });
        let rows: Vec<_> = rows.collect();
        write_table(out, ["graph", "objects", "sequence", "run", "state"], &rows)?;
        self.damage.iter().try_for_each(|damage| writeln!(out, "DAMAGED: {damage}"))
    }
}
