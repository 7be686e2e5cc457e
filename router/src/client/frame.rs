//! Frames: a 4-byte big-endian length, then that many bytes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes reserved before any of a frame has arrived.
const FIRST_RESERVE: usize = 64 << 10;

#[derive(Debug)]
pub(super) enum FrameError {
    /// The stream ended between two frames.
    Closed,
    /// The stream failed, or ended inside a frame.
    Io(io::Error),
    /// The prefix announces more than the limit.
    TooLarge(u32),
}

/// Reads one frame of at most `limit` bytes. The buffer grows with what has arrived, not with what was announced.
pub(super) async fn read_frame(
    mut reader: impl AsyncRead + Unpin,
    limit: u32,
) -> Result<Vec<u8>, FrameError> {
    let mut prefix = [0; 4];
    if reader.read(&mut prefix[..1]).await.map_err(FrameError::Io)? == 0 {
        return Err(FrameError::Closed);
    }
    reader.read_exact(&mut prefix[1..]).await.map_err(FrameError::Io)?;
    let length = u32::from_be_bytes(prefix);
    if length > limit {
        return Err(FrameError::TooLarge(length));
    }
    let mut body = Vec::with_capacity(FIRST_RESERVE.min(length as usize));
    reader.take(length.into()).read_to_end(&mut body).await.map_err(FrameError::Io)?;
    if body.len() < length as usize {
        return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> Result<Vec<u8>, FrameError> {
        read_frame(bytes, 8).await
    }

    #[tokio::test]
    async fn whole_frames_only_and_none_over_the_limit() {
        assert_eq!(read(&[0, 0, 0, 2, 7, 8, 9]).await.unwrap(), [7, 8]);
        assert!(read(&[0, 0, 0, 0]).await.unwrap().is_empty());
        assert!(matches!(read(&[]).await, Err(FrameError::Closed)));
        assert!(matches!(read(&[0, 0]).await, Err(FrameError::Io(_))));
        assert!(matches!(read(&[0, 0, 0, 2, 7]).await, Err(FrameError::Io(_))));
        assert!(matches!(read(&[0, 0, 0, 9]).await, Err(FrameError::TooLarge(9))));
        assert!(matches!(read(&[255; 4]).await, Err(FrameError::TooLarge(u32::MAX))));
    }
}
