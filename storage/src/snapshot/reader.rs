//! Reading the records of a snapshot one by one: none is given out before its chunk is checked.

use std::io::Read;

use sha2::{Digest, Sha256};

use super::{
    SNAPSHOT, VERSION,
    content::{Header, Totals},
    error::SnapshotError,
    record::Record,
};
use crate::{
    graph::LedgerRecord,
    stream::{
        chunk::ChunkReader,
        record::{Fields, Kind},
    },
};

/// A graph cannot have come further than this by counting its changes; leaves room to go on counting.
const MAX_SEQUENCE: u64 = 1 << 62;

/// The records of a snapshot in their order. Chunks, order and form are checked on the way, counts and digest at the end:
/// only a reader that has given out [`None`] has read an intact snapshot.
pub struct SnapshotReader<R> {
    chunks: ChunkReader<R>,
    header: Header,
    /// The running chunk, and how much of it was given out.
    payload: Vec<u8>,
    at: usize,
    section: Kind,
    checked: Checked,
    ended: bool,
}

impl<R: Read> SnapshotReader<R> {
    /// Reads the header. Reads `input` in pieces of all sizes: buffer a file.
    ///
    /// # Errors
    /// [`SnapshotError::Refused`] when it is not the beginning of a snapshot of this version.
    pub fn new(input: R) -> Result<Self, SnapshotError> {
        let mut chunks = ChunkReader::new(input, &SNAPSHOT)?;
        let header = read_header(&mut chunks)?;
        let (payload, at, section, ended) = (Vec::new(), 0, Kind::Header, false);
        Ok(Self { chunks, header, payload, at, section, checked: Checked::default(), ended })
    }

    /// What the snapshot says of its graph.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Header, and what the records added up to so far; the digest is there once all were read.
    pub fn into_parts(self) -> (Header, Totals) {
        (self.header, self.checked.totals)
    }

    /// The records given out so far.
    pub fn records(&self) -> u64 {
        let Totals { nodes, edges, ledger, vectors, .. } = self.checked.totals;
        nodes + edges + ledger + vectors
    }

    /// A refusal of the whole stream, for a reason that no single record shows.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> SnapshotError {
        self.chunks.refuse(reason).into()
    }

    /// Whether the record given out last was the last of its chunk: about every 256 KiB.
    pub fn at_end_of_chunk(&self) -> bool {
        self.at == self.payload.len()
    }

    /// The next record, or `None` once the whole snapshot was read and found intact.
    ///
    /// # Errors
    /// [`SnapshotError::Refused`] at the first thing that is wrong; do not go on then.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, SnapshotError> {
        while self.at == self.payload.len() {
            if self.ended || !self.next_chunk()? {
                return Ok(None);
            }
        }
        let rest = &self.payload[self.at..];
        let mut fields = Fields { rest };
        let record = self
            .section
            .record(&mut fields)
            .ok_or_else(|| format!("a record of a {:?} chunk is cut off or not UTF-8", self.section))
            .and_then(|record| self.checked.add(&record).map(|()| record))
            .map_err(|reason| self.chunks.refuse(reason))?;
        self.at += rest.len() - fields.rest.len();
        Ok(Some(record))
    }

    /// Reads a chunk of records; false when it was the trailer and all agrees.
    fn next_chunk(&mut self) -> Result<bool, SnapshotError> {
        let kind = self.chunks.next(&mut self.payload)?;
        self.at = 0;
        let section = self.section;
        if kind == Kind::Service {
            return Err(self.chunks.refuse("a Service chunk has no place in a snapshot").into());
        }
        if kind < section || kind == Kind::Header {
            return Err(self
                .chunks
                .refuse(format!("a {kind:?} chunk behind {section:?} chunks: reordered"))
                .into());
        }
        self.checked.enter(section, kind);
        self.section = kind;
        if kind == Kind::Trailer {
            self.end()?;
            return Ok(false);
        }
        if kind != Kind::Ledger {
            self.checked.digest.update(&self.payload);
        }
        self.checked.totals.bytes += self.payload.len() as u64;
        Ok(true)
    }

    fn end(&mut self) -> Result<(), SnapshotError> {
        let (chunks, checked, header) = (&mut self.chunks, &mut self.checked, &self.header);
        let stated: Totals = serde_json::from_slice(&self.payload)
            .map_err(|error| chunks.refuse(format!("trailer: {error}")))?;
        checked.totals.digest = hex::encode(std::mem::take(&mut checked.digest).finalize());
        if stated != checked.totals {
            return Err(chunks
                .refuse(format!("the trailer says {stated:?}, the records are {:?}", checked.totals))
                .into());
        }
        if (header.nodes, header.edges) != (stated.nodes, stated.edges) {
            let Header { nodes, edges, .. } = header;
            return Err(chunks
                .refuse(format!(
                    "the header says {nodes} nodes and {edges} edges, the records are {stated:?}"
                ))
                .into());
        }
        if checked.newest > header.sequence {
            let sequence = header.sequence;
            return Err(chunks
                .refuse(format!("a record has sequence {}, the header says {sequence}", checked.newest))
                .into());
        }
        chunks.expect_end()?;
        self.payload.clear();
        self.ended = true;
        Ok(())
    }
}

