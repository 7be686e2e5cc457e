//! The record format that RocksDB's write-ahead logs and manifests share (RocksDB `db/log_format.h`).
//!
//! Blocks of 32 KiB; a piece is CRC-32C masked (4 bytes little-endian), length (2, little-endian), type (1), for
//! recyclable types the log number (4), then the payload. A piece never crosses a block; fewer than 7 bytes at
//! the end of a block are padding. The CRC covers everything from the type on. A record is one whole piece, or a first
//! piece, middle ones and a last one.

use std::borrow::Cow;

pub(super) const BLOCK: usize = 32 * 1024;
const HEADER: usize = 7;

/// A whole piece.
struct Piece<'b> {
    kind: u8,
    payload: &'b [u8],
    /// The offset behind it.
    end: usize,
}

/// The piece at `offset`.
fn piece(bytes: &[u8], offset: usize) -> Option<Piece<'_>> {
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
    let whole = mask(crc32c::crc32c(&bytes[offset + 6..offset + end])) == crc;
    let payload = &bytes[offset + header_size..offset + end];
    whole.then_some(Piece { kind, payload, end: offset + end })
}

/// What shows that the damage at `offset`, the end of the whole pieces, is not the torn end that a crash leaves.
pub(super) fn evidence(bytes: &[u8], offset: usize) -> Option<String> {
    if let Some(next) = piece_behind(bytes, offset) {
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

/// Whether the piece at `offset`, whole or damaged, claims to end before the bytes do: then it was not cut off.
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

/// The start of the next piece at or behind `offset`.
fn skip_padding(offset: usize) -> usize {
    let room = BLOCK - offset % BLOCK;
    if room < HEADER { offset + room } else { offset }
}

/// The piece of an unbroken chain that begins at or behind `offset`.
fn next_piece(bytes: &[u8], offset: usize) -> Option<Piece<'_>> {
    let start = skip_padding(offset);
    (start < bytes.len()).then(|| piece(bytes, start)).flatten()
}

/// The whole records of an unbroken chain of pieces.
pub(super) struct Records<'b> {
    bytes: &'b [u8],
    /// The offset behind the last whole record.
    end: usize,
    /// The offset behind the last whole piece: that of a record that is not whole, or of none.
    pieces_end: usize,
}

impl<'b> Records<'b> {
    /// The records that begin at or behind `offset`, where a record or a block begins.
    pub(super) fn new(bytes: &'b [u8], offset: usize) -> Self {
        Self { bytes, end: offset, pieces_end: offset }
    }

    /// The offset behind the last record that was whole.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// The offset behind the last piece that was whole.
    pub(super) fn pieces_end(&self) -> usize {
        self.pieces_end
    }
}

impl<'b> Iterator for Records<'b> {
    type Item = Cow<'b, [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut begun: Option<Vec<u8>> = None;
        loop {
            let Piece { kind, payload, end } = next_piece(self.bytes, self.pieces_end)?;
            self.pieces_end = end;
            match (kind, &mut begun) {
                (1 | 5, None) => {
                    self.end = end;
                    return Some(Cow::Borrowed(payload));
                }
                (2 | 6, None) => begun = Some(payload.to_vec()),
                (3 | 7, Some(record)) => record.extend_from_slice(payload),
                (4 | 8, Some(record)) => {
                    record.extend_from_slice(payload);
                    self.end = end;
                    return begun.map(Cow::Owned);
                }
                // A record of RocksDB's own, about the log.
                (9.., None) => self.end = end,
                (_, _) => return None,
            }
        }
    }
}

/// The offset behind the last whole piece of an unbroken chain from `offset`.
pub(super) fn whole_pieces(bytes: &[u8], offset: usize) -> usize {
    let mut end = offset;
    while let Some(piece) = next_piece(bytes, end) {
        end = piece.end;
    }
    end
}

/// Whether a piece of this type begins a commit.
fn begins(kind: u8) -> bool {
    matches!(kind, 1 | 2 | 5 | 6)
}

/// The first whole piece behind the damage at `damage` that begins a commit.
fn piece_behind(bytes: &[u8], damage: usize) -> Option<usize> {
    let block_end = ((damage / BLOCK + 1) * BLOCK).min(bytes.len());
    let in_block =
        (damage + 1..block_end).find(|&at| piece(bytes, at).is_some_and(|piece| begins(piece.kind)));
    in_block.or_else(|| {
        (block_end..bytes.len()).step_by(BLOCK).find_map(|block| beginning_in_block(bytes, block))
    })
}

fn beginning_in_block(bytes: &[u8], block: usize) -> Option<usize> {
    let mut at = block;
    while at < block + BLOCK && at < bytes.len() {
        let Piece { kind, end, .. } = piece(bytes, at)?;
        if begins(kind) {
            return Some(at);
        }
        at = skip_padding(end);
    }
    None
}
