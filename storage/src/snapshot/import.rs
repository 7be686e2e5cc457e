//! Reading a snapshot: nothing of it is trusted before it is checked, nothing is visible before all of it is.

use std::io::Read;

use super::{
    SNAPSHOT,
    content::{Header, Totals},
    error::SnapshotError,
    reader::{SnapshotReader, read_header},
    record::Record,
};
use crate::{
    audit::audit_records,
    error::StoreError,
    graph::{Asking, GraphError, GraphLoader, GraphStore, LoadedGraph, MoveOp, Op, Origin},
    stream::chunk::ChunkReader,
};

/// A graph that has changed so often is made up: 1,000 changes in each millisecond take 8,900 years. Exports of graphs that went
/// on from there are still read.
const MAX_SEQUENCE: u64 = 1 << 48;

/// Where an imported graph goes.
#[derive(Debug, Clone, Default)]
pub struct ImportTarget {
    /// Name of the graph; `None` keeps the snapshot's.
    pub name: Option<String>,
    /// Whether a graph of that name may be there and is replaced. An empty `__commons__` always may.
    pub replace: bool,
    /// The move that reserved the name ([`MoveOp::Arrive`]); the graph is not served until that move admits it.
    pub move_id: Option<String>,
    /// Of such a graph: what the snapshot was taken of, if it is known.
    pub origin: Option<Origin>,
}

/// Whether a snapshot of this header may become the graph of this name; the error says why not.
pub type Admit<'a> = &'a dyn Fn(&Header, &str) -> Result<(), String>;

/// How far an import has come.
#[derive(Debug, Clone, Copy)]
pub struct Loaded {
    /// Records read.
    pub records: u64,
    /// Bytes of their keys and values, those of the indexes included.
    pub bytes: u64,
}

/// Told how far an import has come, after each chunk and at the end; the error says why it may not go on.
pub type Watch<'a> = &'a mut dyn FnMut(Loaded) -> Result<(), String>;

/// [`import_if`] of whatever the snapshot says.
pub fn import(
    graphs: &GraphStore,
    input: impl Read,
    target: &ImportTarget,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Totals, String), SnapshotError> {
    import_if(graphs, input, target, &|_, _| Ok(()), &mut |loaded| {
        progress(loaded.records);
        Ok(())
    })
}

/// Imports a snapshot as a graph with bounded memory. Durable and visible as a whole on return; when it is refused
/// the store is as before. Returns header, totals and the graph's name.
///
/// Records that contradict each other, by the measure of [`crate::audit::audit`], are refused, whatever checksums they have. The
/// copy of a move is not read again for that: it is compared with its original before it is handed over.
///
/// `admit` is asked before anything is read but the header, and again before the graph is installed; `watch` while it is read.
pub fn import_if(
    graphs: &GraphStore,
    input: impl Read,
    target: &ImportTarget,
    admit: Admit<'_>,
    watch: Watch<'_>,
) -> Result<(Header, Totals, String), SnapshotError> {
    let mut reader = SnapshotReader::new(input)?;
    check_header(&reader)?;
    let name = target.name.clone().unwrap_or_else(|| reader.header().graph.clone());
    if target.move_id.is_none() {
        may_install(graphs, &name, target.replace)?;
    }
    admit(reader.header(), &name).map_err(SnapshotError::NotAdmitted)?;
    let mut loader = graphs.load();
    while let Some(record) = reader.next_record()? {
        load(&mut loader, record)?;
        if reader.at_end_of_chunk() {
            let (records, bytes) = (reader.records(), loader.bytes());
            watch(Loaded { records, bytes }).map_err(SnapshotError::NotAdmitted)?;
        }
    }
    let (records, bytes) = (reader.records(), loader.bytes());
    watch(Loaded { records, bytes }).map_err(SnapshotError::NotAdmitted)?;
    let mut loaded = loader.finish()?;
    let header = reader.header();
    loaded.set_sequence(header.sequence, header.complete_from);
    // Under another name it is a copy, which no tenant has claimed.
    loaded.set_tenant(header.tenant.clone().filter(|_| name == header.graph));
    loaded.set_ledger_keep(header.ledger_keep);
    if target.move_id.is_none()
        && let Err(error) = check_records(graphs, &reader, &name, &loaded)
    {
        graphs.discard(loaded);
        return Err(error);
    }
    if let Err(reason) = admit(reader.header(), &name) {
        graphs.discard(loaded);
        return Err(SnapshotError::NotAdmitted(reason));
    }
    let (header, totals) = reader.into_parts();
    let (kind, owner) = (header.kind, header.owner.clone());
    match &target.move_id {
        Some(move_id) => {
            let (move_id, origin) = (move_id.clone(), target.origin);
            let step = MoveOp::Fill { move_id, loaded, kind, owner, origin };
            graphs.write(&name, Op::Move(step))?;
        }
        None => graphs.install(&name, loaded, kind, owner, target.replace)?,
    }
    Ok((header, totals, name))
}

fn check_header<R: Read>(reader: &SnapshotReader<R>) -> Result<(), SnapshotError> {
    match reader.header().sequence {
        0..=MAX_SEQUENCE => Ok(()),
        sequence => Err(reader.refuse(format!("header: no graph has had {sequence} changes"))),
    }
}

/// Reads the loaded records again, all against each other.
fn check_records<R: Read>(
    graphs: &GraphStore,
    reader: &SnapshotReader<R>,
    name: &str,
    loaded: &LoadedGraph,
) -> Result<(), SnapshotError> {
    let found = loaded.records(graphs.store(), |read, id, state| audit_records(read, name, id, state))??;
    let Some(first) = found.shown.first() else { return Ok(()) };
    let (place, key, detail, more) = (first.space, &first.key, &first.detail, found.count() - 1);
    Err(reader.refuse(format!("its records contradict each other: {place} {key}: {detail}; and {more} more")))
}

/// Tells early what the installation would be refused for.
fn may_install(graphs: &GraphStore, name: &str, replace: bool) -> Result<(), GraphError> {
    match graphs.graph(name) {
        Ok(graph) if replace || graph.is_empty_commons() => graphs.check_creation(name, Asking::Import),
        Ok(_) => Err(GraphError::GraphExists(name.to_owned())),
        Err(GraphError::GraphNotFound(_)) => graphs.check_creation(name, Asking::Import),
        Err(error) => Err(error),
    }
}

/// Reads a whole snapshot and checks everything that an import would, writing nothing; but for whether its records fit each
/// other, which takes a store to find out.
pub fn verify(input: impl Read, progress: &mut dyn FnMut(u64)) -> Result<(Header, Totals), SnapshotError> {
    let mut reader = SnapshotReader::new(input)?;
    check_header(&reader)?;
    while reader.next_record()?.is_some() {
        if reader.at_end_of_chunk() {
            progress(reader.records());
        }
    }
    Ok(reader.into_parts())
}

/// Reads only the header.
pub fn inspect(input: impl Read) -> Result<Header, SnapshotError> {
    read_header(&mut ChunkReader::new(input, &SNAPSHOT)?)
}

fn load(loader: &mut GraphLoader<'_>, record: Record<'_>) -> Result<(), StoreError> {
    match record {
        Record::Node { id, sequence, properties } => loader.node(id, sequence, properties),
        Record::Edge { source, target, sequence, properties } => {
            loader.edge(source, target, sequence, properties)
        }
        Record::Ledger { sequence, record } => loader.ledger(sequence, record.to_vec()),
        Record::Vector { node, components } => loader.embedding(node, components),
    }
}
