//! `egctl backup restore`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::DateTime;
use clap::Args;
use epistemic_operations::backup::{
    Listed, Name, Objects, Point, Route, check_name, is_unknown, must_be_guarded, restore, restore_service,
};
use epistemic_operations::error::message_of;
use epistemic_operations::hosts::Party;
use tokio::runtime::Runtime;

use super::restored::{Row, ServiceRow, Summary};
use super::selection::{Job, jobs};
use super::target::Target;
use super::{FromArgs, StoreArgs};
use crate::exit::{EXIT_CODES, Exit, Failure, exit_of};
use crate::output::OutputArgs;
use crate::progress::{Progress, Total};
use crate::shards::ShardArgs;

/// Restore one graph, those of a tenant, a store or a whole tier: the newest state, or that of a sequence number or a time.
///
/// Each graph appears as a whole, in one commit, checked; or everything stays as it was. With --to-dir, an empty
/// directory becomes a new persist directory. Otherwise each graph goes to the shard that owns it, or to the one given
/// with --endpoint, which goes on serving. All graphs of a store come with its identities and channels; agents and channels
/// that are there already stay as they are. A restore that was killed holds its name: the next one frees it, and so does
/// egctl moves --forget NAME.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct RestoreArgs {
    #[command(flatten)]
    pub(super) from: FromArgs,
    #[command(flatten)]
    pub(super) stores: StoreArgs,
    /// All shards of a backup of the whole tier: the newest one, or the one named. With --to-dir, each becomes a directory
    /// shard-1, shard-2 and so on below it, in the order of the list.
    #[arg(long, value_name = "TIER", num_args = 0..=1, conflicts_with_all = ["store", "shard", "run", "graph"])]
    pub(super) tier: Option<Option<String>>,
    /// Exact name of a graph in the backup. Default: all graphs.
    #[arg(long, value_name = "NAME")]
    pub(super) graph: Option<String>,
    /// Only graphs of this tenant: created for it, or named like its graphs.
    #[arg(long, value_name = "TENANT", conflicts_with = "graph")]
    pub(super) tenant: Option<String>,
    /// Another name for the graph.
    #[arg(long = "as", value_name = "NAME", requires = "graph")]
    name: Option<String>,
    /// Put it in the place of a graph of that name. Without this, such a graph is an error.
    #[arg(long)]
    replace: bool,
    /// Only what this run knows (egctl backup list). Default: the newest run that has what is asked for.
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
    /// Stop with the change of this sequence number.
    #[arg(long, value_name = "N", requires = "graph", conflicts_with = "at_time")]
    at_sequence: Option<u64>,
    /// Stop with the newest change that is not later than this time by the clock of the shard: 2026-11-23T21:20:00Z or with an
    /// offset.
    #[arg(long, value_name = "RFC3339", value_parser = parse_time)]
    at_time: Option<u64>,
    /// Restore offline into the persist directory of a stopped server.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["endpoint", "endpoints"])]
    pub(super) to_dir: Option<PathBuf>,
    /// Register the agents of the backup and open its channels, also for single graphs.
    #[arg(long, conflicts_with = "without_identities")]
    with_identities: bool,
    /// Restore graphs alone, also for all of a store.
    #[arg(long)]
    without_identities: bool,
    /// Graphs of a store with access control may go where there is none, open to everybody.
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    pub(super) shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_time(text: &str) -> Result<u64, String> {
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|error| format!("{error}; write it like 2026-11-23T21:20:00Z"))?;
    u64::try_from(time.timestamp_millis()).map_err(|_| "it is before 1970".to_owned())
}

impl RestoreArgs {
    pub(super) fn point(&self) -> Point {
        match (self.at_sequence, self.at_time) {
            (Some(sequence), _) => Point::Sequence(sequence),
            (None, Some(time)) => Point::Time(time),
            (None, None) => Point::Newest,
        }
    }

    fn name<'r>(&'r self, graph: &'r str) -> Name<'r> {
        let name = self.name.as_deref().unwrap_or(graph);
        Name { name, replace: self.replace }
    }

    /// Whether identities and channels come with the graphs.
    fn wants_service(&self) -> bool {
        let is_all = self.graph.is_none() && self.tenant.is_none();
        (is_all || self.with_identities) && !self.without_identities
    }
}

