//! `egctl keys freeze` and `thaw`: a tenant reads and writes nothing, until it may again.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use serde::Serialize;
use toml_edit::value;

use super::NEXT;
use super::file::{FileArgs, Kind};
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};

/// Let a key only read, whatever its role. Its open connections are closed; it may open new ones.
///
/// The id of a derived key, such as tenant:acme, is enough.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct FreezeArgs {
    #[command(flatten)]
    which: WhichArgs,
}

/// Let a key do again what its role lets it do.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ThawArgs {
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(Args, Debug)]
struct WhichArgs {
    /// Id of the key.
    id: String,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Frozen<'a> {
    id: &'a str,
    frozen: bool,
    next: &'static str,
}

pub(super) fn freeze(args: &FreezeArgs) -> Result<()> {
    set(&args.which, true)
}

pub(super) fn thaw(args: &ThawArgs) -> Result<()> {
    set(&args.which, false)
}

fn set(args: &WhichArgs, frozen: bool) -> Result<()> {
    let mut document = args.file.open()?;
    match document.derived_of(&args.id) {
        Some((prefix, tenant)) => document.list_tenant(&prefix, "frozen", tenant, frozen)?,
        None => {
            let entry = document.entry(Kind::Key, &args.id)?;
            entry.insert("frozen", value(frozen));
        }
    }
    document.write()?;
    args.output.print(&Frozen { id: &args.id, frozen, next: NEXT })
}

impl Report for Frozen<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let what = if self.frozen { "only reads" } else { "does what its role lets it do" };
        writeln!(out, "key {} {what}", shown(self.id))?;
        writeln!(out, "next: {}", self.next)
    }
}
