//! What the index blocks of a table say. From RocksDB's `table/block_based/block.cc` and `util/coding.h`.

use std::borrow::Cow;

use super::{Handle, footer::TRAILER};

const RAW: u8 = 0;
const LZ4: u8 = 4;
/// Bits of the number of restart points that say how the keys lie, which a reader from the front need not know.
const RESTARTS: u32 = (1 << 28) - 1;
const UNIFORM_KEYS: u32 = 1 << 29;

/// The contents of a block whose checksum fits.
///
/// # Errors
/// The form is not one that our tables have.
pub(super) fn contents(block: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let (stored, trailer) = block.split_at(block.len().saturating_sub(TRAILER));
    match trailer.first() {
        Some(&RAW) => Ok(stored.into()),
        Some(&LZ4) => {
            let mut rest = stored;
            let bytes = varint(&mut rest).ok_or("a compressed block without its length")?;
            let bytes = usize::try_from(bytes).map_err(|error| error.to_string())?;
            lz4_flex::block::decompress(rest, bytes).map(Cow::Owned).map_err(|error| error.to_string())
        }
        kind => Err(format!("kind of compression: {kind:?}")),
    }
}

/// The entries of a metaindex or properties block.
pub(super) fn entries(contents: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut rest = entries_of(contents)?;
    let (mut found, mut key) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let (shared, own, bytes) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
        next_key(&mut key, shared, own, &mut rest)?;
        found.push((key.clone(), take(&mut rest, bytes)?.to_vec()));
    }
    Some(found)
}

/// The entries of an index: each block and a key that is not below its last one and below the first of the next.
pub(super) fn index(contents: &[u8]) -> Option<Vec<(Vec<u8>, Handle)>> {
    let mut rest = entries_of(contents)?;
    let (mut found, mut key): (Vec<(Vec<u8>, Handle)>, Vec<u8>) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let (shared, own) = (varint(&mut rest)?, varint(&mut rest)?);
        next_key(&mut key, shared, own, &mut rest)?;
        let handle = match found.last() {
            // Beside an entry with which it shares a part of the key it tells only how much larger its block is.
            Some((_, before)) if shared > 0 => Handle {
                offset: before.offset.checked_add(before.size)?.checked_add(TRAILER as u64)?,
                size: before.size.checked_add_signed(unzigzag(varint(&mut rest)?))?,
            },
            _ => Handle::read(&mut rest)?,
        };
        found.push((key.clone(), handle));
    }
    Some(found)
}

/// The entries without the restart points behind them.
fn entries_of(contents: &[u8]) -> Option<&[u8]> {
    let (rest, restarts) = contents.split_last_chunk()?;
    let restarts = u32::from_le_bytes(*restarts) & !UNIFORM_KEYS;
    let restarts = usize::try_from(restarts).ok().filter(|_| restarts <= RESTARTS)?;
    rest.get(..rest.len().checked_sub(restarts.checked_mul(4)?)?)
}

fn next_key(key: &mut Vec<u8>, shared: u64, own: u64, rest: &mut &[u8]) -> Option<()> {
    let shared = usize::try_from(shared).ok().filter(|shared| *shared <= key.len())?;
    key.truncate(shared);
    key.extend_from_slice(take(rest, own)?);
    Some(())
}

fn take<'b>(rest: &mut &'b [u8], bytes: u64) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(usize::try_from(bytes).ok()?)?;
    *rest = left;
    Some(taken)
}

/// A number of seven bits a byte, the lowest first.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
