//! Reading lines of JSON into a graph.
//!
//! What is there already, with the same properties, is not written again: a load that was interrupted is made complete by the
//! same load again. Of edges that are the same as others, the graph gets as many as stand on lines behind each other, which
//! is how an export has them.

mod needed;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::{BufRead, Read};

use anyhow::{Context, Result};
use serde::Serialize;

use self::needed::needed;
use super::jsonl::Line;
use super::records::Item;
use super::source::Edge;
use crate::error::{ErrorKind, kind_of, message_of};

/// Lines that are written together.
const MOST_LINES: usize = 1_000;
/// Bytes of lines after which they are written.
const MOST_BYTES: usize = 4 << 20;
/// Bytes of one line.
const LONGEST_LINE: u64 = 256 << 20;

/// Something that is to be in the graph.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A node with these properties.
    Node {
        /// Its id.
        id: String,
        /// Property bytes.
        properties: Vec<u8>,
    },
    /// One more edge.
    Edge(Edge),
    /// The embedding of a node.
    Embedding {
        /// Id of the node.
        node: String,
        /// Its components.
        components: Vec<f32>,
    },
}

/// A graph that is loaded into. Blocks.
pub trait LoadTarget {
    /// Property bytes of nodes, in the order asked for.
    fn nodes(&self, ids: &[&str]) -> Result<Vec<Option<Vec<u8>>>>;

    /// Property bytes of the edges of pairs of nodes, in the order asked for.
    fn edges(&self, pairs: &[(&str, &str)]) -> Result<Vec<Vec<Vec<u8>>>>;

    /// Makes these changes in their order, durable on return.
    ///
    /// # Errors
    /// The index of the first that was not made, and why. Those behind it may be made.
    fn write(&self, writes: &[Write]) -> Result<(), (usize, anyhow::Error)>;
}

/// What a load did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Loaded {
    /// Lines read.
    pub lines: u64,
    /// Nodes added, or given other properties.
    pub nodes: u64,
    /// Edges added.
    pub edges: u64,
    /// Embeddings written.
    pub embeddings: u64,
    /// Nodes and edges that were there already.
    pub unchanged: u64,
    /// Lines passed over because the load began behind them.
    pub skipped: u64,
}

/// Why a load ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}; {} Correct it and load again: what is there already is passed over, or begin with --from-line {line}", before(*.loaded))]
pub struct LoadError {
    /// The line, from 1 on.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// Whether lines before it were loaded.
    pub loaded: bool,
}

fn before(loaded: bool) -> &'static str {
    if loaded { "the lines before it are loaded." } else { "nothing was loaded." }
}

impl LoadError {
    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        if self.loaded { ErrorKind::Partly } else { ErrorKind::Refused }
    }
}

/// How a load goes.
pub struct Loading<'p> {
    /// The first line that is loaded, from 1 on.
    pub from_line: u64,
    /// Told the bytes read and what was done, now and then.
    pub progress: &'p mut dyn FnMut(u64, &Loaded),
}

/// Loads `input` into `target`.
///
/// # Errors
/// [`LoadError`] for a line that is none, cannot be written, or ends the file too early; as `target`.
pub fn load(input: impl BufRead, target: &dyn LoadTarget, loading: Loading<'_>) -> Result<Loaded> {
    let mut load = Load {
        target,
        loading,
        loaded: Loaded::default(),
        batch: Vec::new(),
        batch_bytes: 0,
        run: Run::default(),
        expected: None,
        seen: Seen::default(),
        bytes: 0,
    };
    load.all(input)?;
    Ok(load.loaded)
}

/// Counts of what the file has.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Seen {
    nodes: u64,
    edges: u64,
    embeddings: u64,
}

/// Lines behind each other with edges of one pair: how many there are of each kind of properties.
#[derive(Default)]
struct Run {
    pair: Option<(String, String)>,
    counts: HashMap<Vec<u8>, u64>,
}

impl Run {
    /// How many such edges there are in the run with this one.
    fn count(&mut self, edge: &Edge) -> u64 {
        let is_same = |(source, target): &(String, String)| (source, target) == (&edge.source, &edge.target);
        if !self.pair.as_ref().is_some_and(is_same) {
            self.pair = Some((edge.source.clone(), edge.target.clone()));
            self.counts.clear();
        }
        let count = self.counts.entry(edge.properties.clone()).or_default();
        *count += 1;
        *count
    }
}

/// A line that waits to be written.
struct Waiting {
    line: u64,
    item: Item,
    /// Of an edge: how many like it there are to be.
    copies: u64,
}

struct Load<'t, 'p> {
    target: &'t dyn LoadTarget,
    loading: Loading<'p>,
    loaded: Loaded,
    batch: Vec<Waiting>,
    batch_bytes: usize,
    run: Run,
    /// What the first line says.
    expected: Option<(u64, u64)>,
    seen: Seen,
    bytes: u64,
}

