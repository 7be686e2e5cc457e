//! Chunks: framing, checksums and order.

use std::io::{Read, Write};

use super::{
    error::StreamError,
    record::{Field, Kind},
};

/// A kind of file made of chunks.
pub(crate) struct Format {
    /// Its first bytes.
    pub(crate) magic: &'static [u8; 8],
    /// What it is, in words.
    pub(crate) name: &'static str,
}

const FRAME: usize = 9;
/// A chunk is written out when its records reach this many bytes; one large record may make it larger.
pub(crate) const TARGET_BYTES: usize = 256 << 10;
/// Payloads above this are refused: no record can be so large.
const MAX_BYTES: u32 = 1 << 30;
/// Up to here a chunk may hold many records, whoever wrote it. What is larger is so for its last record, which begins before.
const MANY_BYTES: usize = 8 << 20;

/// Writes chunks with running indexes.
pub(crate) struct ChunkWriter<W> {
    out: W,
    index: u32,
}

impl<W: Write> ChunkWriter<W> {
    pub(crate) fn new(mut out: W, format: &Format) -> Result<Self, StreamError> {
        out.write_all(format.magic)?;
        Ok(Self { out, index: 0 })
    }

    pub(crate) fn write(&mut self, kind: Kind, payload: &[u8]) -> Result<(), StreamError> {
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

    pub(crate) fn finish(mut self) -> Result<(), StreamError> {
        Ok(self.out.flush()?)
    }
}

/// Reads chunks and checks frame, order and checksum of each before its payload is looked at.
pub(crate) struct ChunkReader<R> {
    input: R,
    index: u32,
    /// Bytes read so far.
    offset: u64,
    /// Start of the newest chunk.
    start: u64,
}

impl<R: Read> ChunkReader<R> {
    pub(crate) fn new(input: R, format: &Format) -> Result<Self, StreamError> {
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

    pub(crate) fn refuse(&self, reason: impl Into<String>) -> StreamError {
        StreamError::Refused { offset: self.start, reason: reason.into() }
    }

    fn fill(&mut self, buffer: &mut [u8], what: &str) -> Result<(), StreamError> {
        self.input.read_exact(buffer).map_err(|error| self.short(error, what))?;
        self.offset += buffer.len() as u64;
        Ok(())
    }

    fn short(&self, error: std::io::Error, what: &str) -> StreamError {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            self.refuse(format!("the stream ends inside {what}: truncated"))
        } else {
            error.into()
        }
    }

