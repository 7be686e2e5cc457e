//! `egctl audit tail`.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use epistemic_audit::{Entry, Follow, Line, verify};
use epistemic_operations::names::shown;
use serde::Serialize;

use super::files;
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Show the newest lines of an audit log, and with --follow those that come. Whether the log is sound is not asked: egctl audit
/// verify.
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
    /// Go on with the lines that are written from now on, also when the log is rotated, until ctrl-c. With --json each line is a
    /// JSON document in a line of its own.
    #[arg(long, short, conflicts_with = "quiet")]
    follow: bool,
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
    let read = verify(&files(std::slice::from_ref(&args.file))?, None, |line| {
        newest.extend(args.row(line));
        if newest.len() > args.lines {
            newest.pop_front();
        }
    })?;
    if !args.follow {
        return args.output.print(&Tail { lines: newest.into() });
    }
    let written = args.follow(newest, read.head.sequence);
    match written {
        // Who reads it has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

impl TailArgs {
    /// A line that is to be shown.
    fn row(&self, line: Line) -> Option<Row> {
        let Line { sequence, time, entry, .. } = line;
        let is_wanted = self.event.is_empty() || self.event.contains(&entry.event);
        is_wanted.then_some(Row { sequence, time, entry })
    }

    /// Writes these rows, and those behind `last` as they come. Ends when nobody reads them any more.
    fn follow(&self, mut rows: VecDeque<Row>, last: u64) -> io::Result<()> {
        let mut follow = Follow::after(&self.file, last);
        loop {
            let mut out = io::BufWriter::new(io::stdout().lock());
            for row in rows.drain(..) {
                if self.output.is_json() {
                    serde_json::to_writer(&mut out, &row)?;
                    writeln!(out)?;
                } else {
                    row.write_text(&mut out)?;
                }
            }
            out.flush()?;
            drop(out);
            #[expect(clippy::disallowed_methods, reason = "nothing tells when another process writes")]
            std::thread::sleep(LOOK_EVERY);
            follow.poll(|line| rows.extend(self.row(line)))?;
        }
    }
}

impl Report for Tail {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.lines.iter().try_for_each(|row| row.write_text(out))
    }
}

impl Row {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { sequence, time, entry } = self;
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
        writeln!(out)
    }
}
