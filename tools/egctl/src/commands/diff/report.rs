//! What is told about two copies.

use std::collections::BTreeMap;
use std::io::{self, Write};

use epistemic_storage::snapshot::{Difference, Header, RecordKey, RecordKind, Totals};
use serde::Serialize;

use super::source::Source;
use crate::table::write_table;

/// One of the copies.
#[derive(Serialize)]
pub(super) struct Copy {
    source: String,
    graph: String,
    /// Number of the newest change in it.
    sequence: u64,
    nodes: u64,
    edges: u64,
    vectors: u64,
    ledger: u64,
    digest: String,
}

impl Copy {
    pub(super) fn new(source: &Source, (header, totals): (Header, Totals)) -> Self {
        Self {
            source: source.to_string(),
            graph: header.graph,
            sequence: header.sequence,
            nodes: totals.nodes,
            edges: totals.edges,
            vectors: totals.vectors,
            ledger: totals.ledger,
            digest: totals.digest,
        }
    }
}

/// How many records differ.
#[derive(Serialize, Clone, Copy, Default)]
struct Count {
    only_in_a: u64,
    only_in_b: u64,
    changed: u64,
}

/// One record that differs.
#[derive(Serialize)]
struct Record {
    kind: &'static str,
    how: &'static str,
    /// Of a node or an embedding.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Of an edge or a ledger record.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
}

/// What differs, as it is found.
pub(super) struct Differences {
    counts: BTreeMap<&'static str, Count>,
    shown: Vec<Record>,
    limit: usize,
}

/// The result.
#[derive(Serialize)]
pub(super) struct Compared {
    pub(super) equal: bool,
    a: Copy,
    b: Copy,
    differences: BTreeMap<&'static str, Count>,
    /// The first ones.
    shown: Vec<Record>,
}

impl Differences {
    pub(super) fn new(limit: usize, ledger: bool) -> Self {
        let kinds = [RecordKind::Node, RecordKind::Edge, RecordKind::Vector];
        let kinds = kinds.into_iter().chain(ledger.then_some(RecordKind::Ledger));
        Self { counts: kinds.map(|kind| (name(kind), Count::default())).collect(), shown: Vec::new(), limit }
    }

    pub(super) fn add(&mut self, key: RecordKey<'_>, how: Difference) {
        let count = self.counts.entry(name(key.kind)).or_default();
        match how {
            Difference::OnlyInFirst => count.only_in_a += 1,
            Difference::OnlyInSecond => count.only_in_b += 1,
            Difference::Changed => count.changed += 1,
        }
        if self.shown.len() < self.limit {
            self.shown.push(Record::new(key, how));
        }
    }

    pub(super) fn report(self, a: Copy, b: Copy) -> Compared {
        let differ = |count: &Count| count.only_in_a + count.only_in_b + count.changed > 0;
        let equal = !self.counts.values().any(differ);
        Compared { equal, a, b, differences: self.counts, shown: self.shown }
    }
}

fn name(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Node => "nodes",
        RecordKind::Edge => "edges",
        RecordKind::Ledger => "ledger",
        RecordKind::Vector => "vectors",
    }
}

impl Record {
    fn new(key: RecordKey<'_>, how: Difference) -> Self {
        let how = match how {
            Difference::OnlyInFirst => "only_in_a",
            Difference::OnlyInSecond => "only_in_b",
            Difference::Changed => "changed",
        };
        let record =
            Self { kind: name(key.kind), how, node: None, source: None, target: None, sequence: None };
        match key.kind {
            RecordKind::Node | RecordKind::Vector => Self { node: Some(key.first.into()), ..record },
            RecordKind::Edge => Self {
                source: Some(key.first.into()),
                target: Some(key.second.into()),
                sequence: Some(key.sequence),
                ..record
            },
            RecordKind::Ledger => Self { sequence: Some(key.sequence), ..record },
        }
    }

    fn text(&self) -> String {
        let sign = match self.how {
            "only_in_a" => '-',
            "only_in_b" => '+',
            _ => '~',
        };
        let sequence = self.sequence.unwrap_or_default();
        match (self.kind, &self.node, &self.source, &self.target) {
            ("nodes", Some(node), ..) => format!("{sign} node {node:?}"),
            (_, Some(node), ..) => format!("{sign} embedding of {node:?}"),
            (_, _, Some(source), Some(target)) => {
                format!("{sign} edge {source:?} -> {target:?} ({sequence})")
            }
            _ => format!("{sign} ledger record {sequence}"),
        }
    }
}

impl Compared {
    /// How many records differ.
    pub(super) fn count(&self) -> u64 {
        self.differences.values().map(|count| count.only_in_a + count.only_in_b + count.changed).sum()
    }
}

impl crate::output::Report for Compared {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (letter, copy) in [("A", &self.a), ("B", &self.b)] {
            let Copy { source, nodes, edges, vectors, sequence, digest, .. } = copy;
            writeln!(out, "{letter}  {source}")?;
            writeln!(out, "   {nodes} nodes, {edges} edges, {vectors} embeddings, sequence {sequence}")?;
            writeln!(out, "   digest {digest}")?;
        }
        if self.equal {
            return writeln!(out, "equal");
        }
        let row = |(kind, count): (&&str, &Count)| {
            let numbers = [count.only_in_a, count.only_in_b, count.changed].map(|number| number.to_string());
            let [only_in_a, only_in_b, changed] = numbers;
            [(*kind).to_owned(), only_in_a, only_in_b, changed]
        };
        let rows: Vec<_> = self.differences.iter().map(row).collect();
        write_table(out, ["", "only in A", "only in B", "changed"], &rows)?;
        self.shown.iter().try_for_each(|record| writeln!(out, "{}", record.text()))?;
        match self.count() - self.shown.len() as u64 {
            0 => Ok(()),
            more => writeln!(out, "and {more} more: raise --limit"),
        }
    }
}
