//! `egctl snapshot verify` and `egctl snapshot inspect`.

use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use epistemic_operations::encryption::{Keys, StoredSnapshot};
use epistemic_operations::names::shown;
use epistemic_operations::streams::{Count, Counted};
use epistemic_storage::snapshot::{self, Header, SnapshotError, Totals};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::summary::Summary;
use crate::commands::status::ago;
use crate::encryption::IdentityArgs;
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::progress::{Progress, Total};

/// Bytes read at once.
const BUFFER: usize = 1 << 20;

/// Read a whole snapshot file and check all that an import would: order, checksums, counts, digest.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct VerifyArgs {
    /// The snapshot.
    file: PathBuf,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Show the header of a snapshot file. Its records are not read; see verify.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct InspectArgs {
    /// The snapshot.
    file: PathBuf,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn verify(args: &VerifyArgs) -> Result<()> {
    let Verified { file_bytes, header, totals, .. } = verified(&args.file, &args.identity.keys()?)?;
    args.output.print(&Summary::new("intact", args.file.clone(), file_bytes, header, totals))
}

/// A snapshot file that is intact.
pub(in crate::commands) struct Verified {
    pub(super) file_bytes: u64,
    /// Bytes of the snapshot: more than the file has when that is encrypted, and so compressed.
    pub(super) bytes: u64,
    pub(in crate::commands) header: Header,
    pub(in crate::commands) totals: Totals,
}

/// Checks a snapshot file with a progress bar.
pub(in crate::commands) fn verified(path: &Path, keys: &Keys) -> Result<Verified> {
    let file = StoredSnapshot::open(path, keys)?;
    let file_bytes = file.file_bytes;
    let total = if file.is_encrypted() { Total::Unknown } else { Total::Bytes(file_bytes) };
    let mut progress = Progress::new("verify", total);
    let count = Count::default();
    let stream = Counted { stream: BufReader::with_capacity(BUFFER, file), count: count.clone() };
    let checked = snapshot::verify(stream, &mut |records| progress.update(count.bytes(), records));
    let (header, totals) = checked.map_err(|error| in_file(path, error))?;
    Ok(Verified { file_bytes, bytes: count.bytes(), header, totals })
}

/// Names the file in an error about its content.
pub(super) fn in_file(path: &Path, error: SnapshotError) -> anyhow::Error {
    anyhow::Error::from(error).context(path.display().to_string())
}

#[derive(Serialize)]
struct Inspected<'a> {
    file: &'a Path,
    /// Bytes of the file.
    bytes: u64,
    #[serde(flatten)]
    header: Header,
}

pub(super) fn inspect(args: &InspectArgs) -> Result<()> {
    let file = StoredSnapshot::open(&args.file, &args.identity.keys()?)?;
    let bytes = file.file_bytes;
    let header = snapshot::inspect(BufReader::new(file)).map_err(|error| in_file(&args.file, error))?;
    args.output.print(&Inspected { file: &args.file, bytes, header })
}

impl Report for Inspected<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let header = &self.header;
        let size = HumanBytes(self.bytes);
        writeln!(out, "{}  ({size}, format version {})", self.file.display(), header.version)?;
        writeln!(out, "  graph     {}  ({})", shown(&header.graph), header.kind.name())?;
        if let Some(owner) = &header.owner {
            writeln!(out, "  owner     {}", shown(owner))?;
        }
        let (nodes, edges) = (HumanCount(header.nodes), HumanCount(header.edges));
        writeln!(out, "  content   {nodes} nodes, {edges} edges, as the header says")?;
        writeln!(out, "  sequence  {}, taken {}", header.sequence, ago(header.created_ms))?;
        writeln!(out, "  ledger    complete from sequence {}", header.complete_from)
    }
}
