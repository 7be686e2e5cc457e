//! Command line of `egctl walkthrough`.

use std::path::PathBuf;

use clap::Args;

use crate::exit::EXIT_CODES;

/// Start three shards here and watch tenants, failure, recovery, a shard that joins, a move by hand.
///
/// The servers listen on loopback only, on the ports 9101-9103 and 9111-9113 when they are free, store their data
/// below a temporary directory, and are stopped at the end, also on an error and on Ctrl-C. The program
/// epistemic-graph-server must be beside this one. Every claim is checked: one that does not hold is exit code 1.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct WalkthroughArgs {
    /// Also run the published Python client, with this interpreter (one that has epistemic-graph installed).
    #[arg(long, value_name = "PATH")]
    pub(super) python: Option<PathBuf>,
    /// The script for the Python client. Default: tests/python/walkthrough.py of this repository.
    #[arg(long, value_name = "FILE", requires = "python")]
    pub(super) script: Option<PathBuf>,
    /// Keep the temporary directory with data and logs, and say where it is.
    #[arg(long)]
    pub(super) keep: bool,
    /// Print one JSON document at the end; the story goes to stderr.
    #[arg(long)]
    pub(super) json: bool,
}
