//! What a restore says it did.

use std::io::{self, Write};

use epistemic_operations::backup::{Restored, Route};
use epistemic_operations::names::shown;
use epistemic_operations::remote::ServiceTaken;
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::output::Report;
use crate::table::write_table;

#[derive(Serialize)]
pub(super) struct Summary {
    pub(super) from: String,
    pub(super) graphs: Vec<Row>,
    /// Identities and channels, by place.
    pub(super) service: Vec<ServiceRow>,
    pub(super) warnings: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct ServiceRow {
    /// Endpoint or directory.
    place: String,
    #[serde(flatten)]
    taken: ServiceTaken,
}

impl ServiceRow {
    pub(super) fn new(place: &str, taken: ServiceTaken) -> Self {
        Self { place: place.to_owned(), taken }
    }
}

#[derive(Serialize)]
pub(super) struct Row {
    /// Its name in the backup.
    graph: String,
    /// Its name now.
    name: String,
    /// Endpoint or directory.
    place: String,
    /// The run that it was restored from.
    run: String,
    /// Links read, and their bytes before compression.
    objects: usize,
    bytes: u64,
    /// Sequence number that it was restored to.
    sequence: u64,
    nodes: u64,
    edges: u64,
    vectors: u64,
    digest: String,
    /// Whether the manifest tells counts and digest at this sequence number; they are equal then.
    compared: bool,
}

impl Row {
    pub(super) fn new(route: &Route, name: &str, place: String, restored: Restored) -> Self {
        let Restored { sequence, content, compared } = restored;
        Self {
            graph: route.graph.clone(),
            name: name.to_owned(),
            place,
            run: route.run.clone(),
            objects: route.pieces.len(),
            bytes: route.bytes(),
            sequence,
            nodes: content.nodes,
            edges: content.edges,
            vectors: content.vectors,
            digest: content.digest,
            compared,
        }
    }
}

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for warning in &self.warnings {
            writeln!(out, "WARNING: {warning}")?;
        }
        for ServiceRow { place, taken } in &self.service {
            writeln!(
                out,
                "registered {} agents and opened {} channels at {place}",
                taken.identities, taken.channels
            )?;
            for agent in &taken.other_identities {
                writeln!(out, "  agent {} is another one there and stays so", shown(agent))?;
            }
            for channel in &taken.other_channels {
                writeln!(out, "  channel {} is open there and stays as it is", shown(channel))?;
            }
        }
        if let [row] = self.graphs.as_slice() {
            writeln!(out, "restored  {}  ({})", shown(&row.name), HumanBytes(row.bytes))?;
            writeln!(out, "  from      {} of {}, {} links", row.run, self.from, row.objects)?;
            writeln!(out, "  place     {}", row.place)?;
            writeln!(out, "  content   {} nodes, {} edges", HumanCount(row.nodes), HumanCount(row.edges))?;
            writeln!(out, "  sequence  {}", row.sequence)?;
            let note = if row.compared { ", as in the manifest" } else { "" };
            return writeln!(out, "  digest    {}{note}", row.digest);
        }
        let rows = self.graphs.iter().map(|row| {
            let compared = if row.compared { "as in the manifest" } else { "" };
            let count = [row.nodes, row.edges, row.sequence].map(|count| count.to_string());
            let [nodes, edges, sequence] = count;
            [shown(&row.name), nodes, edges, sequence, row.place.clone(), compared.to_owned()]
        });
        let rows: Vec<_> = rows.collect();
        write_table(out, ["graph", "nodes", "edges", "sequence", "place", "content"], &rows)
    }
}