impl Load<'_, '_> {
    fn all(&mut self, mut input: impl BufRead) -> Result<()> {
        let mut text = Vec::new();
        let mut ended = false;
        loop {
            text.clear();
            let read = input.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut text)?;
            if read == 0 {
                break;
            }
            self.loaded.lines += 1;
            self.bytes += read as u64;
            if read as u64 > LONGEST_LINE {
                return Err(self.refuse(format!("it has more than {LONGEST_LINE} bytes")));
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let line = Line::parse(&text).map_err(|reason| self.refuse_behind_batch(reason))?;
            if ended {
                return Err(self.refuse_behind_batch("it stands behind the line of type \"end\"".to_owned()));
            }
            ended = self.line(line, read)?;
        }
        self.flush()?;
        let Seen { nodes, edges, .. } = self.seen;
        match self.expected {
            Some((all_nodes, all_edges)) if !ended => {
                self.loaded.lines += 1;
                let reason = format!(
                    "the file was cut off: it has {nodes} nodes and {edges} edges without a line of type \"end\", its first line says {all_nodes} and {all_edges}"
                );
                Err(self.refuse(reason))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a line; whether it was the last.
    fn line(&mut self, line: Line, bytes: usize) -> Result<bool> {
        match line {
            Line::Graph { nodes, edges } => {
                if self.loaded.lines > 1 {
                    return Err(
                        self.refuse_behind_batch("a line of type \"graph\" is the first one".to_owned())
                    );
                }
                self.expected = nodes.zip(edges);
                Ok(false)
            }
            Line::End { nodes, edges, embeddings } => {
                let told = Seen { nodes, edges, embeddings };
                if told == self.seen {
                    return Ok(true);
                }
                let Seen { nodes: n, edges: e, embeddings: m } = self.seen;
                let reason = format!(
                    "lines are missing: it tells {nodes} nodes, {edges} edges and {embeddings} embeddings, before it are {n}, {e} and {m}"
                );
                Err(self.refuse_behind_batch(reason))
            }
            Line::Item(item) => {
                self.item(item, bytes)?;
                Ok(false)
            }
        }
    }

    fn item(&mut self, item: Item, bytes: usize) -> Result<()> {
        let mut copies = 0;
        match &item {
            Item::Node { .. } => self.seen.nodes += 1,
            Item::Edge(edge) => {
                self.seen.edges += 1;
                copies = self.run.count(edge);
            }
            Item::Embedding { .. } => self.seen.embeddings += 1,
            Item::Ledger { .. } => return Ok(()),
        }
        if self.loaded.lines < self.loading.from_line {
            self.loaded.skipped += 1;
            return Ok(());
        }
        if self.batch.last().is_some_and(|last| kind(&last.item) != kind(&item)) {
            self.flush()?;
        }
        self.batch.push(Waiting { line: self.loaded.lines, item, copies });
        self.batch_bytes += bytes;
        if self.batch.len() >= MOST_LINES || self.batch_bytes >= MOST_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the lines that wait.
    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let needed = needed(self.target, &batch).with_context(|| format!("line {}", batch[0].line))?;
        let mut writes = Vec::new();
        let mut lines = Vec::new();
        for (Waiting { line, item, .. }, needed) in batch.into_iter().zip(needed) {
            if !needed {
                self.loaded.unchanged += 1;
                continue;
            }
            lines.push(line);
            writes.push(match item {
                Item::Node { id, properties } => Write::Node { id, properties },
                Item::Edge(edge) => Write::Edge(edge),
                Item::Embedding { node, components } => Write::Embedding { node, components },
                Item::Ledger { .. } => continue,
            });
        }
        if !writes.is_empty() {
            let written = self.target.write(&writes);
            let done = written.as_ref().err().map_or(writes.len(), |(index, _)| *index);
            for write in &writes[..done] {
                match write {
                    Write::Node { .. } => self.loaded.nodes += 1,
                    Write::Edge(_) => self.loaded.edges += 1,
                    Write::Embedding { .. } => self.loaded.embeddings += 1,
                }
            }
            if let Err((index, error)) = written {
                let (line, loaded) = (lines[index], self.has_loaded());
                if kind_of(&error) == ErrorKind::Unreachable {
                    return Err(error
                        .context(format!("line {line}; load again: what is there already is passed over")));
                }
                return Err(LoadError { line, reason: message_of(&error), loaded }.into());
            }
        }
        (self.loading.progress)(self.bytes, &self.loaded);
        Ok(())
    }

    fn has_loaded(&self) -> bool {
        let Loaded { nodes, edges, embeddings, unchanged, skipped, .. } = self.loaded;
        nodes + edges + embeddings + unchanged + skipped > 0
    }

    /// The line that was read last cannot be loaded; those before it are.
    fn refuse_behind_batch(&mut self, reason: String) -> anyhow::Error {
        if let Err(error) = self.flush() {
            return error;
        }
        self.refuse(reason)
    }

    fn refuse(&self, reason: String) -> anyhow::Error {
        LoadError { line: self.loaded.lines, reason, loaded: self.has_loaded() }.into()
    }
}

fn kind(item: &Item) -> std::mem::Discriminant<Item> {
    std::mem::discriminant(item)
}
