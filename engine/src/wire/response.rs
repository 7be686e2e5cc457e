//! Responses (`docs/reference-protocol.md` section 2.3): one frame holding `{id, result}` or `{id, error}`, appended to a buffer that
//! may hold earlier frames, so that a connection writes them together.

use epistemic_protocol::ErrorCode;

use epistemic_storage::properties::token::{Reader, Token, text};

use super::encode;
use super::frame::PREFIX;

/// A response over the 4 GiB that a frame can hold. It was taken out of the buffer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{code}: the result has {length} bytes, a response holds at most 4294967295",
    code = ErrorCode::ResultTooLarge
)]
pub struct ResponseTooLarge {
    /// Bytes of the response.
    pub length: usize,
}

/// Whom an answer is for, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyTo {
    /// Id of the request.
    pub id: u64,
    /// As clients from 2.27 on expect it: errors are a code with its detail, and some results have another form.
    pub coded: bool,
}

/// A success response whose result is still to be appended to the buffer it was started on: exactly one
/// MessagePack value, with [`encode`], the functions of this module or any other encoder. Then call
/// [`Response::finish`], or [`Response::cancel`] to answer something else instead.
#[derive(Debug)]
#[must_use = "the frame has no length before finish()"]
pub struct Response {
    start: usize,
}

impl Response {
    /// Starts the answer to request `id`.
    pub fn result(out: &mut Vec<u8>, id: u64) -> Self {
        Self::start(out, id, "result")
    }

    /// Writes the length of the frame.
    ///
    /// # Errors
    /// The frame is too large; the buffer is as it was before.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), ResponseTooLarge> {
        self.finish_with(out, 0)
    }

    /// Ends the part of the frame that is in `out`; `following` bytes of it are sent behind.
    ///
    /// # Errors
    /// [`ResponseTooLarge`]; nothing of the frame is left in `out` then.
    pub fn finish_with(self, out: &mut Vec<u8>, following: usize) -> Result<(), ResponseTooLarge> {
        let length = out.len() - self.start - PREFIX + following;
        let Ok(prefix) = u32::try_from(length) else {
            self.cancel(out);
            return Err(ResponseTooLarge { length });
        };
        out[self.start..self.start + PREFIX].copy_from_slice(&prefix.to_be_bytes());
        Ok(())
    }

    /// Takes the whole response out of the buffer again.
    pub fn cancel(self, out: &mut Vec<u8>) {
        out.truncate(self.start);
    }

    fn start(out: &mut Vec<u8>, id: u64, outcome: &str) -> Self {
        Self::start_with(out, id, outcome, 2)
    }

    fn start_with(out: &mut Vec<u8>, id: u64, outcome: &str, pairs: usize) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0; PREFIX]);
        encode::map(out, pairs);
        encode::str(out, "id");
        encode::uint(out, id);
        encode::str(out, outcome);
        Self { start }
    }
}

/// Appends the whole error response to request `id`; 0 when the id could not be read.
///
/// # Errors
/// The frame is too large; nothing was appended.
pub fn error(out: &mut Vec<u8>, id: u64, text: &str) -> Result<(), ResponseTooLarge> {
    let response = Response::start(out, id, "error");
    encode::str(out, text);
    response.finish(out)
}

/// Appends the whole error response to request `id`: a code for programs and its detail for people.
///
/// # Errors
/// The frame is too large; nothing was appended.
pub fn coded_error(out: &mut Vec<u8>, id: u64, code: &str, detail: &str) -> Result<(), ResponseTooLarge> {
    let response = Response::start_with(out, id, "error", 3);
    encode::str(out, code);
    encode::str(out, "error_detail");
    encode::str(out, detail);
    response.finish(out)
}

/// What a response says that a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// A result.
    Result,
    /// An error: its text, or its code where there is one.
    Error {
        /// That.
        text: &'a str,
        /// It is a code.
        is_code: bool,
    },
}

impl<'a> Outcome<'a> {
    /// That of a response that begins with these bytes.
    pub fn of(frame: &'a [u8]) -> Self {
        Self::error(frame).unwrap_or(Outcome::Result)
    }

    fn error(frame: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(frame.get(PREFIX..)?);
        let Ok(Token::Map(pairs)) = reader.token() else { return None };
        // The id and its name.
        reader.token().ok()?;
        reader.token().ok()?;
        match (reader.token(), reader.token()) {
            (Ok(Token::Str(b"error")), Ok(Token::Str(bytes))) => {
                Some(Outcome::Error { text: text(bytes)?, is_code: pairs > 2 })
            }
            (Ok(_) | Err(_), Ok(_) | Err(_)) => None,
        }
    }

    /// The code of an error.
    pub fn code(self) -> Option<String> {
        match self {
            Outcome::Result => None,
            Outcome::Error { text, is_code: true } => Some(text.to_owned()),
            Outcome::Error { text, is_code: false } => Some(ErrorCode::of_text(text).name().to_owned()),
        }
    }
}

/// Appends a bin that holds MessagePack: all that `inner` appends.
pub fn bin_of<T>(out: &mut Vec<u8>, inner: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    const HEAD: usize = 5;
    let start = out.len();
    out.extend_from_slice(&[0xc6, 0, 0, 0, 0]);
    let value = inner(out);
    let length = u32::try_from(out.len() - start - HEAD).unwrap_or(u32::MAX);
    out[start + 1..start + HEAD].copy_from_slice(&length.to_be_bytes());
    value
}

/// Appends bytes as a MessagePack array of integers 0-255.
pub fn integers(out: &mut Vec<u8>, bytes: &[u8]) {
    encode::array(out, bytes.len());
    integer_items(out, bytes);
}

/// Appends the items of such an array, without its header.
pub fn integer_items(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len());
    for byte in bytes {
        if *byte > 0x7f {
            out.push(0xcc);
        }
        out.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_response_says() {
        let mut out = Vec::new();
        let response = Response::result(&mut out, 1 << 40);
        encode::str(&mut out, "error");
        response.finish(&mut out).unwrap();
        assert_eq!(Outcome::of(&out).code(), None);
        for (text, code) in [("ACCESS_DENIED: no", "ACCESS_DENIED"), ("Graph 'g' not found", "NOT_FOUND")] {
            let mut out = Vec::new();
            error(&mut out, 7, text).unwrap();
            assert_eq!(Outcome::of(&out).code().as_deref(), Some(code));
        }
        let mut out = Vec::new();
        coded_error(&mut out, 7, "CONFLICT", "there is one").unwrap();
        assert_eq!(Outcome::of(&out).code().as_deref(), Some("CONFLICT"));
        for cut in [0, 3, 5, 8] {
            assert_eq!(Outcome::of(&out[..cut]), Outcome::Result);
        }
    }
}
