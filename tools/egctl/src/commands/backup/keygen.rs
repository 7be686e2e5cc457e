//! `egctl backup keygen`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::encryption::make_identity;
use serde::Serialize;

use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};

/// Make an identity that opens what is encrypted for its recipient, as age-keygen does.
///
/// Prints the recipient, which is no secret. Keep the file away from the backup and from the shards: who has it and the backup
/// reads everything, and without it nobody does.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct KeygenArgs {
    /// File to make, of mode 0600; it must not be there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    form: OutputArgs,
}

pub(super) fn run(args: &KeygenArgs) -> Result<()> {
    let recipient = make_identity(&args.output)?.to_string();
    args.form.print(&Made { identity_file: args.output.clone(), recipient })
}

#[derive(Serialize)]
struct Made {
    identity_file: PathBuf,
    recipient: String,
}

impl Report for Made {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "made  {}", self.identity_file.display())?;
        writeln!(out, "  recipient  {}", self.recipient)
    }
}