pub(super) fn run(args: &RestoreArgs, runtime: &Runtime) -> Result<()> {
    let objects = args.from.open(runtime)?;
    let listed = Listed::of(&objects)?;
    let jobs = jobs(args, &objects, &listed)?;
    let mut work = Work::new(args, &objects);
    // Several jobs may go to one directory, which is opened once.
    let mut targets: BTreeMap<Option<&Path>, Target<'_>> = BTreeMap::new();
    let mut bytes = 0;
    for job in &jobs {
        let dir = job.to_dir.as_deref();
        let target = match targets.entry(dir) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(free) => free.insert(Target::new(dir, &args.shards, runtime)?),
        };
        bytes += work.check(job, target)?;
    }
    work.progress = Progress::new("restore", Total::Bytes(bytes));
    for job in &jobs {
        if let Some(target) = targets.get(&job.to_dir.as_deref()) {
            work.restore(job, target)?;
        }
    }
    let Work { rows, service, warnings, failed, .. } = work;
    let restored = rows.len();
    args.output.print(&Summary { from: objects.url().to_owned(), graphs: rows, service, warnings })?;
    all_done(restored, failed)
}

/// A restore under way.
struct Work<'w> {
    args: &'w RestoreArgs,
    objects: &'w Objects,
    progress: Progress,
    bytes: u64,
    rows: Vec<Row>,
    service: Vec<ServiceRow>,
    warnings: Vec<String>,
    failed: Vec<anyhow::Error>,
}

impl<'w> Work<'w> {
    fn new(args: &'w RestoreArgs, objects: &'w Objects) -> Self {
        Self {
            args,
            objects,
            progress: Progress::new("restore", Total::Unknown),
            bytes: 0,
            rows: Vec::new(),
            service: Vec::new(),
            warnings: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Nothing is restored when a name is taken, or a graph would be open to everybody that was not. Returns about how many
    /// bytes will be read.
    fn check(&mut self, job: &Job<'_>, target: &Target<'_>) -> Result<u64> {
        let mut all = 0;
        for graph in job.graphs()? {
            let (graph, bytes) = graph?;
            all += bytes;
            let to = self.args.name(&graph);
            target.with(to.name, |target| check_name(target, &to))?;
        }
        let manifest = job.manifest()?;
        if is_unknown(manifest) {
            let warning = format!(
                "run {} has no identities and channels: if access control was on, register the agents before clients are let in",
                manifest.run
            );
            self.warnings.push(warning);
        }
        if self.args.open || (self.args.wants_service() && manifest.service.is_some()) {
            return Ok(all);
        }
        let guarded = |target: &dyn Party| must_be_guarded(manifest, target);
        match &self.args.graph {
            Some(graph) => target.with(self.args.name(graph).name, guarded)?,
            None => target.each(guarded)?,
        }
        Ok(all)
    }

    fn restore(&mut self, job: &Job<'_>, target: &Target<'_>) -> Result<()> {
        // Agents before graphs: what is restored is never open to everybody.
        if let Some(service) = job.manifest()?.service.as_ref().filter(|_| self.args.wants_service()) {
            target.each(|target| {
                let taken = restore_service(self.objects, service, target)?;
                self.service.push(ServiceRow::new(target.endpoint(), taken));
                Ok(())
            })?;
        }
        for route in job.routes()? {
            match route? {
                Ok(route) => self.graph(&route, target)?,
                Err(error) if self.args.graph.is_some() => return Err(error),
                Err(error) => self.failed.push(error),
            }
        }
        Ok(())
    }

    fn graph(&mut self, route: &Route, target: &Target<'_>) -> Result<()> {
        let to = self.args.name(&route.graph);
        let (before, count) = (self.bytes, self.rows.len() as u64);
        let restored = target.with(to.name, |target| {
            let mut told = |bytes: u64, _| self.progress.update(before + bytes, count);
            Ok((restore(self.objects, route, target, &to, &mut told)?, target.endpoint().to_owned()))
        });
        self.bytes += route.bytes();
        match restored {
            Ok((restored, place)) => self.rows.push(Row::new(route, to.name, place, restored)),
            Err(error) if self.args.graph.is_some() => return Err(error),
            Err(error) => {
                self.failed.push(error.context(format!("graph {:?} was not restored", route.graph)));
            }
        }
        Ok(())
    }
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
