//! The record format that RocksDB's write-ahead logs and manifests share (RocksDB `db/log_format.h`).
//!
//! Blocks of 32 KiB; a record is CRC-32C masked (4 bytes little-endian), length (2, little-endian), type (1), for
//! recyclable types the log number (4), then the payload. A record never crosses a block; fewer than 7 bytes at
//! the end of a block are padding. The CRC covers everything from the type on.

pub(super) const BLOCK: usize = 32 * 1024;
const HEADER: usize = 7;

/// The record at `offset`: its type and the offset behind it.
fn record(bytes: &[u8], offset: usize) -> Option<(u8, usize)> {
    let room = (BLOCK - offset % BLOCK).min(bytes.len() - offset);
    let header = bytes.get(offset..offset + HEADER)?;
    let crc = u32::from_le_bytes(*header.first_chunk()?);
    let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
    let kind = header[6];
    let header_size = if is_recyclable(kind) { HEADER + 4 } else { HEADER };
    let end = header_size + length;
    if kind == 0 || !matches!(kind, 1..=11 | 130 | 131) || end > room {
        return None;
    }
    (mask(crc32c::crc32c(&bytes[offset + 6..offset + end])) == crc).then_some((kind, offset + end))
}

/// What shows that the damage at `offset`, the end of the whole records, is not the torn end that a crash leaves.
pub(super) fn evidence(bytes: &[u8], offset: usize) -> Option<String> {
    if let Some(next) = record_behind(bytes, offset) {
        return Some(format!("a whole record follows at offset {next}"));
    }
    let left = bytes.get(skip_padding(offset)..)?;
    if left.get(6).is_some_and(|&kind| is_recyclable(kind)) {
        // RocksDB 11 reads on for ever at such a record.
        return Some("the record there is of a type that is never written".into());
    }
    let stored = u32::from_le_bytes(*left.first_chunk()?);
    let is_whole = left.len() >= HEADER && mask(crc32c::crc32c(&left[6..])) == stored;
    is_whole.then(|| "the record there is whole but for its length".into())
}

fn is_recyclable(kind: u8) -> bool {
    matches!(kind, 5..=8 | 11 | 131)
}

/// Whether the record at `offset`, whole or damaged, claims to end before the bytes do: then it was not cut off.
pub(super) fn ends_inside(bytes: &[u8], offset: usize) -> bool {
    let start = skip_padding(offset);
    bytes.get(start..start + HEADER).is_some_and(|header| {
        let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
        header.iter().any(|&byte| byte != 0) && start + HEADER + length <= bytes.len()
    })
}

pub(super) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The start of the next record at or behind `offset`.
fn skip_padding(offset: usize) -> usize {
    let room = BLOCK - offset % BLOCK;
    if room < HEADER { offset + room } else { offset }
}

/// The offset behind the last whole record of an unbroken chain from `offset`.
pub(super) fn whole_records(bytes: &[u8], offset: usize) -> usize {
    let mut end = offset;
    loop {
        let start = skip_padding(end);
        match (start < bytes.len()).then(|| record(bytes, start)).flatten() {
            Some((_, next)) => end = next,
            None => return end,
        }
    }
}

/// Whether a record of this type begins a commit.
fn begins(kind: u8) -> bool {
    matches!(kind, 1 | 2 | 5 | 6)
}

/// The first whole record behind the damage at `damage` that begins a commit.
fn record_behind(bytes: &[u8], damage: usize) -> Option<usize> {
    let block_end = ((damage / BLOCK + 1) * BLOCK).min(bytes.len());
    let in_block =
        (damage + 1..block_end).find(|&at| record(bytes, at).is_some_and(|(kind, _)| begins(kind)));
    in_block.or_else(|| {
        (block_end..bytes.len()).step_by(BLOCK).find_map(|block| beginning_in_block(bytes, block))
    })
}

fn beginning_in_block(bytes: &[u8], block: usize) -> Option<usize> {
    let mut at = block;
    while at < block + BLOCK && at < bytes.len() {
        let (kind, next) = record(bytes, at)?;
        if begins(kind) {
            return Some(at);
        }
        at = skip_padding(next);
    }
    None
}
