//! Results that are printed as they come, so that there may be any number of them.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::ops::ControlFlow;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

/// The form of rows.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct RowArgs {
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
    /// Print each row as a line of JSON.
    #[arg(long, conflicts_with = "json")]
    jsonl: bool,
}

/// One result of many.
pub(crate) trait Row: Serialize {
    /// It for people; most are on one line.
    fn text(&self) -> String;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Lines,
    Document,
}

/// Rows on their way to stdout.
pub(crate) struct Rows {
    out: BufWriter<StdoutLock<'static>>,
    form: Form,
    written: u64,
}

impl Rows {
    /// Begins with the graph that they are of; `name` is what they are called in the document.
    pub(crate) fn begin(args: RowArgs, graph: &str, place: &str, name: &str) -> Result<Self> {
        Self::begin_of(args, "graph", graph, place, name)
    }

    /// As [`Rows::begin`], of another kind of thing than a graph.
    pub(crate) fn begin_of(args: RowArgs, kind: &str, of: &str, place: &str, name: &str) -> Result<Self> {
        let form = match args {
            RowArgs { json: true, .. } => Form::Document,
            RowArgs { jsonl: true, .. } => Form::Lines,
            RowArgs { .. } => Form::Text,
        };
        let mut rows = Self { out: BufWriter::new(io::stdout().lock()), form, written: 0 };
        if form == Form::Document {
            let (of, place) = (serde_json::to_string(of)?, serde_json::to_string(place)?);
            let begun = write!(rows.out, "{{\n  \"{kind}\": {of},\n  \"place\": {place},\n  \"{name}\": [");
            // Whether anybody reads shows at the first row.
            let _ = unless_closed(begun)?;
        }
        Ok(rows)
    }

    /// Rows so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Writes a row. A reader that has closed the pipe has seen enough: nothing more is wanted then.
    pub(crate) fn write(&mut self, row: &impl Row) -> Result<ControlFlow<()>> {
        let first = self.written == 0;
        self.written += 1;
        let written = match self.form {
            Form::Text => writeln!(self.out, "{}", row.text()),
            Form::Lines => serde_json::to_writer(&mut self.out, row)
                .map_err(io::Error::from)
                .and_then(|()| self.out.write_all(b"\n")),
            Form::Document => self
                .out
                .write_all(if first { b"\n    " } else { b",\n    " })
                .and_then(|()| Ok(serde_json::to_writer(&mut self.out, row)?)),
        };
        unless_closed(written)
    }

    /// Ends the document.
    pub(crate) fn end(mut self) -> Result<()> {
        let ended = match self.form {
            Form::Text | Form::Lines => Ok(()),
            Form::Document if self.written == 0 => self.out.write_all(b"]\n}\n"),
            Form::Document => self.out.write_all(b"\n  ]\n}\n"),
        };
        unless_closed(ended.and_then(|()| self.out.flush())).map(drop)
    }
}

fn unless_closed(written: io::Result<()>) -> Result<ControlFlow<()>> {
    match written {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error.into()),
    }
}
