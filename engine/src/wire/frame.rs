//! Frames: a 4-byte big-endian length, then that many bytes (`docs/reference-protocol.md` section 1).

use bytes::{Buf, Bytes, BytesMut};

/// Bytes of the length prefix.
pub const PREFIX: usize = 4;

/// A frame above this many bytes takes the buffer along.
pub const LARGE: usize = 1 << 20;

/// A length prefix over the cap. Nothing of the frame was buffered for it; the connection cannot go on, because
/// where the next frame starts is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("frame of {length} bytes is over the limit of {limit} bytes")]
pub struct FrameTooLarge {
    /// The length that the prefix claims.
    pub length: usize,
    /// The cap.
    pub limit: usize,
}

/// Cuts the first frame off `buffer` and returns its body (which may be empty: a request nobody can decode).
/// `None`: the frame is not complete yet, read more; `buffer` is left as it is. Copies nothing of the frame.
///
/// # Errors
/// [`FrameTooLarge`] as soon as the prefix is there.
pub fn split_frame(buffer: &mut BytesMut, limit: usize) -> Result<Option<Bytes>, FrameTooLarge> {
    let Some(length) = body_length(buffer, limit)? else {
        return Ok(None);
    };
    if buffer.len() - PREFIX < length {
        return Ok(None);
    }
    if length <= LARGE {
        buffer.advance(PREFIX);
        return Ok(Some(buffer.split_to(length).freeze()));
    }
    // Else the connection would hold that much for as long as it lives.
    let behind = BytesMut::from(&buffer[PREFIX + length..]);
    let mut frame = std::mem::replace(buffer, behind);
    frame.truncate(PREFIX + length);
    frame.advance(PREFIX);
    Ok(Some(frame.freeze()))
}

/// The length of the body of the first frame in `buffer`, once its prefix is there.
///
/// # Errors
/// [`FrameTooLarge`] if it is over `limit`.
pub fn body_length(buffer: &[u8], limit: usize) -> Result<Option<usize>, FrameTooLarge> {
    let Some(prefix) = buffer.first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
    if length > limit { Err(FrameTooLarge { length, limit }) } else { Ok(Some(length)) }
}
