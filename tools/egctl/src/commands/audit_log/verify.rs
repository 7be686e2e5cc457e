//! `egctl audit verify`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_audit::{Head, verify};
use serde::Serialize;

use super::files;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};

/// Findings that are shown.
const SHOWN: usize = 50;

/// Whether an audit log is what was written: no line removed, changed, moved or put in. Exit code 4 when it is not.
///
/// With a file come those that it was rotated into. That lines are missing at the end only somebody knows who has a later line:
/// --expect-head. A last line that was never finished is no fault: its writer was killed.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct VerifyArgs {
    /// File of --audit-log, or all files of one log.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A line that has to be there, as SEQUENCE:HASH: the head that an earlier run printed.
    #[arg(long, value_name = "HEAD")]
    expect_head: Option<Head>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Verified {
    files: Vec<String>,
    sound: bool,
    lines: u64,
    /// Sequence of the first line; above 1 older files are gone, as they go by --audit-keep.
    first: Option<u64>,
    last: u64,
    /// For --expect-head.
    head: String,
    /// Bytes of a last line that was never finished.
    torn_bytes: u64,
    findings: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    file: String,
    line: u64,
    what: String,
}

pub(super) fn run(args: &VerifyArgs) -> Result<()> {
    let files = files(&args.files)?;
    let report = verify(&files, args.expect_head.as_ref(), |_| ())?;
    let findings = report.findings.iter().map(|found| Found {
        file: found.file.display().to_string(),
        line: found.line,
        what: found.fault.to_string(),
    });
    let verified = Verified {
        files: files.iter().map(|file| file.display().to_string()).collect(),
        sound: report.is_sound(),
        lines: report.lines,
        first: report.first,
        last: report.head.sequence,
        head: report.head.to_string(),
        torn_bytes: report.torn.as_ref().map_or(0, |torn| torn.bytes),
        findings: findings.collect(),
    };
    args.output.print(&verified)?;
    if !report.is_sound() {
        let text = format!("the audit log is not what was written: {} faults", report.findings.len());
        return Err(Failure::new(Exit::Refused, text).into());
    }
    Ok(())
}

impl Report for Verified {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for found in self.findings.iter().take(SHOWN) {
            writeln!(out, "{}:{}: {}", found.file, found.line, found.what)?;
        }
        if self.findings.len() > SHOWN {
            writeln!(out, "... and {} more", self.findings.len() - SHOWN)?;
        }
        let first = self.first.unwrap_or(0);
        writeln!(out, "{} lines in {} files, {first} to {}", self.lines, self.files.len(), self.last)?;
        if first > 1 {
            writeln!(out, "lines before {first} are not there: files that were rotated go by --audit-keep")?;
        }
        if self.torn_bytes > 0 {
            writeln!(
                out,
                "the last line was never finished ({} bytes): its writer was killed, or writes it now",
                self.torn_bytes
            )?;
        }
        writeln!(out, "head {}", self.head)?;
        if self.sound { writeln!(out, "sound") } else { Ok(()) }
    }
}
