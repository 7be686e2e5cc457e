//! Reads MessagePack one token at a time, borrowing from the input and never allocating for a scalar.

use std::str;

/// Containers may be nested less deep than this, as in the reference server.
pub const MAX_DEPTH: usize = 1024;

/// One marker with its payload. A container's token holds its length only; its items follow as tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token<'a> {
    /// nil
    Nil,
    /// true or false
    Bool(bool),
    /// Any integer that is not negative, whatever its encoding.
    Uint(u64),
    /// A negative integer.
    Int(i64),
    /// float32 or float64
    Float(f64),
    /// The bytes of a str, not checked to be UTF-8; see [`text`].
    Str(&'a [u8]),
    /// The bytes of a bin.
    Bin(&'a [u8]),
    /// An ext value, already passed over.
    Ext,
    /// That many items follow.
    Array(usize),
    /// That many pairs follow.
    Map(usize),
}

impl Token<'_> {
    /// How many values belong to a container and follow it; `None` for a scalar.
    #[inline]
    pub fn children(self) -> Option<usize> {
        if let Token::Array(items) = self {
            Some(items)
        } else if let Token::Map(pairs) = self {
            Some(2 * pairs)
        } else {
            None
        }
    }
}

/// Why bytes are not MessagePack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The bytes stop inside a value, or a container claims more items than there are bytes.
    #[error("unexpected end of data")]
    End,
    /// The marker 0xc1.
    #[error("wrong msgpack marker Reserved")]
    Reserved,
    /// [`MAX_DEPTH`] containers inside each other.
    #[error("depth limit exceeded")]
    Depth,
}

/// The text of a str token's bytes, if they are UTF-8.
pub fn text(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok()
}

/// No bit of these is set in eight integers of one byte each.
const SMALL: u64 = 0x8080_8080_8080_8080;

/// A position in MessagePack bytes. Copy it to look ahead.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    data: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, rest: data }
    }

    /// Starts at `position`, which must be where a token starts.
    pub fn at(data: &'a [u8], position: usize) -> Self {
        Self { data, rest: data.get(position..).unwrap_or_default() }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.data.len() - self.rest.len()
    }

    /// The bytes from `start`, an earlier position, up to here.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.data[start..self.position()]
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes as they are.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], TokenError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(TokenError::End)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next token.
    #[inline]
    pub fn token(&mut self) -> Result<Token<'a>, TokenError> {
        let [marker] = self.number()?;
        Ok(match marker {
            0x00..=0x7f => Token::Uint(u64::from(marker)),
            0x80..=0x8f => self.map(usize::from(marker & 0x0f))?,
            0x90..=0x9f => self.array(usize::from(marker & 0x0f))?,
            0xa0..=0xbf => Token::Str(self.take(usize::from(marker & 0x1f))?),
            0xc0 => Token::Nil,
            0xc1 => return Err(TokenError::Reserved),
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4 => Token::Bin(self.sized(1)?),
            0xc5 => Token::Bin(self.sized(2)?),
            0xc6 => Token::Bin(self.sized(4)?),
            0xc7 => self.ext(1)?,
            0xc8 => self.ext(2)?,
            0xc9 => self.ext(4)?,
            0xca => Token::Float(f64::from(f32::from_be_bytes(self.number()?))),
            0xcb => Token::Float(f64::from_be_bytes(self.number()?)),
            0xcc => Token::Uint(u64::from(u8::from_be_bytes(self.number()?))),
            0xcd => Token::Uint(u64::from(u16::from_be_bytes(self.number()?))),
            0xce => Token::Uint(u64::from(u32::from_be_bytes(self.number()?))),
            0xcf => Token::Uint(u64::from_be_bytes(self.number()?)),
            0xd0 => signed(i64::from(i8::from_be_bytes(self.number()?))),
            0xd1 => signed(i64::from(i16::from_be_bytes(self.number()?))),
            0xd2 => signed(i64::from(i32::from_be_bytes(self.number()?))),
            0xd3 => signed(i64::from_be_bytes(self.number()?)),
            0xd4..=0xd8 => {
                self.take(1 + (1 << (marker - 0xd4)))?;
                Token::Ext
            }
            0xd9 => Token::Str(self.sized(1)?),
            0xda => Token::Str(self.sized(2)?),
            0xdb => Token::Str(self.sized(4)?),
            0xdc => self.array_sized(2)?,
            0xdd => self.array_sized(4)?,
            0xde => self.map_sized(2)?,
            0xdf => self.map_sized(4)?,
            0xe0..=0xff => Token::Int(i64::from(marker as i8)),
        })
    }

    /// Passes over one whole value; `depth` containers are open around it. Does not recurse, and allocates only
    /// for containers inside containers.
    pub fn skip(&mut self, depth: usize) -> Result<(), TokenError> {
        let mut outer: Vec<usize> = Vec::new();
        let mut left = 1_usize;
        loop {
            while left == 0 {
                match outer.pop() {
                    Some(items) => left = items,
                    None => return Ok(()),
                }
            }
            // Long lists of integers are bytes of published clients.
            if left >= 8
                && let Some((run, rest)) = self.rest.split_first_chunk::<8>()
                && u64::from_ne_bytes(*run) & SMALL == 0
            {
                self.rest = rest;
                left -= 8;
                continue;
            }
            left -= 1;
            let Some(items) = self.token()?.children() else {
                continue;
            };
            outer.push(left);
            if depth + outer.len() >= MAX_DEPTH {
                return Err(TokenError::Depth);
            }
            left = items;
        }
    }

    #[inline]
    fn number<const N: usize>(&mut self) -> Result<[u8; N], TokenError> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(TokenError::End)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn length(&mut self, width: usize) -> Result<usize, TokenError> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn sized(&mut self, width: usize) -> Result<&'a [u8], TokenError> {
        let length = self.length(width)?;
        self.take(length)
    }

    fn ext(&mut self, width: usize) -> Result<Token<'a>, TokenError> {
        let length = self.length(width)?;
        self.take(length + 1)?;
        Ok(Token::Ext)
    }

    fn array_sized(&mut self, width: usize) -> Result<Token<'a>, TokenError> {
        let items = self.length(width)?;
        self.array(items)
    }

    fn map_sized(&mut self, width: usize) -> Result<Token<'a>, TokenError> {
        let pairs = self.length(width)?;
        self.map(pairs)
    }

    fn array(&self, items: usize) -> Result<Token<'a>, TokenError> {
        if items > self.rest.len() { Err(TokenError::End) } else { Ok(Token::Array(items)) }
    }

    fn map(&self, pairs: usize) -> Result<Token<'a>, TokenError> {
        if pairs > self.rest.len() / 2 { Err(TokenError::End) } else { Ok(Token::Map(pairs)) }
    }
}

fn signed(value: i64) -> Token<'static> {
    u64::try_from(value).map_or(Token::Int(value), Token::Uint)
}
