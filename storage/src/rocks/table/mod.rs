//! Reads a table from its first byte to its last and checks every checksum in it.
//!
//! RocksDB reads blocks through its cache, and passes over what has been deleted: neither shows what is on the disk. Here
//! the footer leads to the list of the other blocks, that to the index, and the index to all blocks of records.

mod block;
mod footer;
#[cfg(test)]
mod tests;

use std::{
    io,
    num::NonZeroU64,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    vec,
};

use fs_err as fs;
use rustix::fs::{Advice, fadvise};

use self::footer::{Checksums, Footer, TRAILER};
use super::is_lost_sector;
use crate::{
    error::{Result, StoreError},
    scrub::{Checked, DamagedPart, Table, TableCheck},
    store::KeyRange,
};

const INDEX: &[u8] = b"rocksdb.index";
const PROPERTIES: &[u8] = b"rocksdb.properties";
/// Property that says whether the keys of the index have no sequence number behind them.
const USER_KEYS: &[u8] = b"rocksdb.index.key.is.user.key";
/// Bytes of the sequence number and kind behind a key inside of RocksDB.
const SUFFIX: usize = 8;
/// So much is read in one step, or one block when that is larger.
const STEP: u64 = 256 << 10;

/// Where a block is. Its trailer follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Handle {
    offset: u64,
    size: u64,
}

impl Handle {
    fn read(rest: &mut &[u8]) -> Option<Self> {
        Some(Self { offset: block::varint(rest)?, size: block::varint(rest)? })
    }

    /// Bytes with its trailer.
    fn bytes(self) -> u64 {
        self.size.saturating_add(TRAILER as u64)
    }

    /// Where its trailer ends.
    fn end(self) -> Option<u64> {
        self.offset.checked_add(self.bytes())
    }
}

/// A block of records, and the keys that can be in it.
#[derive(Debug)]
struct Records {
    handle: Handle,
    keys: KeyRange,
}

/// Keys with their values.
type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Why a block is no use.
enum Fault {
    /// Its bytes are not what was written, or cannot be read.
    Damaged(String),
    /// The file cannot be read for another reason.
    Other(StoreError),
}

/// One table under check.
pub(super) struct RocksTableCheck {
    file: fs::File,
    path: PathBuf,
    table: Table,
    state: State,
}

enum State {
    /// Nothing has been read yet.
    New,
    /// These blocks are still to be read.
    Records(Checksums, vec::IntoIter<Records>),
}

