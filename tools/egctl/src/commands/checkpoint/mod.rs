//! `egctl checkpoint`: whole-shard copies; `remote` has those on an object store.

mod remote;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use epistemic_operations::hosts::{must_be_owner, must_exist};
use epistemic_storage::datadir::{self, CHECKPOINTS_DIR, CheckpointInfo, Identity, MANIFEST_FILE};
use indicatif::HumanBytes;
use serde::Serialize;
use tokio::runtime::Runtime;

use self::remote::{DeleteArgs, DiscardArgs};
use super::status::ago;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;
use crate::table::write_table;

/// The checkpoint commands.
#[derive(Subcommand, Debug)]
pub(super) enum CheckpointCommand {
    Create(CreateArgs),
    List(ListArgs),
    Restore(RestoreArgs),
    Delete(DeleteArgs),
    Discard(DiscardArgs),
}

/// Have running shards take a checkpoint now. It lies in each shard's persist directory, or with its store.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// List the checkpoints in a persist directory or on an object store. The server may be running.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct ListArgs {
    /// The persist directory.
    #[arg(long, value_name = "PATH", required_unless_present = "store", conflicts_with = "store")]
    dir: Option<PathBuf>,
    /// What lies on an object store: the URL that the server has in --store.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Make a new persist directory out of a checkpoint, or a new store in the same bucket, within seconds whatever its size. The
/// checkpoint stays as it is.
///
/// A store that is made on an object store reads objects of its source until its own compactions have replaced them; the source
/// keeps them so long.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct RestoreArgs {
    /// Folder of the checkpoint, for example PERSIST_DIR/checkpoints/NAME, or its URL: s3://BUCKET/PREFIX?point=NAME.
    checkpoint: String,
    /// Directory to make, new or empty; or URL of an empty prefix in the bucket.
    new_dir: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs one of them.
pub(super) fn run(command: &CheckpointCommand, runtime: &Runtime) -> Result<()> {
    match command {
        CheckpointCommand::Create(args) => create(args, runtime),
        CheckpointCommand::List(args) => {
            let listed = match (&args.dir, &args.store) {
                (Some(dir), _) => list(dir)?,
                (None, url) => remote::list(url.as_deref().unwrap_or_default())?,
            };
            args.output.print(&listed)
        }
        CheckpointCommand::Restore(args) => restore(args),
        CheckpointCommand::Delete(args) => remote::delete(args),
        CheckpointCommand::Discard(args) => remote::discard(args),
    }
}

#[derive(Serialize)]
struct Created {
    checkpoints: Vec<CreatedOn>,
}

#[derive(Serialize)]
struct CreatedOn {
    endpoint: String,
    /// The shard's own words.
    answer: String,
}

fn create(args: &CreateArgs, runtime: &Runtime) -> Result<()> {
    let answers = runtime.block_on(args.shards.ask_all::<String>("Checkpoint"))?;
    let done = answers.0.iter().filter_map(|(endpoint, answer)| {
        Some(CreatedOn { endpoint: endpoint.to_string(), answer: answer.as_ref().ok()?.clone() })
    });
    let report = Created { checkpoints: done.collect() };
    args.output.print(&report)?;
    Ok(answers.failure()?)
}

impl Report for Created {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.checkpoints
            .iter()
            .try_for_each(|CreatedOn { endpoint, answer }| writeln!(out, "{endpoint}  {answer}"))
    }
}

#[derive(Serialize)]
struct Listed {
    checkpoints: Vec<Row>,
    /// Folders beside them that are no complete checkpoint.
    unusable: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    /// Folder or URL.
    path: String,
    store_id: String,
    created_ms: u64,
    sequence: u64,
    bytes: u64,
}

impl Row {
    fn new(info: &CheckpointInfo, path: &Path) -> Self {
        Self {
            name: info.name.clone(),
            path: path.display().to_string(),
            store_id: info.store_id.clone(),
            created_ms: info.created_ms,
            sequence: info.sequence,
            bytes: info.bytes(),
        }
    }
}

fn list(dir: &Path) -> Result<Listed> {
    must_exist(dir)?;
    if Identity::load(dir)?.is_none() {
        let message = format!("'{}' is not a persist directory: it has no identity.json", dir.display());
        return Err(Failure::new(Exit::Refused, message).into());
    }
    let parent = dir.join(CHECKPOINTS_DIR);
    let row = |info: &CheckpointInfo| Row::new(info, &parent.join(&info.name));
    let checkpoints: Vec<_> = datadir::list_checkpoints(dir)?.iter().map(row).collect();
    let mut unusable = Vec::new();
    if parent.exists() {
        for entry in fs_err::read_dir(&parent)? {
            unusable.push(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    unusable.retain(|name| checkpoints.iter().all(|row| row.name != *name));
    unusable.sort();
    Ok(Listed { checkpoints, unusable })
}

impl Report for Listed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let row = |row: &Row| {
            [
                row.name.clone(),
                ago(row.created_ms),
                HumanBytes(row.bytes).to_string(),
                row.sequence.to_string(),
                row.path.clone(),
            ]
        };
        let rows: Vec<_> = self.checkpoints.iter().map(row).collect();
        write_table(out, ["checkpoint", "taken", "size", "sequence", "path"], &rows)?;
        for name in &self.unusable {
            writeln!(out, "unfinished or damaged: {name}")?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Restored {
    directory: PathBuf,
    checkpoint: Row,
}

fn restore(args: &RestoreArgs) -> Result<()> {
    match [&args.checkpoint, &args.new_dir].map(|argument| remote::is_url(argument)) {
        [true, true] => return remote::restore(&args.checkpoint, &args.new_dir, args.output),
        [false, false] => {}
        [true, false] | [false, true] => {
            let message = "a checkpoint of a directory becomes a directory, one on an object store a store in its bucket; to \
                           carry graphs from one to the other move them (egctl move, egctl reshard)";
            return Err(Failure::new(Exit::Usage, message).into());
        }
    }
    let (checkpoint, new_dir) = (Path::new(&args.checkpoint), Path::new(&args.new_dir));
    must_exist(checkpoint)?;
    if !checkpoint.join(MANIFEST_FILE).exists() {
        let message = format!(
            "'{}' is not a checkpoint; give DIR/checkpoints/NAME (egctl checkpoint list --dir DIR shows them)",
            checkpoint.display()
        );
        return Err(Failure::new(Exit::Refused, message).into());
    }
    if new_dir.exists() {
        must_be_owner(new_dir)?;
    }
    let info = datadir::restore_checkpoint(checkpoint, new_dir)?;
    let row = Row::new(&info, checkpoint);
    args.output.print(&Restored { directory: new_dir.to_owned(), checkpoint: row })
}

impl Report for Restored {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Row { name, created_ms, bytes, sequence, .. } = &self.checkpoint;
        let (age, size) = (ago(*created_ms), HumanBytes(*bytes));
        writeln!(out, "restored checkpoint {name} (taken {age}, sequence {sequence}, {size})")?;
        writeln!(out, "to {}; start a server on it with --persist-dir", self.directory.display())
    }
}
