//! `egctl backup drill`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::backup::{
    self, BackupError, Entries, Listed, Manifest, Objects, Route, matching, shown_time,
};
use epistemic_operations::error::message_of;
use rand::RngExt;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::metrics::{Drilled, write_drill};
use super::scratch::Scratch;
use super::{FromArgs, StoreArgs};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::progress::{Progress, Total};
use crate::table::write_table;

/// Restore graphs of the newest run of each store into a scratch store, and compare counts and digests with the manifest.
///
/// Meant for a timer: --sample tries some graphs, chosen at random, and --metrics-file tells Prometheus when that last worked.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct DrillArgs {
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    stores: StoreArgs,
    /// Try so many graphs of each store. Default: all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// Folder for the scratch store. Default: that of temporary files.
    #[arg(long, value_name = "PATH")]
    scratch: Option<PathBuf>,
    /// Write what came of it to this file, in the text format of Prometheus.
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &DrillArgs, runtime: &Runtime) -> Result<()> {
    let objects = args.from.open(runtime)?;
    let listed = Listed::of(&objects)?;
    let scratch = Scratch::new(args.scratch.as_deref())?;
    let mut progress = Progress::new("drill", Total::Unknown);
    let mut stores = Vec::new();
    for (store, source) in matching(&objects, &listed, &args.stores.wanted())? {
        stores.push(drill(args, &objects, &listed, store, source, &scratch, &mut progress)?);
    }
    drop(progress);
    if let Some(file) = &args.metrics_file {
        let drilled = stores.iter().map(|row| Drilled {
            source: row.source.clone(),
            graphs: row.graphs,
            failures: row.failures.len() as u64,
            taken_ms: row.taken_ms,
        });
        write_drill(file, &drilled.collect::<Vec<_>>())?;
    }
    let failures: usize = stores.iter().map(|row| row.failures.len()).sum();
    args.output.print(&Summary { from: objects.url().to_owned(), stores })?;
    if failures == 0 {
        return Ok(());
    }
    let message = format!(
        "the drill failed {failures} times: the backup cannot be relied on; see docs/errors/backup-damaged.md"
    );
    Err(Failure::new(Exit::Refused, message).into())
}

/// Tries the newest run of a store. Whatever goes wrong is a failure of the drill; without an identity there is none.
fn drill(
    args: &DrillArgs,
    objects: &Objects,
    listed: &Listed,
    store: String,
    source: String,
    scratch: &Scratch,
    progress: &mut Progress,
) -> Result<Row> {
    let mut row = Row { store, source, run: None, taken_ms: None, graphs: 0, failures: Vec::new() };
    let tried = row.newest(objects, listed).and_then(|manifest| {
        let Some(manifest) = manifest else { return Ok(()) };
        manifest.must_open(objects)?;
        if let Some(service) = &manifest.service {
            backup::check_service(objects, service)?;
        }
        let mut bytes = 0;
        for route in sampled(objects, &manifest, args.sample)? {
            let route = route?;
            let graphs = row.graphs;
            let told = &mut |now: u64, _| progress.update(bytes + now, graphs);
            match backup::try_chain(objects, &route, &scratch.graphs, told) {
                Ok(tried) => {
                    bytes += tried.bytes;
                    let failure = |damage: backup::Damage| {
                        format!("{:?}: object '{}': {}", tried.graph, damage.object, damage.reason)
                    };
                    row.failures.extend(tried.damage.map(failure));
                }
                Err(error) => row.failures.push(format!("{:?}: {}", route.graph, message_of(&error))),
            }
            row.graphs += 1;
        }
        Ok(())
    });
    if let Err(error) = tried {
        if matches!(error.downcast_ref(), Some(BackupError::Locked(_))) {
            return Err(error);
        }
        row.failures.push(message_of(&error));
    }
    Ok(row)
}

/// The chains to try: all of a run, or some of them, each as likely as the others.
fn sampled<'r>(
    objects: &Objects,
    manifest: &'r Manifest,
    sample: Option<u64>,
) -> Result<Box<dyn Iterator<Item = Result<Route>> + 'r>> {
    let entries = Entries::open(objects, manifest)?;
    let routes =
        entries.map(|entry| entry.map(|entry| Route::whole(&entry.name, &manifest.run, entry.chain)));
    let Some(sample) = sample else { return Ok(Box::new(routes)) };
    // Reservoir sampling: the run may have many graphs.
    let mut chosen: Vec<Route> = Vec::new();
    for (seen, route) in (0_u64..).zip(routes) {
        let route = route?;
        if (chosen.len() as u64) < sample {
            chosen.push(route);
        } else if let Ok(place) = usize::try_from(rand::rng().random_range(0..=seen))
            && let Some(chosen) = chosen.get_mut(place)
        {
            *chosen = route;
        }
    }
    Ok(Box::new(chosen.into_iter().map(Ok)))
}

#[derive(Serialize)]
struct Summary {
    from: String,
    stores: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    /// Identity of the store.
    store: String,
    source: String,
    /// The run that was tried.
    run: Option<String>,
    /// When it was taken, Unix milliseconds by the clock of the shard.
    taken_ms: Option<u64>,
    /// Graphs that were restored on trial.
    graphs: u64,
    failures: Vec<String>,
}

impl Row {
    /// The newest run of the store, noted.
    fn newest(&mut self, objects: &Objects, listed: &Listed) -> Result<Option<Manifest>> {
        let Some(run) = listed.load_all(objects, Some(&self.store))?.pop() else { return Ok(None) };
        self.run = Some(run.name);
        let manifest = run.manifest?;
        self.taken_ms = Some(manifest.started_ms);
        Ok(Some(manifest))
    }
}

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.stores.iter().map(|row| {
            let state = if row.failures.is_empty() { "as in the manifest" } else { "FAILED" };
            [
                row.source.clone(),
                row.run.clone().unwrap_or_default(),
                row.taken_ms.map(shown_time).unwrap_or_default(),
                row.graphs.to_string(),
                state.to_owned(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        write_table(out, ["source", "run", "taken", "graphs", "state"], &rows)?;
        let failures = self.stores.iter().flat_map(|row| &row.failures);
        failures.into_iter().try_for_each(|failure| writeln!(out, "FAILED: {failure}"))
    }
}
