//! `egctl support-bundle`: what somebody who helps wants to see first, without secrets and without data.
//!
//! * `redact` takes names away; `collect` asks the shards; `archive` is the file.

mod archive;
mod collect;
mod redact;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use chrono::Utc;
use clap::Args;
use epistemic_operations::streams::{Count, Counted};
use epistemic_storage::durable::NewFile;
use indicatif::HumanBytes;
use serde::Serialize;
use tokio::runtime::Runtime;

use self::archive::Archive;
use self::collect::{about, logs, metrics, shards};
use self::redact::Redaction;
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;

/// Collect versions, status, metrics and the ends of logs in one file for somebody who helps.
///
/// It holds no secret, no node, no edge and no message. Names of graphs, tenants and agents are replaced by digests, unless
/// --names is given, in all but logs: these are there only when given, as they are but for the secret. Look at it before it is sent.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct SupportArgs {
    /// File to write. Default: egctl-support-TIME.tar.gz.
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    /// A page of metrics, such as http://localhost:9464/metrics; may be repeated.
    #[arg(long, value_name = "URL")]
    metrics: Vec<String>,
    /// A log, of which the last MiB is taken; may be repeated.
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    /// Leave names as they are.
    #[arg(long)]
    names: bool,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Bundle {
    file: PathBuf,
    bytes: u64,
    /// What is in it.
    entries: Vec<String>,
    /// What could not be had; each is in the bundle too.
    missing: Vec<String>,
}

/// Shards that do not answer are part of what is told: no error.
pub(in crate::commands) fn run(args: &SupportArgs, runtime: &Runtime) -> Result<()> {
    let file = args.file.clone().unwrap_or_else(|| {
        PathBuf::from(format!("egctl-support-{}.tar.gz", Utc::now().format("%Y%m%dT%H%M%SZ")))
    });
    let redaction = Redaction { keeps_names: args.names };
    let count = Count::default();
    let mut out = NewFile::create(&file)?;
    let mut archive = Archive::new(Counted { stream: &mut out, count: count.clone() });
    let mut missing = Vec::new();
    archive.add("about.json", &about(args.shards.list()?)?)?;
    runtime.block_on(shards(&args.shards, redaction, &mut archive, &mut missing))?;
    runtime.block_on(metrics(&args.metrics, redaction, &mut archive, &mut missing))?;
    logs(&args.log, &args.shards, &mut archive, &mut missing)?;
    let entries = archive.finish()?;
    out.finish()?;
    args.output.print(&Bundle { file, bytes: count.bytes(), entries, missing })
}

impl Report for Bundle {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (file, size) = (self.file.display(), HumanBytes(self.bytes));
        writeln!(out, "wrote {file} ({size}, {} files); look at it before you send it", self.entries.len())?;
        self.missing.iter().try_for_each(|what| writeln!(out, "  not in it: {what}"))
    }
}
