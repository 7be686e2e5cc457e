//! Reading an increment: nothing of it is trusted before it is checked.

use std::io::Read;

use sha2::{Digest, Sha256};

use super::{
    INCREMENT, VERSION,
    content::{Header, Totals},
    error::IncrementError,
};
use crate::{
    graph::LedgerRecord,
    stream::{
        chunk::ChunkReader,
        record::{Fields, Kind},
    },
};

/// A graph cannot have come further than this by counting its changes.
const MAX_SEQUENCE: u64 = 1 << 62;

/// Sequence numbers and stored forms of ledger records, oldest first.
pub type Records = Vec<(u64, Vec<u8>)>;

/// Reads an increment chunk by chunk. Its records may be used for what nobody sees yet: only when
/// [`IncrementReader::next_records`] has returned nothing is the file known to be whole.
pub struct IncrementReader<R> {
    chunks: ChunkReader<R>,
    header: Header,
    payload: Vec<u8>,
    digest: Sha256,
    totals: Totals,
    newest: u64,
    done: bool,
}

impl<R: Read> IncrementReader<R> {
    /// Reads the header.
    pub fn open(input: R) -> Result<Self, IncrementError> {
        let mut chunks = ChunkReader::new(input, &INCREMENT)?;
        let mut payload = Vec::new();
        if chunks.next(&mut payload)? != Kind::Header {
            return Err(chunks.refuse("the first chunk is not a header").into());
        }
        let header = parse_header(&payload).map_err(|reason| chunks.refuse(reason))?;
        let newest = header.after;
        Ok(Self {
            chunks,
            header,
            payload,
            digest: Sha256::new(),
            totals: Totals::default(),
            newest,
            done: false,
        })
    }

    /// What the file says it is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The records of the next chunk with their sequence numbers, in order; nothing when all were read and the trailer
    /// agrees with them.
    ///
    /// # Errors
    /// The file is damaged, cut, or holds other records than it says; the stream's failure.
    pub fn next_records(&mut self) -> Result<Option<Records>, IncrementError> {
        if self.done {
            return Ok(None);
        }
        match self.chunks.next(&mut self.payload)? {
            Kind::Ledger => self.records().map(Some),
            Kind::Trailer => self.trailer().map(|()| None),
            kind @ (Kind::Header | Kind::Nodes | Kind::Edges | Kind::Vectors | Kind::Service) => {
                Err(self.chunks.refuse(format!("a {kind:?} chunk has no place in an increment")).into())
            }
        }
    }

    /// The stream behind what was read.
    pub fn into_inner(self) -> R {
        self.chunks.into_inner()
    }

    fn records(&mut self) -> Result<Records, IncrementError> {
        self.digest.update(&self.payload);
        self.totals.bytes += self.payload.len() as u64;
        let mut records = Vec::new();
        let mut fields = Fields { rest: &self.payload };
        while !fields.rest.is_empty() {
            let (Some(sequence), Some(record)) = (fields.sequence(), fields.bytes()) else {
                return Err(self.chunks.refuse("a record is cut off").into());
            };
            if sequence != self.newest + 1 {
                let newest = self.newest;
                return Err(self.chunks.refuse(format!("record {sequence} follows {newest}")).into());
            }
            LedgerRecord::decode(record).map_err(|error| self.chunks.refuse(error.to_string()))?;
            self.newest = sequence;
            self.totals.records += 1;
            records.push((sequence, record.to_vec()));
        }
        Ok(records)
    }

    fn trailer(&mut self) -> Result<(), IncrementError> {
        let stated: Totals = serde_json::from_slice(&self.payload)
            .map_err(|error| self.chunks.refuse(format!("trailer: {error}")))?;
        self.totals.digest = hex::encode(std::mem::take(&mut self.digest).finalize());
        if stated != self.totals {
            let found = &self.totals;
            return Err(self
                .chunks
                .refuse(format!("the trailer says {stated:?}, the records are {found:?}"))
                .into());
        }
        if self.newest != self.header.sequence {
            let (newest, sequence) = (self.newest, self.header.sequence);
            return Err(self
                .chunks
                .refuse(format!("the records end with {newest}, the header says {sequence}"))
                .into());
        }
        self.chunks.expect_end()?;
        self.done = true;
        Ok(())
    }
}

fn parse_header(payload: &[u8]) -> Result<Header, String> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } =
        serde_json::from_slice(payload).map_err(|error| format!("header: {error}"))?;
    if version != VERSION {
        return Err(format!("format version {version}, this program reads version {VERSION}"));
    }
    let header: Header = serde_json::from_slice(payload).map_err(|error| format!("header: {error}"))?;
    if header.sequence <= header.after || header.sequence > MAX_SEQUENCE {
        let Header { after, sequence, .. } = header;
        return Err(format!("header: records behind {after} up to {sequence}"));
    }
    Ok(header)
}
