//! `egctl snapshot import`.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use epistemic_operations::encryption::{Keys, StoredSnapshot};
use epistemic_operations::hosts::Directory;
use epistemic_operations::remote::upload;
use epistemic_operations::streams::{Count, Counted};
use epistemic_router::{Client, ErrorCode};
use epistemic_storage::graph::GraphError;
use epistemic_storage::snapshot::{self, ImportTarget};
use tokio::runtime::Runtime;

use super::check::{Verified, in_file, verified};
use super::summary::Summary;
use crate::encryption::IdentityArgs;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::OutputArgs;
use crate::place::PlaceArgs;
use crate::progress::{Progress, Total};

const BUFFER: usize = 1 << 20;

/// Load a snapshot file as a graph: onto the shard that owns the name, onto one shard, or into a directory.
///
/// The file is checked as a whole first. The graph appears as a whole, or everything stays as it was.
/// With --dir, an empty directory becomes a new persist directory.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ImportArgs {
    /// The snapshot.
    file: PathBuf,
    /// Name for the graph. Default: the name in the snapshot.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Put it in the place of a graph of that name. Without this, such a graph is an error.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ImportArgs, runtime: &Runtime) -> Result<()> {
    let keys = args.identity.keys()?;
    let verified = verified(&args.file, &keys)?;
    let mut header = verified.header.clone();
    if let Some(name) = &args.name {
        if name.is_empty() && args.place.dir.is_none() {
            let message = "a shard takes the empty name for the snapshot's own; give another one, or --dir";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        header.graph.clone_from(name);
    }
    let place = match &args.place.dir {
        Some(dir) => {
            let imported = offline(args, dir, &keys, &verified);
            imported.map_err(|error| with_remedy(error, &header.graph))?;
            dir.display().to_string()
        }
        None => {
            let client = runtime.block_on(args.place.shards.owner_of(&header.graph))?;
            let imported = online(args, runtime, &client, &keys, &header.graph, &verified);
            imported.map_err(|error| with_remedy(error, &header.graph))?;
            client.endpoint().to_string()
        }
    };
    let Verified { file_bytes, totals, .. } = verified;
    args.output.print(&Summary::new("imported", args.file.clone(), file_bytes, header, totals).at(place))
}

fn online(
    args: &ImportArgs,
    runtime: &Runtime,
    client: &Client,
    keys: &Keys,
    name: &str,
    verified: &Verified,
) -> Result<()> {
    let Verified { bytes, totals, .. } = verified;
    let mut progress = Progress::new("import", Total::Bytes(*bytes));
    let input = StoredSnapshot::open(&args.file, keys)?;
    let records = totals.nodes + totals.edges + totals.ledger + totals.vectors;
    let mut sent = |sent: u64| {
        let share = u128::from(records) * u128::from(sent) / u128::from((*bytes).max(1));
        progress.update(sent, u64::try_from(share).unwrap_or(records));
    };
    let digest = upload(runtime.handle(), client, name, args.replace, input, &mut sent)?;
    same_digest(&totals.digest, &digest, client.endpoint().as_str())
}

fn offline(args: &ImportArgs, dir: &Path, keys: &Keys, verified: &Verified) -> Result<()> {
    let directory = Directory::open_writable(dir)?;
    let target = ImportTarget { name: args.name.clone(), replace: args.replace, ..ImportTarget::default() };
    let mut progress = Progress::new("import", Total::Bytes(verified.bytes));
    let count = Count::default();
    let file = StoredSnapshot::open(&args.file, keys)?;
    let stream = Counted { stream: BufReader::with_capacity(BUFFER, file), count: count.clone() };
    let imported = snapshot::import(&directory.graphs, stream, &target, &mut |records| {
        progress.update(count.bytes(), records);
    });
    let (_, imported, _) = imported.map_err(|error| in_file(&args.file, error))?;
    same_digest(&verified.totals.digest, &imported.digest, &dir.display().to_string())
}

/// Says what to do when the name is taken.
fn with_remedy(error: anyhow::Error, name: &str) -> anyhow::Error {
    if ErrorCode::of_text(&error.root_cause().to_string()) != ErrorCode::Exists {
        return error;
    }
    let exists = GraphError::GraphExists(name.to_owned());
    let message =
        format!("{exists}: give --replace to put the snapshot in its place, or --as NAME for a new graph");
    Failure::new(Exit::Failed, message).into()
}

/// The file was read twice; a change in between shows here.
fn same_digest(checked: &str, imported: &str, place: &str) -> Result<()> {
    if checked == imported {
        return Ok(());
    }
    let message = format!(
        "the file changed while it was imported: its digest was {checked}, {place} now has {imported}; import it again with --replace"
    );
    Err(Failure::new(Exit::Failed, message).into())
}
