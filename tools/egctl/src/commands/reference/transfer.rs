//! One graph after the other: made in a scratch store, written as a snapshot, installed at its place.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom};

use anyhow::Result;
use epistemic_operations::error::message_of;
use epistemic_operations::hosts::Directory;
use epistemic_operations::import::{Counts, Document, GraphName, Log, stage};
use epistemic_storage::GraphStore;
use epistemic_storage::graph::COMMONS;
use epistemic_storage::snapshot::{self, Totals};
use tempfile::TempDir;

use super::meter::{Meter, Work};
use super::report::{GraphReport, Graphs, LogCounts, Outcome};
use super::target::{Target, TargetArgs};
use crate::exit::{Exit, exit_of};
use crate::progress::Progress;

/// A graph as it was read. Without a document and without changes there is nothing of it.
pub(super) struct Input<'a> {
    pub(super) graph: GraphName,
    pub(super) owner: Option<String>,
    /// Stem of its files, or an endpoint.
    pub(super) from: String,
    pub(super) document: Option<Document<'a>>,
    pub(super) log: Option<Log<'a>>,
    /// Bytes that it was read from.
    pub(super) bytes: u64,
    pub(super) problems: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// A run of one of the commands.
pub(super) struct Transfer<'a> {
    target: Target<'a>,
    args: &'a TargetArgs,
    scratch: Directory,
    report: Graphs,
    meter: Meter,
    // Removed behind the store in it.
    _folder: TempDir,
}

impl<'a> Transfer<'a> {
    /// Begins a run from `from`. The scratch store is in the folder for temporary files and takes about the space of the input.
    pub(super) fn begin(
        args: &'a TargetArgs,
        target: Target<'a>,
        from: String,
        progress: Progress,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("egctl-").tempdir()?;
        let scratch = Directory::open_writable(folder.path())?;
        let (graphs, notes) = (Vec::new(), Vec::new());
        let report = Graphs { from, dry_run: args.dry_run, graphs, notes, unreachable: false };
        let meter = Meter::new(progress);
        Ok(Self { target, args, scratch, report, meter, _folder: folder })
    }

    /// Takes a graph, or reports why not.
    pub(super) fn take(&mut self, input: &Input<'_>) {
        let mut report = GraphReport {
            graph: input.graph.name.clone(),
            kind: input.graph.kind.name(),
            owner: input.owner.clone(),
            from: input.from.clone(),
            place: None,
            outcome: Outcome::Failed,
            stated: input.document.as_ref().map(|document| document.stated),
            log: None,
            found: Counts::default(),
            digest: None,
            problems: input.problems.clone(),
            notes: input.notes.clone(),
            error: None,
        };
        match self.try_take(input, &mut report) {
            Ok(outcome) => report.outcome = outcome,
            Err(error) => {
                self.report.unreachable |= exit_of(&error) == Exit::Unreachable;
                report.error = Some(message_of(&error));
            }
        }
        self.report.graphs.push(report);
    }

    /// Reports a graph that could not even be read.
    pub(super) fn unread(&mut self, graph: GraphName, from: String, error: &anyhow::Error) {
        self.report.unreachable |= exit_of(error) == Exit::Unreachable;
        self.report.graphs.push(GraphReport {
            graph: graph.name,
            kind: graph.kind.name(),
            owner: None,
            from,
            place: None,
            outcome: Outcome::Failed,
            stated: None,
            log: None,
            found: Counts::default(),
            digest: None,
            problems: Vec::new(),
            notes: Vec::new(),
            error: Some(message_of(error)),
        });
    }

    /// What was done. The notes are about the input as a whole.
    pub(super) fn finish(mut self, notes: Vec<String>) -> Graphs {
        self.report.notes = notes;
        self.report
    }

    fn try_take(&mut self, input: &Input<'_>, report: &mut GraphReport) -> Result<Outcome> {
        let GraphName { name, kind } = &input.graph;
        let (document, log) = (input.document.as_ref(), input.log.as_ref());
        let records = document.map_or(0, |document| document.counts().sum()) + log.map_or(0, Log::changes);
        let mut work = self.meter.work(input.bytes, records);
        let staged =
            stage(&self.scratch.graphs, name, *kind, input.owner.clone(), document, log, &mut |records| {
                work.step(0, records)
            })?;
        report.found = staged.counts;
        report.log = log.map(|log| LogCounts { read: log.changes(), made: staged.applied });
        report.problems.extend(staged.problems);
        report.notes.extend(staged.notes);
        let nothing = staged.counts.nodes == 0;
        if !report.problems.is_empty() && (nothing || !self.args.accept_partial) {
            if nothing {
                report
                    .problems
                    .push("nothing of it can be read, so no empty graph is put in its place".to_owned());
            }
            return Ok(Outcome::Refused);
        }
        if name == COMMONS && staged.counts == Counts::default() {
            return Ok(Outcome::Nothing);
        }
        let (place, replace) = self.target.admit(name)?;
        report.place = Some(place);
        if !self.args.dry_run {
            let (file, totals) = snapshot_of(&self.scratch.graphs, name, &mut work)?;
            self.target.put(name, replace, file, &totals, &mut |records| work.step(2, records))?;
            report.digest = Some(totals.digest);
        }
        Ok(if report.problems.is_empty() { Outcome::Imported } else { Outcome::Partial })
    }
}

/// A graph as a file without a name, to be read from its beginning. Exporting checks the records against the counters.
fn snapshot_of(graphs: &GraphStore, name: &str, work: &mut Work<'_>) -> Result<(File, Totals)> {
    let graph = graphs.graph(name)?;
    let mut out = BufWriter::with_capacity(1 << 20, tempfile::tempfile()?);
    let (_, totals) = snapshot::export(graphs, &graph, &mut out, &mut |records| work.step(1, records))?;
    let mut file = out.into_inner().map_err(|error| error.into_error())?;
    file.seek(SeekFrom::Start(0))?;
    Ok((file, totals))
}
