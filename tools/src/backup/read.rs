//! Reading objects of a chain with all that is known of them checked.

use std::io::{self, BufReader, Read};

use anyhow::Result;
use epistemic_storage::increment::{IncrementError, IncrementReader, Records};
use sha2::{Digest, Sha256};

use super::download::Download;
use super::error::{BackupError, in_object};
use super::manifest::Piece;
use super::objects::Objects;

/// Bytes asked for at once.
const BUFFER: usize = 1 << 20;

/// An object whose bytes are counted and digested while they are read.
pub(crate) struct Checked<R> {
    from: R,
    digest: Sha256,
    bytes: u64,
}

impl Checked<Download> {
    /// Opens the object of a piece.
    pub(crate) fn open(objects: &Objects, graph: &str, piece: &Piece) -> Result<Self> {
        let missing = || BackupError::object(graph, &piece.object, "it is missing");
        let from = objects.download(&piece.object)?.ok_or_else(missing)?;
        Ok(Self { from, digest: Sha256::new(), bytes: 0 })
    }

    /// Reads on to the end and compares length and SHA-256 with what the manifest says.
    pub(crate) fn finish(mut self, graph: &str, piece: &Piece) -> Result<()> {
        io::copy(&mut self, &mut io::sink())?;
        let found = hex::encode(self.digest.finalize());
        if (self.bytes, &found) == (piece.bytes, &piece.sha256) {
            return Ok(());
        }
        let (bytes, expected) = (self.bytes, piece.bytes);
        let reason = format!(
            "it has {bytes} bytes with SHA-256 {found}, the manifest says {expected} bytes with {}",
            piece.sha256
        );
        Err(BackupError::object(graph, &piece.object, reason).into())
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
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
    reader: Option<IncrementReader<BufReader<Checked<Download>>>>,
}

impl<'o> IncrementObject<'o> {
    /// Opens it and checks that it stands on the file with the SHA-256 `previous`.
    pub(crate) fn open(objects: &Objects, graph: &'o str, piece: &'o Piece, previous: &str) -> Result<Self> {
        let input = BufReader::with_capacity(BUFFER, Checked::open(objects, graph, piece)?);
        let bad = |error: IncrementError| in_object(graph, &piece.object, error.into());
        let reader = IncrementReader::open(input).map_err(bad)?;
        let header = reader.header();
        let refuse = |reason: String| Err(BackupError::object(graph, &piece.object, reason).into());
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
        let bad = |error: IncrementError| in_object(self.graph, &self.piece.object, error.into());
        if let Some(records) = reader.next_records().map_err(bad)? {
            return Ok(Some(records));
        }
        if let Some(reader) = self.reader.take() {
            reader.into_inner().into_inner().finish(self.graph, self.piece)?;
        }
        Ok(None)
    }
}
