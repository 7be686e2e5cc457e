//! The error of a request that cannot be decoded.

use std::fmt::{self, Display, Write};

use epistemic_storage::properties::token::TokenError;
use serde::de;

/// Longest reason in bytes. Reasons quote what the client sent, which may be as long as a frame.
const MAX_REASON: usize = 8 * 1024;

/// Why a request is not valid MessagePack or not a valid request. Its text is the answer to the client:
/// `Invalid request MsgPack: ` and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid request MsgPack: {reason}")]
pub struct DecodeError {
    reason: Box<str>,
}

impl DecodeError {
    /// The text without the prefix.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl de::Error for DecodeError {
    fn custom<T: Display>(message: T) -> Self {
        let mut reason = Clipped(String::new());
        // The only error there can be is the one `Clipped` makes to stop at its limit.
        let _ = write!(reason, "{message}");
        Self { reason: reason.0.into_boxed_str() }
    }
}

impl From<TokenError> for DecodeError {
    fn from(error: TokenError) -> Self {
        de::Error::custom(error)
    }
}

/// Takes text up to [`MAX_REASON`] bytes and refuses more.
struct Clipped(String);

impl Write for Clipped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_REASON - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}
