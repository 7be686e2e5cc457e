//! Writing an increment.

use std::io::Write;

use sha2::{Digest, Sha256};

use super::{
    INCREMENT,
    content::{Header, Totals},
    error::IncrementError,
};
use crate::stream::{
    chunk::{ChunkWriter, TARGET_BYTES},
    record::{Kind, put_bytes, put_sequence},
};

/// Writes records one by one with bounded memory. What it wrote is no increment until [`IncrementWriter::finish`].
pub struct IncrementWriter<W> {
    chunks: ChunkWriter<W>,
    payload: Vec<u8>,
    digest: Sha256,
    totals: Totals,
    newest: u64,
    last: u64,
}

impl<W: Write> IncrementWriter<W> {
    /// Writes the header.
    pub fn new(out: W, header: &Header) -> Result<Self, IncrementError> {
        let mut chunks = ChunkWriter::new(out, &INCREMENT)?;
        chunks.write(Kind::Header, &serde_json::to_vec(header).map_err(std::io::Error::from)?)?;
        Ok(Self {
            chunks,
            payload: Vec::new(),
            digest: Sha256::new(),
            totals: Totals::default(),
            newest: header.after,
            last: header.sequence,
        })
    }

    /// Adds the ledger record of the next sequence number.
    ///
    /// # Errors
    /// A number that is not the next one or is above the header's; the stream's failure.
    pub fn record(&mut self, sequence: u64, record: &[u8]) -> Result<(), IncrementError> {
        if sequence != self.newest + 1 || sequence > self.last {
            let (newest, last) = (self.newest, self.last);
            return Err(self.refuse(format!("record {sequence} follows {newest}, the last is {last}")));
        }
        self.newest = sequence;
        self.totals.records += 1;
        put_sequence(&mut self.payload, sequence);
        put_bytes(&mut self.payload, record);
        if self.payload.len() >= TARGET_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes the trailer and flushes. Files are not synced.
    ///
    /// # Errors
    /// Records up to the header's sequence are missing; the stream's failure.
    pub fn finish(mut self) -> Result<Totals, IncrementError> {
        if self.newest != self.last {
            let (newest, last) = (self.newest, self.last);
            return Err(self.refuse(format!("the records end with {newest}, the header says {last}")));
        }
        self.flush()?;
        self.totals.digest = hex::encode(self.digest.finalize());
        let text = serde_json::to_vec(&self.totals).map_err(std::io::Error::from)?;
        self.chunks.write(Kind::Trailer, &text)?;
        self.chunks.finish()?;
        Ok(self.totals)
    }

    fn flush(&mut self) -> Result<(), IncrementError> {
        if self.payload.is_empty() {
            return Ok(());
        }
        self.digest.update(&self.payload);
        self.totals.bytes += self.payload.len() as u64;
        self.chunks.write(Kind::Ledger, &self.payload)?;
        self.payload.clear();
        Ok(())
    }

    fn refuse(&self, reason: String) -> IncrementError {
        IncrementError::Refused { offset: self.totals.bytes, reason }
    }
}
