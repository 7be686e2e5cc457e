//! Chunks: framing, checksums and order.

use std::io::{Read, Write};

use super::{error::SnapshotError, record::Kind};

/// First bytes of every snapshot.
pub const MAGIC: &[u8; 8] = b"EGSNAP01";

/// A kind of file made of chunks.
pub(crate) struct Format {
    /// Its first bytes.
    pub(crate) magic: &'static [u8; 8],
    /// What it is, in words.
    pub(crate) name: &'static str,
}

/// A snapshot.
pub(super) const SNAPSHOT: Format = Format { magic: MAGIC, name: "graph snapshot" };

const FRAME: usize = 9;
/// A chunk is written out when its records reach this many bytes; one large record may make it larger.
pub(crate) const TARGET_BYTES: usize = 256 << 10;
/// Payloads above this are refused: no record can be so large.
const MAX_BYTES: u32 = 1 << 30;

/// Writes chunks with running indexes.
pub(crate) struct ChunkWriter<W> {
    out: W,
    index: u32,
}

impl<W: Write> ChunkWriter<W> {
    pub(crate) fn new(mut out: W, format: &Format) -> Result<Self, SnapshotError> {
        out.write_all(format.magic)?;
        Ok(Self { out, index: 0 })
    }

    pub(crate) fn write(&mut self, kind: Kind, payload: &[u8]) -> Result<(), SnapshotError> {
        let mut frame = [0; FRAME];
        frame[0] = kind as u8;
        frame[1..5].copy_from_slice(&self.index.to_le_bytes());
        frame[5..9].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&frame);
        crc.update(payload);
        self.out.write_all(&frame)?;
        self.out.write_all(payload)?;
        self.out.write_all(&crc.finalize().to_le_bytes())?;
        self.index += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<(), SnapshotError> {
        Ok(self.out.flush()?)
    }
}

/// Reads chunks and checks frame, order and checksum of each before its payload is looked at.
pub(crate) struct ChunkReader<R> {
    input: R,
    index: u32,
    /// Bytes read so far.
    pub(super) offset: u64,
    /// Start of the newest chunk.
    pub(super) start: u64,
}

impl<R: Read> ChunkReader<R> {
    pub(crate) fn new(input: R, format: &Format) -> Result<Self, SnapshotError> {
        let mut reader = Self { input, index: 0, offset: 0, start: 0 };
        let mut magic = [0; 8];
        reader.fill(&mut magic, "the file signature")?;
        if &magic != format.magic {
            let Format { magic, name } = format;
            return Err(
                reader.refuse(format!("it does not begin with '{}': not a {name}", magic.escape_ascii()))
            );
        }
        Ok(reader)
    }

    pub(crate) fn refuse(&self, reason: impl Into<String>) -> SnapshotError {
        SnapshotError::Refused { offset: self.start, reason: reason.into() }
    }

    fn fill(&mut self, buffer: &mut [u8], what: &str) -> Result<(), SnapshotError> {
        self.input.read_exact(buffer).map_err(|error| self.short(error, what))?;
        self.offset += buffer.len() as u64;
        Ok(())
    }

    fn short(&self, error: std::io::Error, what: &str) -> SnapshotError {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            self.refuse(format!("the stream ends inside {what}: truncated"))
        } else {
            error.into()
        }
    }

    /// The next chunk. The buffer grows only with bytes that have arrived.
    pub(crate) fn next(&mut self, payload: &mut Vec<u8>) -> Result<Kind, SnapshotError> {
        self.start = self.offset;
        let mut frame = [0; FRAME];
        self.fill(&mut frame, "a chunk header (no trailer yet)")?;
        let index = u32::from_le_bytes([frame[1], frame[2], frame[3], frame[4]]);
        let length = u32::from_le_bytes([frame[5], frame[6], frame[7], frame[8]]);
        if length > MAX_BYTES {
            return Err(self.refuse(format!("a chunk claims {length} bytes, {MAX_BYTES} is the most")));
        }
        payload.clear();
        let read = self.input.by_ref().take(u64::from(length)).read_to_end(payload)?;
        self.offset += read as u64;
        if read < length as usize {
            return Err(
                self.refuse(format!("the stream ends after {read} of {length} bytes of a chunk: truncated"))
            );
        }
        let mut stored = [0; 4];
        self.fill(&mut stored, "a chunk checksum")?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&frame);
        crc.update(payload);
        let (stored, computed) = (u32::from_le_bytes(stored), crc.finalize());
        if stored != computed {
            return Err(self
                .refuse(format!("chunk checksum is {computed:08x}, the stream says {stored:08x}: damaged")));
        }
        if index != self.index {
            return Err(
                self.refuse(format!("chunk {index} where chunk {} belongs: reordered or cut", self.index))
            );
        }
        self.index += 1;
        Kind::from_byte(frame[0]).ok_or_else(|| self.refuse(format!("unknown chunk kind {}", frame[0])))
    }

    /// The stream behind what was read.
    pub(crate) fn into_inner(self) -> R {
        self.input
    }

    /// Fails unless the stream is at its end.
    pub(crate) fn expect_end(&mut self) -> Result<(), SnapshotError> {
        self.start = self.offset;
        let mut byte = [0];
        match self.input.read(&mut byte)? {
            0 => Ok(()),
            _ => Err(self.refuse("bytes follow the trailer")),
        }
    }
}
