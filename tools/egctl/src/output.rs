//! Results on stdout.

use std::io::{self, ErrorKind, Write};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

/// The form of a result.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct OutputArgs {
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
    /// Print nothing when all went well.
    #[arg(long, short)]
    quiet: bool,
}

/// What a command found or did.
pub(crate) trait Report: Serialize {
    /// Writes it for people.
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl OutputArgs {
    /// Whether JSON is wanted, for a command that prints as it goes.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result, unless it is to be quiet: what went wrong is in the error. A reader that has closed the pipe has seen enough: no error.
    pub(crate) fn print(self, report: &impl Report) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        let written = if self.json {
            serde_json::to_writer_pretty(&mut out, report)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out))
        } else {
            report.write_text(&mut out)
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}
