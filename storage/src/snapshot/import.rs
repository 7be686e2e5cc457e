//! Reading a snapshot: nothing of it is trusted before it is checked, nothing is visible before all of it is.

use std::io::Read;

use super::{
    chunk::{ChunkReader, SNAPSHOT},
    content::{Header, Totals},
    error::SnapshotError,
    reader::{SnapshotReader, read_header},
    record::Record,
};
use crate::{
    error::StoreError,
    graph::{GraphError, GraphLoader, GraphStore, MoveOp, Op, Origin},
};

/// Where an imported graph goes.
#[derive(Debug, Clone, Default)]
pub struct ImportTarget {
    /// Name of the graph; `None` keeps the snapshot's.
    pub name: Option<String>,
    /// Whether a graph of that name may be there and is replaced.
    pub replace: bool,
    /// The move that reserved the name ([`MoveOp::Arrive`]); the graph is not served until that move admits it.
    pub move_id: Option<String>,
    /// Of such a graph: what the snapshot was taken of, if it is known.
    pub origin: Option<Origin>,
}

/// Imports a snapshot as a graph with bounded memory. Durable and visible as a whole on return; when it is refused
/// the store is as before. `progress` is told the records read so far. Returns header, totals and the graph's name.
pub fn import(
    graphs: &GraphStore,
    input: impl Read,
    target: &ImportTarget,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Totals, String), SnapshotError> {
    let reader = SnapshotReader::new(input)?;
    let name = target.name.clone().unwrap_or_else(|| reader.header().graph.clone());
    if target.move_id.is_none() {
        may_install(graphs, &name, target.replace)?;
    }
    let mut loader = graphs.load();
    let (header, totals) = read_all(reader, |record| load(&mut loader, record), progress)?;
    let mut loaded = loader.finish()?;
    loaded.set_sequence(header.sequence, header.complete_from);
    // Under another name it is a copy, which no tenant has claimed.
    loaded.set_tenant(header.tenant.clone().filter(|_| name == header.graph));
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

/// Tells early what the installation would be refused for.
fn may_install(graphs: &GraphStore, name: &str, replace: bool) -> Result<(), GraphError> {
    match graphs.graph(name) {
        Ok(_) if replace => Ok(()),
        Ok(_) => Err(GraphError::GraphExists(name.to_owned())),
        Err(GraphError::GraphNotFound(_)) => graphs.may_create(name),
        Err(error) => Err(error),
    }
}

/// Reads a whole snapshot and checks everything that an import would, writing nothing.
pub fn verify(input: impl Read, progress: &mut dyn FnMut(u64)) -> Result<(Header, Totals), SnapshotError> {
    read_all(SnapshotReader::new(input)?, |_| Ok(()), progress)
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
        Record::Vector { node, components } => loader.vector(node, components),
    }
}

/// Gives every record to `each`, and to `progress` after each chunk how many there were. Returns header and totals.
fn read_all<R: Read>(
    mut reader: SnapshotReader<R>,
    mut each: impl FnMut(Record<'_>) -> Result<(), StoreError>,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Totals), SnapshotError> {
    while let Some(record) = reader.next_record()? {
        each(record)?;
        if reader.at_end_of_chunk() {
            progress(reader.records());
        }
    }
    Ok(reader.into_parts())
}
