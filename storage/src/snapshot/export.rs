//! Writing a snapshot from one consistent view.

use std::io::Write;

use sha2::{Digest, Sha256};

use super::{
    SNAPSHOT, VERSION,
    content::{Header, Totals},
    error::SnapshotError,
};
use crate::{
    clock,
    error::StoreError,
    graph::{Graph, GraphCounters, GraphError, GraphReader, GraphStore},
    store::Read,
    stream::{
        chunk::{ChunkWriter, TARGET_BYTES},
        record::{Kind, put_bytes, put_sequence},
    },
};

/// What an export does with the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ledger {
    /// It is in the snapshot.
    #[default]
    Whole,
    /// It is not, and is not read: a damaged one is in nobody's way. The ledger of an imported copy begins with its next
    /// change.
    LeftOut,
}

/// Writes `graph` to `out` as it is now, on one read view and with bounded memory; returns header and totals.
/// `progress` is told the records written so far. Blocks until done; flushes `out` but does not sync files.
pub fn export(
    graphs: &GraphStore,
    graph: &Graph,
    out: impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Totals), SnapshotError> {
    export_parts(graphs, graph, Ledger::Whole, out, progress)
}

/// As [`export`], with the ledger or without it.
///
/// # Errors
/// [`GraphError::Corrupt`] for damage, and the graph is quarantined then; the same without that when its counters are not those
/// of its records; errors of `out`.
pub fn export_parts(
    graphs: &GraphStore,
    graph: &Graph,
    ledger: Ledger,
    out: impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Totals), SnapshotError> {
    write(graphs, graph, ledger, out, progress).map_err(|error| {
        if let SnapshotError::Graph(error) = error {
            return graphs.quarantine_for(graph.name(), error).into();
        }
        error
    })
}

fn write(
    graphs: &GraphStore,
    graph: &Graph,
    ledger: Ledger,
    out: impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Totals), SnapshotError> {
    let view = graphs.read_view();
    let mut state = GraphReader::new(&*view, graph).counters()?;
    if ledger == Ledger::LeftOut {
        state.complete_from = state.sequence + 1;
    }
    let mut held = |records| {
        graph.hold_ledger(state.sequence);
        progress(records);
    };
    graph.hold_ledger(state.sequence);
    let header = header(graph, &state);
    let mut writer =
        Writer { chunks: ChunkWriter::new(out, &SNAPSHOT)?, section: Section::new(), progress: &mut held };
    let text = serde_json::to_vec(&header).map_err(std::io::Error::from)?;
    writer.chunks.write(Kind::Header, &text)?;
    let totals = write_records(&*view, graph, ledger, &mut writer)?;
    if (totals.nodes, totals.edges) != (state.nodes, state.edges) {
        let detail = format!(
            "graph '{}' holds {} nodes and {} edges, its counters say {} and {}",
            graph.name(),
            totals.nodes,
            totals.edges,
            state.nodes,
            state.edges
        );
        // Each record can be read: that is for egctl repair, and no reason to stop writes.
        let error = StoreError::Corrupt { place: "the graph's records".into(), detail };
        return Err(GraphError::Corrupt { graph: graph.name().to_string(), error }.into());
    }
    let text = serde_json::to_vec(&totals).map_err(std::io::Error::from)?;
    writer.chunks.write(Kind::Trailer, &text)?;
    writer.chunks.finish()?;
    Ok((header, totals))
}

/// The content digest and counts of a graph as it is now, without writing it anywhere.
pub fn content_digest(graphs: &GraphStore, graph: &Graph) -> Result<Totals, SnapshotError> {
    content_digest_of(graphs, graph).map(|(_, totals)| totals)
}

/// [`content_digest`] with the header, which tells the sequence number that it is of.
pub fn content_digest_of(graphs: &GraphStore, graph: &Graph) -> Result<(Header, Totals), SnapshotError> {
    export(graphs, graph, std::io::sink(), &mut |_| {})
}