impl RocksTableCheck {
    /// Opens the file of `table` in the directory `db`; nothing when it is gone.
    pub(super) fn open(db: &Path, table: &Table) -> Result<Option<Self>> {
        let path = db.join(&table.name);
        match fs::File::open(&path) {
            Ok(file) => Ok(Some(Self { file, path, table: table.clone(), state: State::New })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn damaged(&self, keys: KeyRange, reason: &str) -> DamagedPart {
        damaged(&self.path, &self.table, keys, reason)
    }

    /// Reads a block with its trailer and compares its checksum.
    fn block(&self, checksums: Checksums, handle: Handle) -> Result<Vec<u8>, Fault> {
        let end = handle.end().filter(|end| *end <= self.table.bytes);
        let bytes = end.map(|end| (end - handle.offset) as usize);
        let Some(bytes) = bytes else {
            return Err(Fault::Damaged(format!(
                "no block can be at {} with {} bytes",
                handle.offset, handle.size
            )));
        };
        let mut block = vec![0; bytes];
        self.read(&mut block, handle.offset)?;
        if !checksums.fit(&block, handle.offset) {
            return Err(Fault::Damaged(format!(
                "block checksum mismatch at offset {} size {}",
                handle.offset, handle.size
            )));
        }
        Ok(block)
    }

    /// Lets go what the operating system holds of the file in memory, so that it is read from the disk.
    fn forget(&self, offset: u64, bytes: u64) {
        // Advice that is not taken costs nothing.
        let _ = fadvise(self.file.file(), offset, NonZeroU64::new(bytes), Advice::DontNeed);
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), Fault> {
        self.file.file().read_exact_at(bytes, offset).map_err(|error| {
            let told = format!("cannot read {} bytes at offset {offset}: {error}", bytes.len());
            if error.kind() == io::ErrorKind::UnexpectedEof || is_lost_sector(&error) {
                Fault::Damaged(told)
            } else {
                Fault::Other(StoreError::other(format!("'{}': {told}", self.path.display())))
            }
        })
    }

    /// Reads all but the blocks of records, and finds out where these are. Without the index nothing can be found in the
    /// table, so that all of it is damaged then.
    fn begin(&self) -> Result<(u64, Checksums, Vec<Records>), Fault> {
        let bytes = self.file.metadata().map_err(|error| Fault::Other(error.into()))?.len();
        let expected = self.table.bytes;
        if bytes != expected || expected < footer::BYTES as u64 {
            return Err(Fault::Damaged(format!("it has {bytes} bytes, not {expected}")));
        }
        let at = bytes - footer::BYTES as u64;
        let mut end = [0; footer::BYTES];
        self.forget(at, end.len() as u64);
        self.read(&mut end, at)?;
        let Footer { checksums, metaindex } = Footer::read(&end, at).map_err(Fault::Damaged)?;
        let others = self.entries(checksums, metaindex)?;
        let (mut read, mut index, mut user_keys) = (end.len() as u64 + metaindex.bytes(), None, false);
        for (name, place) in others {
            let handle = Handle::read(&mut &place[..]).ok_or_else(|| unknown(metaindex))?;
            self.forget(handle.offset, handle.size);
            read += handle.bytes();
            if name == PROPERTIES {
                let properties = self.entries(checksums, handle)?;
                user_keys = properties.iter().any(|(name, value)| name == USER_KEYS && value == &[1]);
            } else if name == INDEX {
                let contents = self.block(checksums, handle)?;
                let contents = block::contents(&contents).map_err(Fault::Damaged)?;
                index = Some(block::index(&contents).ok_or_else(|| unknown(handle))?);
            } else {
                self.block(checksums, handle)?;
            }
        }
        let index = index.ok_or_else(|| unknown(metaindex))?;
        Ok((read, checksums, records(index, user_keys, &self.table.keys)))
    }

    fn entries(&self, checksums: Checksums, handle: Handle) -> Result<Entries, Fault> {
        let block = self.block(checksums, handle)?;
        let contents = block::contents(&block).map_err(Fault::Damaged)?;
        block::entries(&contents).ok_or_else(|| unknown(handle))
    }
}

fn damaged(path: &Path, table: &Table, keys: KeyRange, reason: &str) -> DamagedPart {
    let error = StoreError::Corrupt {
        place: format!("'{}'", path.display()),
        detail: format!("damaged table: {reason}"),
    };
    DamagedPart { table: table.name.clone(), space: table.space, keys, error }
}

fn unknown(handle: Handle) -> Fault {
    Fault::Damaged(format!("the block at offset {} is none that is known", handle.offset))
}

/// The blocks of records with the keys between their entries in the index.
fn records(index: Vec<(Vec<u8>, Handle)>, user_keys: bool, all: &KeyRange) -> Vec<Records> {
    let mut start = all.start.clone();
    let mut found = Vec::with_capacity(index.len());
    for (mut key, handle) in index {
        if !user_keys {
            key.truncate(key.len().saturating_sub(SUFFIX));
        }
        // The key may be that of the last record itself.
        let end = [&key[..], &[0]].concat();
        found.push(Records { handle, keys: KeyRange { start, end: Some(end) } });
        start = key;
    }
    found
}

/// A table that the database needs and that is not there.
pub(super) struct MissingTable {
    part: DamagedPart,
    bytes: u64,
}

impl MissingTable {
    pub(super) fn new(db: &Path, table: &Table) -> Self {
        let part = damaged(&db.join(&table.name), table, table.keys.clone(), "it is missing");
        Self { part, bytes: table.bytes }
    }
}

impl TableCheck for MissingTable {
    fn step(&mut self) -> Result<Checked> {
        Ok(Checked { read: self.bytes, damaged: vec![self.part.clone()], is_last: true })
    }
}

impl TableCheck for RocksTableCheck {
    fn step(&mut self) -> Result<Checked> {
        let mut checked = Checked::default();
        match &mut self.state {
            State::New => match self.begin() {
                Ok((read, checksums, records)) => {
                    checked.read = read;
                    self.state = State::Records(checksums, records.into_iter());
                }
                Err(Fault::Damaged(reason)) => {
                    checked.read = self.table.bytes;
                    checked.damaged.push(self.damaged(self.table.keys.clone(), &reason));
                    checked.is_last = true;
                }
                Err(Fault::Other(error)) => return Err(error),
            },
            State::Records(checksums, blocks) => {
                let (checksums, mut blocks) = (*checksums, std::mem::take(blocks));
                if let Some(first) = blocks.as_slice().first() {
                    self.forget(first.handle.offset, STEP);
                }
                while checked.read < STEP {
                    let Some(Records { handle, keys }) = blocks.next() else {
                        checked.is_last = true;
                        break;
                    };
                    checked.read += handle.bytes();
                    match self.block(checksums, handle) {
                        Ok(_) => {}
                        Err(Fault::Damaged(reason)) => checked.damaged.push(self.damaged(keys, &reason)),
                        Err(Fault::Other(error)) => return Err(error),
                    }
                }
                self.state = State::Records(checksums, blocks);
            }
        }
        Ok(checked)
    }
}