    /// The next chunk. The buffer grows only with bytes that have arrived.
    pub(crate) fn next(&mut self, payload: &mut Vec<u8>) -> Result<Kind, StreamError> {
        self.start = self.offset;
        let mut frame = [0; FRAME];
        self.fill(&mut frame, "a chunk header (no trailer yet)")?;
        let index = u32::from_le_bytes([frame[1], frame[2], frame[3], frame[4]]);
        let length = u32::from_le_bytes([frame[5], frame[6], frame[7], frame[8]]);
        if length > MAX_BYTES {
            return Err(self.refuse(format!("a chunk claims {length} bytes, {MAX_BYTES} is the most")));
        }
        payload.clear();
        let length = length as usize;
        if length > MANY_BYTES {
            self.check_last_record(frame[0], length, payload)?;
        }
        self.read_up_to(length, length, payload)?;
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

    /// Reads until the payload has `bytes` bytes of its `length`.
    fn read_up_to(&mut self, bytes: usize, length: usize, payload: &mut Vec<u8>) -> Result<(), StreamError> {
        let wanted = bytes.saturating_sub(payload.len()) as u64;
        let read = self.input.by_ref().take(wanted).read_to_end(payload)?;
        self.offset += read as u64;
        if payload.len() < bytes {
            let read = payload.len();
            return Err(
                self.refuse(format!("the stream ends after {read} of {length} bytes of a chunk: truncated"))
            );
        }
        Ok(())
    }

    /// Of a chunk that claims much: whether the record that begins last before [`MANY_BYTES`] ends where the chunk does. What
    /// is read for that stays in `payload`.
    fn check_last_record(
        &mut self,
        kind: u8,
        length: usize,
        payload: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let Some(fields) = Kind::from_byte(kind).and_then(Kind::fields) else {
            // Records of channels tell their own lengths; JSON is never so long.
            return match Kind::from_byte(kind) {
                Some(Kind::Service) => Ok(()),
                _ => Err(self.refuse(format!("a chunk without records claims {length} bytes"))),
            };
        };
        let mut end = 0;
        while end < MANY_BYTES {
            for field in fields {
                end += match field {
                    Field::Sequence => 8,
                    Field::Bytes => {
                        // Not four bytes at a time.
                        let ahead = (end + 4).next_multiple_of(TARGET_BYTES);
                        self.read_up_to(ahead.min(length), length, payload)?;
                        let head = payload.get(end..end + 4).and_then(|head| head.try_into().ok());
                        4 + head.map_or(length, |head| u32::from_le_bytes(head) as usize)
                    }
                };
                if end > length {
                    return Err(self.refuse(format!("a record goes beyond its chunk of {length} bytes")));
                }
            }
        }
        if end == length {
            return Ok(());
        }
        Err(self.refuse(format!("a chunk claims {length} bytes, and not for a record that is so large")))
    }

    /// The stream behind what was read.
    pub(crate) fn into_inner(self) -> R {
        self.input
    }

    /// Fails unless the stream is at its end.
    pub(crate) fn expect_end(&mut self) -> Result<(), StreamError> {
        self.start = self.offset;
        let mut byte = [0];
        match self.input.read(&mut byte)? {
            0 => Ok(()),
            _ => Err(self.refuse("bytes follow the trailer")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;

    use super::*;
    use crate::stream::record::put_bytes;

    const FORMAT: Format = Format { magic: b"EGTEST01", name: "test" };

    /// A stream that begins with some bytes and goes on with zeros for ever, as a file with a hole does; it counts.
    struct Endless<'a>(io::Cursor<Vec<u8>>, &'a Cell<u64>);

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = match self.0.read(buffer)? {
                0 => {
                    buffer.fill(0);
                    buffer.len()
                }
                some => some,
            };
            self.1.set(self.1.get() + read as u64);
            Ok(read)
        }
    }

    fn claim(kind: Kind, length: u32, begins: &[u8]) -> (StreamError, u64) {
        let mut bytes = FORMAT.magic.to_vec();
        bytes.push(kind as u8);
        bytes.extend_from_slice(&0u32.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(begins);
        let read = Cell::new(0);
        let mut reader = ChunkReader::new(Endless(io::Cursor::new(bytes), &read), &FORMAT).unwrap();
        let error = reader.next(&mut Vec::new()).unwrap_err();
        (error, read.get())
    }

    #[test]
    fn a_chunk_that_only_claims_to_be_large_is_not_read() {
        let kinds = [Kind::Header, Kind::Nodes, Kind::Edges, Kind::Ledger, Kind::Vectors, Kind::Trailer];
        for kind in kinds {
            for length in [MAX_BYTES, MAX_BYTES + 1] {
                let (error, read) = claim(kind, length, b"");
                assert!(matches!(error, StreamError::Refused { .. }), "{error}");
                assert!(read <= 2 * MANY_BYTES as u64, "{kind:?} {length}: {read}");
            }
        }
        let mut long = Vec::new();
        put_bytes(&mut long, b"id");
        long.extend_from_slice(&[0; 8]);
        long.extend_from_slice(&(900u32 << 20).to_le_bytes());
        let (error, read) = claim(Kind::Nodes, MAX_BYTES, &long);
        assert!(error.to_string().contains("not for a record"), "{error}");
        assert!(read <= 2 * MANY_BYTES as u64, "{read}");
    }

    #[test]
    fn large_chunks_for_one_record_and_many_small_ones_are_read() {
        let record = |bytes: usize| {
            let mut record = Vec::new();
            put_bytes(&mut record, b"id");
            record.extend_from_slice(&[7; 8]);
            put_bytes(&mut record, &vec![b'x'; bytes]);
            record
        };
        let small = record(1_000);
        for payload in [
            record(3 * MANY_BYTES),
            [small.clone(), small.clone(), record(2 * MANY_BYTES)].concat(),
            small.repeat(MANY_BYTES / small.len()),
        ] {
            let mut out = Vec::new();
            let mut chunks = ChunkWriter::new(&mut out, &FORMAT).unwrap();
            chunks.write(Kind::Nodes, &payload).unwrap();
            chunks.finish().unwrap();
            let mut reader = ChunkReader::new(&out[..], &FORMAT).unwrap();
            let mut read = Vec::new();
            assert_eq!(reader.next(&mut read).unwrap(), Kind::Nodes);
            assert!(read == payload);
            reader.expect_end().unwrap();
        }
    }
}
