//! Writing pieces into packs: objects of many parts, each compressed and then encrypted on its own, so that a hundred thousand
//! small graphs are some objects.

use std::io::{self, Write};

use anyhow::Result;
use sha2::{Digest, Sha256};
use zstd::stream::write::Encoder;

use super::layout;
use super::manifest::{Packed, Stored};
use super::objects::Objects;
use super::upload::Upload;
use crate::encryption::Encrypting;

/// A pack ends with the part that makes it so large.
const PACK_BYTES: u64 = if cfg!(test) { 8 << 10 } else { 128 << 20 };
/// zstd's own default.
const LEVEL: i32 = 3;

/// The packs of a run.
pub(crate) struct Packs<'o> {
    objects: &'o Objects,
    store: String,
    run: String,
    open: Option<Pack>,
    /// Packs so far.
    pub(crate) count: u64,
    /// Bytes stored so far.
    pub(crate) bytes: u64,
}

struct Pack {
    object: String,
    upload: Upload,
    bytes: u64,
}

impl<'o> Packs<'o> {
    /// Those of this run. Nothing is written yet.
    pub(crate) fn new(objects: &'o Objects, store: &str, run: &str) -> Self {
        Self { objects, store: store.to_owned(), run: run.to_owned(), open: None, count: 0, bytes: 0 }
    }

    /// Begins a part. One that is dropped before it was finished is not named by anything.
    pub(crate) fn begin(&mut self) -> Result<Part<'_>> {
        if self.open.as_ref().is_some_and(|pack| pack.bytes >= PACK_BYTES) {
            self.finish()?;
        }
        if self.open.is_none() {
            self.count += 1;
            let object = layout::pack(&self.store, &self.run, self.count);
            let upload = self.objects.upload(&object);
            self.open = Some(Pack { object, upload, bytes: 0 });
        }
        let Some(pack) = &mut self.open else { anyhow::bail!("no pack is open") };
        let (object, offset) = (pack.object.clone(), pack.bytes);
        let tail = Tail { pack, all_bytes: &mut self.bytes, bytes: 0, crc32c: 0 };
        let encrypting = self.objects.keys().for_recipients(tail)?;
        let age = encrypting.is_encrypted();
        let encoder = Encoder::new(encrypting, LEVEL)?;
        Ok(Part { object, offset, age, bytes: 0, digest: Sha256::new(), encoder })
    }

    /// Makes the object that is open. Durable on return.
    pub(crate) fn finish(&mut self) -> Result<()> {
        if let Some(pack) = self.open.take() {
            pack.upload.finish()?;
        }
        Ok(())
    }
}

/// Counts and digests what is stored.
struct Tail<'p> {
    pack: &'p mut Pack,
    all_bytes: &'p mut u64,
    bytes: u64,
    crc32c: u32,
}

impl Write for Tail<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.pack.upload.write(bytes)?;
        self.crc32c = crc32c::crc32c_append(self.crc32c, &bytes[..written]);
        for count in [&mut self.bytes, &mut self.pack.bytes, self.all_bytes] {
            *count += written as u64;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A part of a pack that is being written.
pub(crate) struct Part<'p> {
    object: String,
    offset: u64,
    age: bool,
    bytes: u64,
    digest: Sha256,
    encoder: Encoder<'static, Encrypting<Tail<'p>>>,
}

impl Part<'_> {
    /// Ends it. Durable when its pack is finished.
    pub(crate) fn finish(self) -> Result<Stored> {
        let Tail { bytes, crc32c, .. } = self.encoder.finish()?.finish()?;
        Ok(Stored {
            object: self.object,
            bytes: self.bytes,
            sha256: hex::encode(self.digest.finalize()),
            packed: Some(Packed { offset: self.offset, bytes, crc32c, age: self.age }),
        })
    }
}

impl Write for Part<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
