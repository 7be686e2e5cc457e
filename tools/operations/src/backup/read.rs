//! Reading objects of a chain with all that is known of them checked.

use std::fmt::Display;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use age::DecryptError;
use anyhow::Result;
use epistemic_storage::increment::{IncrementError, IncrementReader, Records};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use zstd::stream::read::Decoder;

use super::download::Download;
use super::error::{BackupError, Damaged, in_object};
use super::manifest::{Piece, Stored};
use super::objects::Objects;
use crate::encryption::{Decrypting, Keys};

/// Bytes asked for at once.
const BUFFER: usize = 1 << 20;

/// What was read of what is stored.
#[derive(Default)]
pub(super) struct Seen {
    sha256: Sha256,
    crc32c: u32,
    bytes: u64,
    has_failed: bool,
}

impl Seen {
    /// How many bytes, and their SHA-256.
    pub(super) fn bytes_and_sha256(self) -> (u64, String) {
        (self.bytes, hex::encode(self.sha256.finalize()))
    }
}

/// What is stored, counted and digested while it is read.
struct Digesting {
    from: Download,
    seen: Arc<Mutex<Seen>>,
}

impl Read for Digesting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer);
        let mut seen = self.seen.lock();
        let read = read.inspect_err(|_| seen.has_failed = true)?;
        seen.sha256.update(&buffer[..read]);
        seen.crc32c = crc32c::crc32c_append(seen.crc32c, &buffer[..read]);
        seen.bytes += read as u64;
        Ok(read)
    }
}

/// What is stored, as it was before it was encrypted. Its errors are those of the objects, or carry [`Damaged`].
pub(super) struct Opened {
    stream: Stream,
    seen: Arc<Mutex<Seen>>,
}

enum Stream {
    Clear(Digesting),
    Age(Box<Decrypting<Digesting>>),
}

impl Opened {
    /// `age` tells whether it is encrypted. Of what is not, nothing is read yet.
    pub(super) fn new(from: Download, age: bool, keys: &Keys) -> io::Result<Self> {
        let seen = Arc::<Mutex<Seen>>::default();
        let from = Digesting { from, seen: Arc::clone(&seen) };
        let stream = match age {
            false => Stream::Clear(from),
            true => match keys.decrypt(from) {
                Ok(stream) => Stream::Age(Box::new(stream)),
                Err(DecryptError::Io(error)) if seen.lock().has_failed => return Err(error),
                // Its run can be opened, so it was encrypted for somebody who is there.
                Err(error) => return Err(damaged(&error)),
            },
        };
        Ok(Self { stream, seen })
    }

    /// Whether the objects failed, so that an error of a reader behind this says nothing about what is stored.
    pub(super) fn has_failed(&self) -> bool {
        self.seen.lock().has_failed
    }

    /// Reads on to the end.
    pub(super) fn finish(mut self) -> io::Result<Seen> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(std::mem::take(&mut *self.seen.lock()))
    }
}

fn damaged(error: &impl Display) -> io::Error {
    io::Error::other(Damaged(format!("it cannot be decrypted: {error}")))
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Clear(from) => from.read(buffer),
            Stream::Age(from) => from.read(buffer).map_err(|error| match self.seen.lock().has_failed {
                true => error,
                false => damaged(&error),
            }),
        }
    }
}

enum Input {
    Plain(Opened),
    /// The decoder ends with its frame.
    Packed(Decoder<'static, BufReader<Opened>>),
}

fn is_damage(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Damaged>())
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
            None => {
                let found = objects.download(&stored.object)?.ok_or_else(missing)?;
                Input::Plain(Opened::new(found, false, objects.keys())?)
            }
            Some(packed) => {
                let range = packed.offset..packed.offset + packed.bytes;
                let missing =
                    || BackupError::object(of, &stored.object, "it is missing, or cut before this part");
                let found = objects.download_range(&stored.object, range)?.ok_or_else(missing)?;
                let opened = Opened::new(found, packed.age, objects.keys());
                let opened = opened.map_err(|error| in_object(of, &stored.object, error.into()))?;
                Input::Packed(Decoder::new(opened)?.single_frame())
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
            let rest = decoder.finish().into_inner().finish();
            let rest = rest.map_err(|error| in_object(of, &stored.object, error.into()))?;
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
                Err(error) if decoder.get_ref().get_ref().has_failed() || is_damage(&error) => {
                    return Err(error);
                }
                Err(error) => {
                    let reason = format!("it cannot be decompressed: {error}");
                    return Err(io::Error::other(Damaged(reason)));
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
