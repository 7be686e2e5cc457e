//! Frames over the limit from clients that are known: read and thrown away, so that their sender, who is still writing,
//! can read why, and the connection goes on behind them.

use bytes::{Buf, BytesMut};

use crate::wire::{
    envelope,
    frame::PREFIX,
    response::{self, ResponseTooLarge},
};

/// The longest frame that is passed over; at a longer one the connection ends.
pub(crate) const LONGEST: usize = 2 << 30;
/// Bytes that are kept to find the id in, which clients put first.
const HEAD: usize = 4 << 10;

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
    ///
    /// # Errors
    /// Never: its text is short.
    pub(crate) fn answer(&self) -> Result<Vec<u8>, ResponseTooLarge> {
        let mut answer = Vec::new();
        response::error(&mut answer, envelope::id_of(&self.head), &self.text)?;
        Ok(answer)
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
        assert_eq!(frame.answer().unwrap()[4..], *b"\x82\xa2id\x07\xa5error\xafFRAME_TOO_LARGE");
    }
}
