//! Reading objects of a chain with all that is known of them checked.

use std::io::{self, BufReader, Read};

use anyhow::Result;
use epistemic_storage::increment::{IncrementError, IncrementReader, Records};
use sha2::{Digest, Sha256};
use zstd::stream::read::Decoder;

use super::download::Download;
use super::error::{BackupError, Damaged, in_object};
use super::manifest::{Piece, Stored};
use super::objects::Objects;

/// Bytes asked for at once.
const BUFFER: usize = 1 << 20;

/// What is stored, counted and digested while it is read.
pub(crate) struct Digesting {
    from: Download,
    sha256: Sha256,
    crc32c: u32,
    bytes: u64,
    has_failed: bool,
}

impl Digesting {
    /// Nothing is read yet.
    pub(super) fn new(from: Download) -> Self {
        Self { from, sha256: Sha256::new(), crc32c: 0, bytes: 0, has_failed: false }
    }

    /// Whether the objects failed, so that an error of a reader behind this says nothing about what is stored.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Reads on to the end; bytes and SHA-256.
    pub(super) fn finish(mut self) -> io::Result<(u64, String)> {
        io::copy(&mut self, &mut io::sink())?;
        Ok((self.bytes, hex::encode(self.sha256.finalize())))
    }
}

impl Read for Digesting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer).inspect_err(|_| self.has_failed = true)?;
        self.sha256.update(&buffer[..read]);
        self.crc32c = crc32c::crc32c_append(self.crc32c, &buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

enum Input {
    Plain(Digesting),
    /// The decoder ends with its frame.
    Packed(Decoder<'static, BufReader<Digesting>>),
}

/// The bytes of a piece, counted and digested while they are read.
pub(crate) struct Checked {
    input: Input,
    digest: Sha256,
    bytes: u64,
}

impl Checked {
    /// Opens what is stored; `of` is the graph, or what else it is of, for errors.
    pub(crate) fn open(objects: &Objects, of: &str, stored: &Stored) -> Result<Self> {
        let missing = || BackupError::object(of, &stored.object, "it is missing");
        let input = match &stored.packed {
            None => Input::Plain(Digesting::new(objects.download(&stored.object)?.ok_or_else(missing)?)),
            Some(packed) => {
                let range = packed.offset..packed.offset + packed.bytes;
                let missing =
                    || BackupError::object(of, &stored.object, "it is missing, or cut before this part");
                let found = objects.download_range(&stored.object, range)?.ok_or_else(missing)?;
                Input::Packed(Decoder::new(Digesting::new(found))?.single_frame())
            }
        };
        Ok(Self { input, digest: Sha256::new(), bytes: 0 })
    }

    /// Reads on to the end and compares length and checksums with what the manifest says.
    pub(crate) fn finish(mut self, of: &str, stored: &Stored) -> Result<()> {
        let refuse = |reason: String| Err(BackupError::object(of, &stored.object, reason).into());
        if let Err(error) = io::copy(&mut self, &mut io::sink()) {
            return Err(in_object(of, &stored.object, error.into()));
        }
        let found = hex::encode(self.digest.finalize());
        if (self.bytes, &found) != (stored.bytes, &stored.sha256) {
            return refuse(format!(
                "it has {} bytes with SHA-256 {found}, the manifest says {} bytes with {}",
                self.bytes, stored.bytes, stored.sha256
            ));
        }
        if let (Input::Packed(decoder), Some(packed)) = (self.input, &stored.packed) {
            let mut rest = decoder.finish().into_inner();
            io::copy(&mut rest, &mut io::sink())?;
            if (rest.bytes, rest.crc32c) != (packed.bytes, packed.crc32c) {
                return refuse(format!(
                    "its part at {} has {} bytes with CRC-32C {:08x}, the manifest says {} bytes with {:08x}",
                    packed.offset, rest.bytes, rest.crc32c, packed.bytes, packed.crc32c
                ));
            }
        }
        Ok(())
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.input {
            Input::Plain(from) => from.read(buffer)?,
            Input::Packed(decoder) => match decoder.read(buffer) {
                Err(error) if !decoder.get_ref().get_ref().has_failed() => {
                    return Err(io::Error::other(Damaged(error.to_string())));
                }
                read => read?,
            },
        };
        self.digest.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

/// An increment of a chain. Its records may be used for what nobody sees; only when all were read it is known to be the
/// one that belongs here.
pub(crate) struct IncrementObject<'o> {
    graph: &'o str,
    piece: &'o Piece,
    reader: Option<IncrementReader<BufReader<Checked>>>,
}

impl<'o> IncrementObject<'o> {
    /// Opens it and checks that it stands on the file with the SHA-256 `previous`.
    pub(crate) fn open(objects: &Objects, graph: &'o str, piece: &'o Piece, previous: &str) -> Result<Self> {
        let object = &piece.stored.object;
        let input = BufReader::with_capacity(BUFFER, Checked::open(objects, graph, &piece.stored)?);
        let bad = |error: IncrementError| in_object(graph, object, error.into());
        let reader = IncrementReader::open(input).map_err(bad)?;
        let header = reader.header();
        let refuse = |reason: String| Err(BackupError::object(graph, object, reason).into());
        if header.graph != graph {
            return refuse(format!("it is of graph {:?}", header.graph));
        }
        if header.previous != previous {
            return refuse(format!(
                "it belongs to another chain: it stands on a file with SHA-256 {}, not {previous}",
                header.previous
            ));
        }
        if (header.after, header.sequence) != (piece.after, piece.sequence) {
            return refuse(format!(
                "it has the changes behind {} up to {}, the manifest says behind {} up to {}",
                header.after, header.sequence, piece.after, piece.sequence
            ));
        }
        Ok(Self { graph, piece, reader: Some(reader) })
    }

    /// The next records; nothing when all were read and are those of the manifest.
    pub(crate) fn next_records(&mut self) -> Result<Option<Records>> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let stored = &self.piece.stored;
        let bad = |error: IncrementError| in_object(self.graph, &stored.object, error.into());
        if let Some(records) = reader.next_records().map_err(bad)? {
            return Ok(Some(records));
        }
        if let Some(reader) = self.reader.take() {
            reader.into_inner().into_inner().finish(self.graph, stored)?;
        }
        Ok(None)
    }
}
