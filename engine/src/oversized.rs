//! Frames over the limit from clients that are known: read and thrown away, so that their sender, who is still writing,
//! can read why, and the connection goes on behind them.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use epistemic_logging::Limit;
use epistemic_protocol::ErrorCode;

use crate::{
    request::{error::OpError, response},
    wire::{
        Envelope, ReplyTo, envelope,
        frame::{FrameTooLarge, PREFIX},
    },
};

/// The longest frame that is passed over; at a longer one the connection ends.
pub(crate) const LONGEST: usize = 2 << 30;
/// Bytes in which the id and the token are looked for, which clients put first.
pub(crate) const HEAD: usize = 16 << 10;

/// A frame that is being passed over.
pub(crate) struct Oversized {
    left: usize,
    head: Vec<u8>,
    /// The answer.
    text: String,
}

impl Oversized {
    /// The frame of this length at the beginning of `inbox`.
    pub(crate) fn begin(inbox: &mut BytesMut, length: usize, text: String) -> Self {
        inbox.advance(PREFIX);
        Self { left: length, head: Vec::new(), text }
    }

    /// Throws away what has arrived of the frame. True when that was the last of it.
    pub(crate) fn pass_over(&mut self, inbox: &mut BytesMut) -> bool {
        let arrived = inbox.len().min(self.left);
        let wanted = HEAD.saturating_sub(self.head.len()).min(arrived);
        self.head.extend_from_slice(&inbox[..wanted]);
        inbox.advance(arrived);
        self.left -= arrived;
        self.left == 0
    }

    /// The answer frame.
    pub(crate) fn answer(self) -> Vec<u8> {
        let unread = |_| ReplyTo { id: envelope::id_of(&self.head), coded: false };
        let to = Envelope::parse(&self.head).map_or_else(unread, |envelope| envelope.reply_to());
        let mut out = Vec::new();
        response::error(&mut out, to, &OpError::Text(self.text));
        out
    }
}

/// What is answered to one that is too long for its sender.
pub(crate) fn text(error: FrameTooLarge) -> String {
    let code = ErrorCode::FrameTooLarge;
    format!("{code}: {error}; raise --max-frame-bytes, for documents --max-document-bytes")
}

/// That of a sender who signs: whether he is known shows only when all of a frame is there, which takes more room than
/// strangers get.
pub(crate) fn signed_text(error: FrameTooLarge) -> String {
    let code = ErrorCode::FrameTooLarge;
    format!("{code}: {error} for the first request of a connection that signs; send Ping first")
}

/// Logs it.
pub(crate) fn tell(peer: &str, error: FrameTooLarge) {
    static LINES: Limit = Limit::new(5, Duration::from_secs(60));
    if let Some(left_out) = LINES.admit() {
        tracing::warn!(peer, left_out, "request refused: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_goes_and_what_follows_stays() {
        let mut inbox = BytesMut::from(&b"\0\0\0\x0a\x81\xa2id\x07"[..]);
        let mut frame = Oversized::begin(&mut inbox, 10, "FRAME_TOO_LARGE".into());
        assert!(!frame.pass_over(&mut inbox) && inbox.is_empty());
        inbox.extend_from_slice(b"12345next");
        assert!(frame.pass_over(&mut inbox));
        assert_eq!(&inbox[..], b"next");
        assert_eq!(frame.answer()[4..], *b"\x82\xa2id\x07\xa5error\xafFRAME_TOO_LARGE");
    }
}