fn header(graph: &Graph, state: &GraphCounters) -> Header {
    Header {
        version: VERSION,
        graph: graph.name().to_string(),
        kind: graph.kind(),
        owner: graph.owner().map(|owner| owner.to_string()),
        tenant: graph.tenant().map(str::to_owned),
        sequence: state.sequence,
        complete_from: state.complete_from,
        ledger_keep: graph.ledger_keep(),
        nodes: state.nodes,
        edges: state.edges,
        created_ms: clock::unix_ms(),
    }
}

/// Records on their way into chunks of one kind.
struct Section {
    payload: Vec<u8>,
    digest: Sha256,
    bytes: u64,
    records: u64,
}

impl Section {
    fn new() -> Self {
        Self { payload: Vec::with_capacity(TARGET_BYTES + 4096), digest: Sha256::new(), bytes: 0, records: 0 }
    }
}

struct Writer<'p, W> {
    chunks: ChunkWriter<W>,
    section: Section,
    progress: &'p mut dyn FnMut(u64),
}

impl<W: Write> Writer<'_, W> {
    /// Ends a record that was appended to the payload.
    fn record_done(&mut self, kind: Kind) -> Result<(), SnapshotError> {
        self.section.records += 1;
        if self.section.payload.len() >= TARGET_BYTES { self.flush(kind) } else { Ok(()) }
    }

    fn flush(&mut self, kind: Kind) -> Result<(), SnapshotError> {
        if self.section.payload.is_empty() {
            return Ok(());
        }
        if kind != Kind::Ledger {
            self.section.digest.update(&self.section.payload);
        }
        self.section.bytes += self.section.payload.len() as u64;
        self.chunks.write(kind, &self.section.payload)?;
        self.section.payload.clear();
        (self.progress)(self.section.records);
        Ok(())
    }

    fn begin(&mut self, kind: Kind) {
        if kind != Kind::Ledger {
            self.section.digest.update([kind as u8]);
        }
    }
}

fn write_records<W: Write>(
    view: &dyn Read,
    graph: &Graph,
    ledger: Ledger,
    writer: &mut Writer<'_, W>,
) -> Result<Totals, SnapshotError> {
    let reader = GraphReader::new(view, graph);
    let mut totals = Totals::default();

    writer.begin(Kind::Nodes);
    reader.for_each_node(|id, sequence, properties| {
        totals.nodes += 1;
        let out = &mut writer.section.payload;
        put_bytes(out, id.as_bytes());
        put_sequence(out, sequence);
        put_bytes(out, properties);
        writer.record_done(Kind::Nodes)
    })?;
    writer.flush(Kind::Nodes)?;

    writer.begin(Kind::Edges);
    reader.for_each_edge(|source, target, sequence, properties| {
        totals.edges += 1;
        let out = &mut writer.section.payload;
        put_bytes(out, source.as_bytes());
        put_bytes(out, target.as_bytes());
        put_sequence(out, sequence);
        put_bytes(out, properties);
        writer.record_done(Kind::Edges)
    })?;
    writer.flush(Kind::Edges)?;

    if ledger == Ledger::Whole {
        reader.for_each_ledger(0, |sequence, record| {
            totals.ledger += 1;
            let out = &mut writer.section.payload;
            put_sequence(out, sequence);
            put_bytes(out, record);
            writer.record_done(Kind::Ledger)
        })?;
        writer.flush(Kind::Ledger)?;
    }

    writer.begin(Kind::Vectors);
    reader.for_each_embedding(|id, components| {
        totals.vectors += 1;
        let out = &mut writer.section.payload;
        put_bytes(out, id.as_bytes());
        put_bytes(out, components);
        writer.record_done(Kind::Vectors)
    })?;
    writer.flush(Kind::Vectors)?;

    totals.bytes = writer.section.bytes;
    totals.digest = hex::encode(std::mem::take(&mut writer.section.digest).finalize());
    Ok(totals)
}
