//! `egctl import-reference`.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::import::{Directory, DirectoryError, Document, Log, Source, read_whole};
use tokio::runtime::Runtime;

use super::target::TargetArgs;
use super::transfer::{Input, Transfer};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::OutputArgs;
use crate::progress::{Progress, Total};

/// Take over the persist directory of a stopped reference server 0.28 to 0.31.
///
/// Into a directory, or into running shards.
/// Reads manifest.json, the snapshots (NAME.mp) and the logs (NAME.wal), and changes none of them. Each graph appears as a
/// whole, with its counts and its digest compared. What is damaged, missing or doubtful is reported per graph, with what
/// was recovered; such a graph is not taken, unless --accept-partial is given, and the others go on. The files
/// have no checksums: a change inside a text or a value cannot be seen.
///
/// A server 2.0 keeps other files: start it and use egctl pull.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ImportReferenceArgs {
    /// The persist directory.
    dir: PathBuf,
    /// The graph in FILE.mp and FILE.wal is NAME; where the directory does not tell. Can be repeated.
    #[arg(long = "name", value_name = "FILE=NAME", value_parser = file_and_name)]
    names: Vec<(String, String)>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

fn file_and_name(text: &str) -> Result<(String, String), &'static str> {
    let (file, name) = text.split_once('=').ok_or("write FILE=NAME")?;
    Ok((file.to_owned(), name.to_owned()))
}

/// Takes graph after graph. All are printed before the error that says that some were not taken.
pub(in crate::commands) fn run(args: &ImportReferenceArgs, runtime: &Runtime) -> Result<()> {
    let names: BTreeMap<String, String> = args.names.iter().cloned().collect();
    let directory = Directory::open(&args.dir, &names).map_err(|error| match error {
        DirectoryError::InUse { .. } => Failure::new(Exit::Failed, error.to_string()),
        DirectoryError::Foreign { .. } | DirectoryError::Io(_) => {
            Failure::new(Exit::Refused, error.to_string())
        }
    })?;
    check_names(&names, &directory.sources)?;
    let target = args.target.open(runtime)?;
    let bytes = directory.sources.iter().map(|source| source.bytes).sum();
    let progress = Progress::new("import", Total::Bytes(bytes));
    let mut transfer = Transfer::begin(&args.target, target, args.dir.display().to_string(), progress)?;
    for source in directory.sources {
        take(&mut transfer, source);
    }
    let report = transfer.finish(directory.notes);
    args.output.print(&report)?;
    Ok(report.failure()?)
}

fn take(transfer: &mut Transfer<'_>, source: Source) {
    let read = |path: PathBuf| read_whole(&path);
    let (snapshot, log) = (source.snapshot.map(read).transpose(), source.log.map(read).transpose());
    let (snapshot, log) = match (snapshot, log) {
        (Ok(snapshot), Ok(log)) => (snapshot, log),
        (Err(error), _) | (_, Err(error)) => {
            transfer.unread(source.graph, source.file, &error.into());
            return;
        }
    };
    transfer.take(&Input {
        graph: source.graph,
        owner: None,
        from: source.file,
        document: snapshot.as_deref().map(Document::read),
        log: log.as_deref().map(Log::read),
        bytes: source.bytes,
        problems: source.problems,
        notes: source.notes,
    });
}

/// Names given on the command line must be of files that are there, and no two graphs may get one name.
fn check_names(names: &BTreeMap<String, String>, sources: &[Source]) -> Result<(), Failure> {
    if let Some(file) = names.keys().find(|file| sources.iter().all(|source| source.file != **file)) {
        let message = format!("--name {file}=...: there is no graph in files of this name");
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut seen = HashSet::new();
    match sources.iter().find(|source| !seen.insert(source.graph.name.as_str())) {
        None => Ok(()),
        Some(twice) => {
            let message = format!(
                "two graphs would get the name {:?}: give one of them another --name",
                twice.graph.name
            );
            Err(Failure::new(Exit::Usage, message))
        }
    }
}
