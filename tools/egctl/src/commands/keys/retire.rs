//! `egctl keys retire`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use serde::Serialize;

use super::NEXT;
use super::file::{FileArgs, Kind};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};

/// Take a key out of the file: its open connections are closed, and it opens no new ones.
///
/// The id of a derived key, such as tenant:acme, is added to those that have none; the prefix takes all of them out.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct RetireArgs {
    /// Id of the key.
    id: String,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Retired<'a> {
    id: &'a str,
    next: &'static str,
}

pub(super) fn run(args: &RetireArgs) -> Result<()> {
    let mut document = args.file.open()?;
    let gone = document.remove(Kind::Key, &args.id)? || document.remove(Kind::Derived, &args.id)?;
    if !gone {
        let Some((prefix, tenant)) = document.derived_of(&args.id) else {
            return Err(Failure::new(Exit::Usage, format!("there is no key {}", shown(&args.id))).into());
        };
        document.list_tenant(&prefix, "except", tenant, true)?;
    }
    document.write()?;
    args.output.print(&Retired { id: &args.id, next: NEXT })
}

impl Report for Retired<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "key {} is retired", shown(self.id))?;
        writeln!(out, "next: {}", self.next)
    }
}
