//! `egctl audit tail`.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_audit::{Entry, Line, verify};
use epistemic_operations::names::shown;
use serde::Serialize;

use super::files;
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};

/// Show the newest lines of an audit log. Whether the log is sound is not asked: egctl audit verify.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct TailArgs {
    /// File of --audit-log.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// So many lines.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
    lines: usize,
    /// Only events of this kind: create, denied, auth-refused, ... Repeat it for several.
    #[arg(long, value_name = "EVENT")]
    event: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Tail {
    lines: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    sequence: u64,
    time: String,
    #[serde(flatten)]
    entry: Entry,
}

pub(super) fn run(args: &TailArgs) -> Result<()> {
    let mut newest: VecDeque<Row> = VecDeque::new();
    verify(&files(std::slice::from_ref(&args.file))?, None, |line| {
        let Line { sequence, time, entry, .. } = line;
        if !args.event.is_empty() && !args.event.contains(&entry.event) {
            return;
        }
        newest.push_back(Row { sequence, time, entry });
        if newest.len() > args.lines {
            newest.pop_front();
        }
    })?;
    args.output.print(&Tail { lines: newest.into() })
}

impl Report for Tail {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for Row { sequence, time, entry } in &self.lines {
            write!(out, "{sequence:>8}  {time}  {}", entry.event)?;
            let number = |number: Option<u64>| number.map(|number| number.to_string());
            let fields = [
                ("operation", entry.operation.clone()),
                ("stage", entry.stage.clone()),
                ("of", number(entry.of)),
                ("outcome", entry.outcome.clone()),
                ("code", entry.code.clone()),
                ("graph", entry.graph.as_deref().map(shown)),
                ("about", entry.about.as_deref().map(shown)),
                ("principal", entry.principal.as_deref().map(shown)),
                ("key", entry.key.as_deref().map(shown)),
                ("peer", entry.peer.as_deref().map(shown)),
                ("session", number(entry.session)),
                ("count", number(entry.count)),
                ("bytes", number(entry.request_bytes)),
                ("answer", number(entry.response_bytes)),
                ("detail", entry.detail.as_deref().map(shown)),
            ];
            for (name, text) in fields {
                if let Some(text) = text {
                    write!(out, " {name}={text}")?;
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