pub(super) fn read_header<R: Read>(chunks: &mut ChunkReader<R>) -> Result<Header, SnapshotError> {
    let mut payload = Vec::new();
    if chunks.next(&mut payload)? != Kind::Header {
        return Err(chunks.refuse("the first chunk is not a header").into());
    }
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let versioned: Versioned =
        serde_json::from_slice(&payload).map_err(|error| chunks.refuse(format!("header: {error}")))?;
    if versioned.version != VERSION {
        let found = versioned.version;
        return Err(chunks
            .refuse(format!("format version {found}, this program reads version {VERSION}"))
            .into());
    }
    let header: Header =
        serde_json::from_slice(&payload).map_err(|error| chunks.refuse(format!("header: {error}")))?;
    if header.sequence > MAX_SEQUENCE || header.complete_from > header.sequence + 1 {
        let Header { complete_from, sequence, .. } = header;
        return Err(chunks
            .refuse(format!("header: sequence {sequence}, ledger complete from {complete_from}"))
            .into());
    }
    Ok(header)
}

/// What the records so far added up to.
#[derive(Default)]
struct Checked {
    totals: Totals,
    digest: Sha256,
    newest: u64,
    last: LastKey,
}

/// The key of the newest record of the running section.
#[derive(Default)]
struct LastKey {
    any: bool,
    first: Vec<u8>,
    second: Vec<u8>,
    sequence: u64,
}

impl LastKey {
    /// Takes the next key; says whether it follows.
    fn follow(&mut self, first: &str, second: &str, sequence: u64) -> bool {
        let (first, second) = (first.as_bytes(), second.as_bytes());
        let last = (self.first.as_slice(), self.second.as_slice(), self.sequence);
        if self.any && last >= (first, second, sequence) {
            return false;
        }
        self.any = true;
        for (kept, new) in [(&mut self.first, first), (&mut self.second, second)] {
            kept.clear();
            kept.extend_from_slice(new);
        }
        self.sequence = sequence;
        true
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
        self.last.any &= from == to;
    }

    /// Counts a record and checks it against those before.
    fn add(&mut self, record: &Record<'_>) -> Result<(), String> {
        let (count, follows, sequence) = match *record {
            Record::Node { id, sequence, .. } => {
                (&mut self.totals.nodes, self.last.follow(id, "", 0), sequence)
            }
            Record::Edge { source, target, sequence, .. } => {
                (&mut self.totals.edges, self.last.follow(source, target, sequence), sequence)
            }
            Record::Ledger { sequence, record } => {
                LedgerRecord::decode(record).map_err(|error| error.to_string())?;
                (&mut self.totals.ledger, self.last.follow("", "", sequence), sequence)
            }
            Record::Vector { node, components } => {
                let (numbers, rest) = components.as_chunks::<4>();
                if !rest.is_empty() {
                    let found = components.len();
                    return Err(format!("an embedding has {found} bytes, 4 for each component"));
                }
                if numbers.is_empty() || numbers.iter().any(|number| !f32::from_le_bytes(*number).is_finite())
                {
                    return Err(format!(
                        "the embedding of {node:?} is empty or has a component that is no number"
                    ));
                }
                (&mut self.totals.vectors, self.last.follow(node, "", 0), 0)
            }
        };
        if !follows {
            return Err("a record does not follow the one before it: reordered or repeated".into());
        }
        *count += 1;
        self.newest = self.newest.max(sequence);
        Ok(())
    }
}
