//! Reading a snapshot: nothing of it is trusted before it is checked, nothing is visible before all of it is.

use std::io::Read;

use sha2::{Digest, Sha256};

use super::{
    VERSION,
    chunk::{ChunkReader, SNAPSHOT},
    content::{Header, Totals},
    error::SnapshotError,
    record::{Fields, Kind},
};
use crate::graph::{GraphError, GraphLoader, GraphStore, MoveOp, Op};

/// A graph cannot have come further than this by counting its changes; leaves room to go on counting.
const MAX_SEQUENCE: u64 = 1 << 62;

/// Where an imported graph goes.
#[derive(Debug, Clone, Default)]
pub struct ImportTarget {
    /// Name of the graph; `None` keeps the snapshot's.
    pub name: Option<String>,
    /// Whether a graph of that name may be there and is replaced.
    pub replace: bool,
    /// The move that reserved the name ([`MoveOp::Arrive`]); the graph is not served until that move admits it.
    pub move_id: Option<String>,
}

/// Imports a snapshot as a graph with bounded memory. Durable and visible as a whole on return; when it is refused
/// the store is as before. `progress` is told the records read so far. Returns header, totals and the graph's name.
pub fn import(
    graphs: &GraphStore,
    input: impl Read,
    target: &ImportTarget,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Totals, String), SnapshotError> {
    let mut chunks = ChunkReader::new(input, &SNAPSHOT)?;
    let header = read_header(&mut chunks)?;
    let name = target.name.clone().unwrap_or_else(|| header.graph.clone());
    if target.move_id.is_none() {
        may_install(graphs, &name, target.replace)?;
    }
    let mut loader = graphs.load();
    let (totals, _) = read_records(&mut chunks, &header, Some(&mut loader), progress)?;
    let mut loaded = loader.finish()?;
    loaded.set_sequence(header.sequence, header.complete_from);
    // Under another name it is a copy, which no tenant has claimed.
    loaded.set_tenant(header.tenant.clone().filter(|_| name == header.graph));
    let (kind, owner) = (header.kind, header.owner.clone());
    match &target.move_id {
        Some(move_id) => {
            let step = MoveOp::Fill { move_id: move_id.clone(), loaded, kind, owner };
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
    verify_newest(input, progress).map(|(header, totals, _)| (header, totals))
}

/// [`verify`] that also returns the ledger record of the newest change, if the snapshot has it.
pub fn verify_newest(
    input: impl Read,
    progress: &mut dyn FnMut(u64),
) -> Result<(Header, Totals, Option<Vec<u8>>), SnapshotError> {
    let mut chunks = ChunkReader::new(input, &SNAPSHOT)?;
    let header = read_header(&mut chunks)?;
    let (totals, newest) = read_records(&mut chunks, &header, None, progress)?;
    Ok((header, totals, newest))
}

/// Reads only the header.
pub fn inspect(input: impl Read) -> Result<Header, SnapshotError> {
    read_header(&mut ChunkReader::new(input, &SNAPSHOT)?)
}

fn read_header<R: Read>(chunks: &mut ChunkReader<R>) -> Result<Header, SnapshotError> {
    let mut payload = Vec::new();
    if chunks.next(&mut payload)? != Kind::Header {
        return Err(chunks.refuse("the first chunk is not a header"));
    }
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let versioned: Versioned =
        serde_json::from_slice(&payload).map_err(|error| chunks.refuse(format!("header: {error}")))?;
    if versioned.version != VERSION {
        let found = versioned.version;
        return Err(chunks.refuse(format!("format version {found}, this program reads version {VERSION}")));
    }
    let header: Header =
        serde_json::from_slice(&payload).map_err(|error| chunks.refuse(format!("header: {error}")))?;
    if header.sequence > MAX_SEQUENCE || header.complete_from > header.sequence + 1 {
        let Header { complete_from, sequence, .. } = header;
        return Err(
            chunks.refuse(format!("header: sequence {sequence}, ledger complete from {complete_from}"))
        );
    }
    Ok(header)
}

/// What the records so far added up to, and the last key of the running section.
struct Checked {
    totals: Totals,
    digest: Sha256,
    newest: u64,
    /// The newest ledger record with its sequence number.
    newest_record: (u64, Vec<u8>),
    last_key: Option<(Vec<u8>, Vec<u8>, u64)>,
    vector_bytes: Option<usize>,
}

fn read_records<R: Read>(
    chunks: &mut ChunkReader<R>,
    header: &Header,
    mut loader: Option<&mut GraphLoader<'_>>,
    progress: &mut dyn FnMut(u64),
) -> Result<(Totals, Option<Vec<u8>>), SnapshotError> {
    let mut checked = Checked {
        totals: Totals::default(),
        digest: Sha256::new(),
        newest: 0,
        newest_record: (0, Vec::new()),
        last_key: None,
        vector_bytes: None,
    };
    let mut payload = Vec::new();
    let mut section = Kind::Header;
    loop {
        let kind = chunks.next(&mut payload)?;
        if kind < section || kind == Kind::Header {
            return Err(chunks.refuse(format!("a {kind:?} chunk behind {section:?} chunks: reordered")));
        }
        checked.enter(section, kind);
        if kind != section {
            checked.last_key = None;
            section = kind;
        }
        if kind == Kind::Trailer {
            break;
        }
        if kind != Kind::Ledger {
            checked.digest.update(&payload);
        }
        checked.totals.bytes += payload.len() as u64;
        let mut fields = Fields { rest: &payload };
        while !fields.rest.is_empty() {
            match checked.record(kind, &mut fields, loader.as_deref_mut()) {
                Ok(()) => {}
                Err(RecordError::Bad(reason)) => return Err(chunks.refuse(reason)),
                Err(RecordError::Store(error)) => return Err(error.into()),
            }
        }
        let Totals { nodes, edges, ledger, vectors, .. } = checked.totals;
        progress(nodes + edges + ledger + vectors);
    }
    let stated: Totals =
        serde_json::from_slice(&payload).map_err(|error| chunks.refuse(format!("trailer: {error}")))?;
    checked.totals.digest = hex::encode(checked.digest.finalize());
    if stated != checked.totals {
        return Err(
            chunks.refuse(format!("the trailer says {stated:?}, the records are {:?}", checked.totals))
        );
    }
    if (header.nodes, header.edges) != (stated.nodes, stated.edges) {
        let Header { nodes, edges, .. } = header;
        return Err(chunks
            .refuse(format!("the header says {nodes} nodes and {edges} edges, the records are {stated:?}")));
    }
    if checked.newest > header.sequence {
        let sequence = header.sequence;
        return Err(
            chunks.refuse(format!("a record has sequence {}, the header says {sequence}", checked.newest))
        );
    }
    chunks.expect_end()?;
    let (sequence, record) = checked.newest_record;
    Ok((stated, (sequence == header.sequence).then_some(record)))
}

enum RecordError {
    Bad(String),
    Store(crate::StoreError),
}

impl From<crate::StoreError> for RecordError {
    fn from(error: crate::StoreError) -> Self {
        RecordError::Store(error)
    }
}

impl Checked {
    /// Adds the kind bytes of the digested sections from behind `from` up to `to`: empty sections have theirs too.
    fn enter(&mut self, from: Kind, to: Kind) {
        for kind in [Kind::Nodes, Kind::Edges, Kind::Vectors] {
            if kind > from && kind <= to {
                self.digest.update([kind as u8]);
            }
        }
    }

    fn record(
        &mut self,
        kind: Kind,
        fields: &mut Fields<'_>,
        loader: Option<&mut GraphLoader<'_>>,
    ) -> Result<(), RecordError> {
        let cut = || RecordError::Bad(format!("a record of a {kind:?} chunk is cut off or not UTF-8"));
        match kind {
            Kind::Nodes => {
                let id = fields.text().ok_or_else(cut)?;
                let sequence = fields.sequence().ok_or_else(cut)?;
                let properties = fields.bytes().ok_or_else(cut)?;
                self.ascending((id.into(), Vec::new(), 0))?;
                self.totals.nodes += 1;
                self.newest = self.newest.max(sequence);
                loader.map_or(Ok(()), |loader| loader.node(id, sequence, properties))?;
            }
            Kind::Edges => {
                let source = fields.text().ok_or_else(cut)?;
                let target = fields.text().ok_or_else(cut)?;
                let sequence = fields.sequence().ok_or_else(cut)?;
                let properties = fields.bytes().ok_or_else(cut)?;
                self.ascending((source.into(), target.into(), sequence))?;
                self.totals.edges += 1;
                self.newest = self.newest.max(sequence);
                loader.map_or(Ok(()), |loader| loader.edge(source, target, sequence, properties))?;
            }
            Kind::Ledger => {
                let sequence = fields.sequence().ok_or_else(cut)?;
                let record = fields.bytes().ok_or_else(cut)?;
                self.ascending((Vec::new(), Vec::new(), sequence))?;
                self.totals.ledger += 1;
                self.newest = self.newest.max(sequence);
                crate::graph::LedgerRecord::decode(record)
                    .map_err(|error| RecordError::Bad(error.to_string()))?;
                self.newest_record.0 = sequence;
                self.newest_record.1.clear();
                self.newest_record.1.extend_from_slice(record);
                loader.map_or(Ok(()), |loader| loader.ledger(sequence, record.to_vec()))?;
            }
            Kind::Vectors => {
                let id = fields.text().ok_or_else(cut)?;
                let components = fields.bytes().ok_or_else(cut)?;
                let length = *self.vector_bytes.get_or_insert(components.len());
                if components.len() != length || !length.is_multiple_of(4) {
                    let found = components.len();
                    return Err(RecordError::Bad(format!(
                        "an embedding has {found} bytes, the first has {length}"
                    )));
                }
                self.ascending((id.into(), Vec::new(), 0))?;
                self.totals.vectors += 1;
                loader.map_or(Ok(()), |loader| loader.vector(id, components))?;
            }
            Kind::Header | Kind::Trailer => return Err(RecordError::Bad("not a chunk of records".into())),
        }
        Ok(())
    }

    fn ascending(&mut self, key: (Vec<u8>, Vec<u8>, u64)) -> Result<(), RecordError> {
        if self.last_key.as_ref().is_some_and(|last| *last >= key) {
            return Err(RecordError::Bad(
                "a record does not follow the one before it: reordered or repeated".into(),
            ));
        }
        self.last_key = Some(key);
        Ok(())
    }
}
