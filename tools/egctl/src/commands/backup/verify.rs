//! `egctl backup verify`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::backup::{self, BackupError, Listed, Manifest, Objects, Tried, matching};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::scratch::Scratch;
use super::{FromArgs, StoreArgs};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::progress::{Progress, Total};
use crate::table::{shortened, write_table};

/// Try a backup out: restore every chain of objects into a scratch store and compare counts and digests.
///
/// Looks at the newest run of each store, unless told otherwise. Needs as much room for a moment as the largest graph takes.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct VerifyArgs {
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    stores: StoreArgs,
    /// Only this run. Default: the newest one of each store.
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
    let listed = Listed::of(&objects)?;
    let scratch = Scratch::new(args.scratch.as_deref())?;
    let mut summary = Summary::new(&objects, &listed);
    let mut progress = Progress::new("verify", Total::Unknown);
    let mut found = false;
    for store in matching(&objects, &listed, &args.stores.wanted())?.into_keys() {
        let manifests = manifests(args, &objects, &listed, &store, &mut summary.damage)?;
        found |= !manifests.is_empty() || !summary.damage.is_empty();
        summary.try_store(args, &objects, &manifests, &scratch, &mut progress)?;
    }
    drop(progress);
    if !found {
        let what = args.run.as_ref().map_or("no run".to_owned(), |name| format!("no run '{name}'"));
        return Err(BackupError::NotFound(format!("there is {what} in {}", objects.url())).into());
    }
    let parts = summary.damage.len();
    args.output.print(&summary)?;
    if parts == 0 {
        return Ok(());
    }
    let parts = if parts == 1 { "1 part".to_owned() } else { format!("{parts} parts") };
    let message = format!("{parts} of the backup is damaged; see docs/errors/backup-damaged.md");
    Err(Failure::new(Exit::Refused, message).into())
}

/// The manifests meant of a store; what is wrong with those that cannot be used is added to `damage`.
fn manifests(
    args: &VerifyArgs,
    objects: &Objects,
    listed: &Listed,
    store: &str,
    damage: &mut Vec<String>,
) -> Result<Vec<Manifest>> {
    let mut runs = listed.load_all(objects, Some(store))?;
    if let Some(name) = &args.run {
        runs.retain(|run| run.name == *name);
    } else if !args.all_runs {
        runs.drain(..runs.len().saturating_sub(1));
    }
    let mut manifests = Vec::new();
    for run in runs {
        match run.manifest {
            Ok(manifest) => manifests.push(manifest),
            Err(error @ BackupError::Locked(_)) => return Err(error.into()),
            Err(error) => damage.push(error.to_string()),
        }
    }
    Ok(manifests)
}

#[derive(Serialize)]
struct Summary {
    from: String,
    runs: Vec<String>,
    chains: Vec<Row>,
    /// Runs with objects and without a manifest: cut short, or being made.
    unfinished: Vec<String>,
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

impl Summary {
    fn new(objects: &Objects, listed: &Listed) -> Self {
        let unfinished = listed.unfinished.values().flatten().cloned().collect();
        let from = objects.url().to_owned();
        Self { from, runs: Vec::new(), chains: Vec::new(), unfinished, damage: Vec::new() }
    }

    /// Tries the chains of these runs of a store.
    fn try_store(
        &mut self,
        args: &VerifyArgs,
        objects: &Objects,
        manifests: &[Manifest],
        scratch: &Scratch,
        progress: &mut Progress,
    ) -> Result<()> {
        self.runs.extend(manifests.iter().map(|manifest| manifest.run.clone()));
        let (mut before, mut chains, mut damage) = (0, Vec::new(), Vec::new());
        manifests.iter().try_for_each(|manifest| manifest.must_open(objects))?;
        for service in manifests.iter().filter_map(|manifest| manifest.service.as_ref()) {
            damage.extend(damage_of(backup::check_service(objects, service))?);
        }
        let tried = backup::for_each_chain(objects, manifests, |route| {
            if args.graph.as_ref().is_some_and(|graph| *graph != route.graph) {
                return Ok(());
            }
            let told = &mut |bytes: u64, _| progress.update(before + bytes, chains.len() as u64);
            let tried = backup::try_chain(objects, &route, &scratch.graphs, told)?;
            before += tried.bytes;
            damage.extend(
                tried.damage.as_ref().map(|damage| format!("object '{}': {}", damage.object, damage.reason)),
            );
            chains.push(Row::new(route.run.clone(), tried));
            Ok(())
        });
        damage.extend(damage_of(tried)?);
        damage.dedup();
        self.chains.extend(chains);
        self.damage.extend(damage);
        Ok(())
    }
}

/// Damage of the backup as a text; other errors stay errors.
fn damage_of(tried: Result<()>) -> Result<Option<String>> {
    match tried {
        Ok(()) => Ok(None),
        Err(error) if matches!(error.downcast_ref(), Some(BackupError::Locked(_))) => Err(error),
        Err(error) if error.is::<BackupError>() => Ok(Some(error.to_string())),
        Err(error) => Err(error),
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
        write_table(out, ["graph", "links", "sequence", "run", "state"], &rows)?;
        for run in &self.unfinished {
            writeln!(
                out,
                "no manifest: run {run}, cut short or still being made; prune removes its objects"
            )?;
        }
        self.damage.iter().try_for_each(|damage| writeln!(out, "DAMAGED: {damage}"))
    }
}
