//! Snapshot files, encrypted or in the clear. An encrypted one is an age file with the snapshot as one zstd frame in it:
//! `age -d -i KEY FILE | zstd -d` makes of it what an export in the clear is.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use age::DecryptError;
use anyhow::{Context, Result};
use epistemic_storage::durable::NewFile;
use fs_err as fs;
use zstd::stream::{read::Decoder, write::Encoder};

use super::error::Locked;
use super::keys::Keys;
use super::streams::{Decrypting, Encrypting};
use crate::streams::{Count, Counted};

/// Begins every age file.
const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// zstd's own default.
const LEVEL: i32 = 3;

/// A snapshot file that is being written. It is there, whole and durable, once [`NewSnapshot::finish`] has returned.
pub struct NewSnapshot(Sink);

enum Sink {
    /// As it comes.
    Clear(Counted<NewFile>),
    /// Compressed, then encrypted.
    Encrypted(Box<Encoder<'static, Encrypting<Counted<NewFile>>>>),
}

impl NewSnapshot {
    /// Begins a file for the recipients of `keys`; in the clear when there are none.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path, keys: &Keys) -> io::Result<Self> {
        let file = Counted { stream: NewFile::create(path)?, count: Count::default() };
        let encrypting = match keys.for_recipients(file)? {
            Encrypting::Clear(file) => return Ok(Self(Sink::Clear(file))),
            encrypting @ Encrypting::Age(_) => encrypting,
        };
        let mut encoder = Encoder::new(encrypting, LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self(Sink::Encrypted(Box::new(encoder))))
    }

    /// Makes the file, and returns its bytes. Durable on return.
    ///
    /// # Errors
    /// It cannot be written; what was there before stays.
    pub fn finish(self) -> io::Result<u64> {
        let file = match self.0 {
            Sink::Clear(file) => file,
            Sink::Encrypted(encoder) => encoder.finish()?.finish()?,
        };
        let Counted { stream, count } = file;
        stream.finish()?;
        Ok(count.bytes())
    }
}

impl Write for NewSnapshot {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Sink::Clear(file) => file.write(bytes),
            Sink::Encrypted(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Sink::Clear(file) => file.flush(),
            Sink::Encrypted(encoder) => encoder.flush(),
        }
    }
}

/// A snapshot file that is read: the snapshot, whatever the file is.
pub struct StoredSnapshot {
    stream: Stream,
    /// Bytes of the file.
    pub file_bytes: u64,
}

enum Stream {
    Clear(fs::File),
    Encrypted(Box<Decoder<'static, BufReader<Decrypting<fs::File>>>>),
}

impl StoredSnapshot {
    /// Opens a file. Of an encrypted one nothing is read but what opens it.
    ///
    /// # Errors
    /// It cannot be read; it is encrypted, and for none of the identities ([`Locked`]).
    pub fn open(path: &Path, keys: &Keys) -> Result<Self> {
        let mut file = fs::File::open(path)?;
        let file_bytes = file.metadata()?.len();
        let mut beginning = Vec::new();
        Read::by_ref(&mut file).take(MAGIC.len() as u64).read_to_end(&mut beginning)?;
        file.seek(SeekFrom::Start(0))?;
        if beginning != MAGIC {
            return Ok(Self { stream: Stream::Clear(file), file_bytes });
        }
        let decrypting = match keys.decrypt(file) {
            Ok(decrypting) => decrypting,
            Err(DecryptError::NoMatchingKeys) => return Err(locked(path, keys).into()),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let stream = Stream::Encrypted(Box::new(Decoder::new(decrypting)?.single_frame()));
        Ok(Self { stream, file_bytes })
    }

    /// Whether the file is encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Encrypted(_))
    }
}

/// An age file does not say whom it is for.
fn locked(path: &Path, keys: &Keys) -> Locked {
    let recipients = vec!["recipients that it does not name".to_owned()];
    keys.locked(format!("'{}'", path.display()), recipients)
}

impl Read for StoredSnapshot {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Clear(file) => file.read(buffer),
            Stream::Encrypted(decoder) => decoder.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use age::x25519::Identity;

    use super::*;

    fn read(path: &Path, keys: &Keys) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        StoredSnapshot::open(path, keys)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn a_file_is_read_as_it_was_written_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("g.snap");
        let (identity, other) = (Identity::generate(), Identity::generate());
        let content = b"a snapshot, that is to say. ".repeat(10_000);
        for recipients in [Vec::new(), vec![identity.to_public()]] {
            let mut file = NewSnapshot::create(&path, &Keys::new(recipients, Vec::new())).unwrap();
            file.write_all(&content).unwrap();
            file.finish().unwrap();
            assert_eq!(read(&path, &Keys::new(Vec::new(), vec![identity.clone()])).unwrap(), content);
        }
        let stored = fs::read(&path).unwrap();
        assert!(stored.len() < content.len() / 10, "it is compressed first: {} bytes", stored.len());
        for (keys, told) in [
            (Keys::default(), "no identity was given"),
            (Keys::new(Vec::new(), vec![other]), "the identity that was given is of none"),
        ] {
            let error = read(&path, &keys).unwrap_err();
            assert!(error.is::<Locked>() && error.to_string().contains(told), "{error:#}");
        }
        let keys = Keys::new(Vec::new(), vec![identity]);
        for at in 0..stored.len() {
            fs::write(&path, &stored[..at]).unwrap();
            // Without all of its first line it is taken for another kind of file.
            assert!(at < MAGIC.len() || read(&path, &keys).is_err(), "cut at {at}");
            let mut changed = stored.clone();
            changed[at] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            assert!(at < MAGIC.len() || read(&path, &keys).is_err(), "flipped at {at}");
        }
    }
}
