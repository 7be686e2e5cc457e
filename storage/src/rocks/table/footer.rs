//! The end of a table, and the checksums that it says the blocks have.
//!
//! From RocksDB's `table/format.cc`, format version 6:
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 1 | kind of checksum: 4 is XXH3 |
//! | 1 | 4 | `3e 00 7a 00` |
//! | 5 | 4 | checksum of the footer with zeros in this place, u32le |
//! | 9 | 4 | base of the checksums' context, u32le |
//! | 13 | 4 | bytes of the metaindex block, which ends before the footer, u32le |
//! | 17 | 24 | zeros |
//! | 41 | 4 | format version, u32le |
//! | 45 | 8 | magic number, u64le |

use twox_hash::XxHash3_64;

use super::Handle;

/// Bytes of a footer.
pub(super) const BYTES: usize = 53;
/// Bytes behind each block: kind of compression, checksum.
pub(super) const TRAILER: usize = 5;

const XXH3: u8 = 4;
const EXTENDED_MAGIC: [u8; 4] = [0x3e, 0x00, 0x7a, 0x00];
const MAGIC: u64 = 0x88e2_41b7_85f4_cff7;
const CHECKSUM_AT: usize = 5;
/// Factor with which the last byte is mixed into a checksum.
const LAST_BYTE: u32 = 0x6b90_83d9;

/// What a footer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) checksums: Checksums,
    pub(super) metaindex: Handle,
}

/// How the blocks of one table are protected: a block at another place does not fit either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checksums {
    base: u32,
}

impl Footer {
    /// Reads the footer that begins at `offset` of its file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(bytes: &[u8; BYTES], offset: u64) -> Result<Self, String> {
        let version = u32_at(bytes, 41);
        let magic = u64::from_le_bytes(*bytes.last_chunk().expect("a footer has 53 bytes"));
        if (bytes[0], &bytes[1..5], magic) != (XXH3, &EXTENDED_MAGIC[..], MAGIC) {
            return Err(format!("the footer at {offset} is not that of a table"));
        }
        if version != super::super::options::TABLE_FORMAT {
            return Err(format!("the footer at {offset} has format version {version}"));
        }
        let checksums = Checksums { base: u32_at(bytes, 9) };
        let mut cleared = *bytes;
        cleared[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
        let computed = checksums.of(&cleared, offset);
        if checksums.base == 0 || computed != u32_at(bytes, CHECKSUM_AT) {
            return Err(format!("checksum mismatch of the footer at {offset}"));
        }
        let size = u64::from(u32_at(bytes, 13));
        let begin = offset.checked_sub(size + TRAILER as u64);
        let begin = begin.ok_or_else(|| format!("the footer at {offset} has no place for its blocks"))?;
        Ok(Self { checksums, metaindex: Handle { offset: begin, size } })
    }
}

impl Checksums {
    /// Whether the checksum of a block, with its trailer, fits at `offset`.
    pub(super) fn fit(self, block: &[u8], offset: u64) -> bool {
        let Some((protected, stored)) = block.split_last_chunk::<4>() else { return false };
        self.of(protected, offset) == u32::from_le_bytes(*stored)
    }

    /// The checksum of `bytes`, whose last one is mixed in apart from the others.
    fn of(self, bytes: &[u8], offset: u64) -> u32 {
        let Some((last, rest)) = bytes.split_last() else { return 0 };
        let hash = XxHash3_64::oneshot(rest) as u32 ^ u32::from(*last).wrapping_mul(LAST_BYTE);
        let context = self.base ^ (offset as u32).wrapping_add((offset >> 32) as u32);
        hash.wrapping_add(context)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("inside the footer"))
}
