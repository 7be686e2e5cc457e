//! A position in MessagePack that may be damaged.

use epistemic_storage::properties::token::{Reader, Token, text};
use rmp::Marker;

/// Reads the values that the reference server writes. An error is the reason in words; the position stays where the
/// offending value starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(Reader<'a>);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.0.position()
    }

    /// Bytes not read yet.
    pub(super) fn left(&self) -> usize {
        self.0.rest().len()
    }

    /// The head of an array. Unlike a token it may announce more items than there are bytes: of a cut file the first
    /// items are there.
    pub(super) fn array(&mut self) -> Result<u64, String> {
        let mut rest = self.0.rest();
        if !matches!(self.marker()?, Marker::FixArray(_) | Marker::Array16 | Marker::Array32) {
            return Err("something else where a list has to be".to_owned());
        }
        let items = rmp::decode::read_array_len(&mut rest).map_err(|_| END)?;
        self.pass(rest);
        Ok(u64::from(items))
    }

    /// The head of a map, as [`Cursor::array`].
    pub(super) fn map(&mut self) -> Result<u64, String> {
        let mut rest = self.0.rest();
        if !matches!(self.marker()?, Marker::FixMap(_) | Marker::Map16 | Marker::Map32) {
            return Err("something else where a map has to be".to_owned());
        }
        let pairs = rmp::decode::read_map_len(&mut rest).map_err(|_| END)?;
        self.pass(rest);
        Ok(u64::from(pairs))
    }

    fn marker(&self) -> Result<Marker, String> {
        self.0.rest().first().map(|byte| Marker::from_u8(*byte)).ok_or_else(|| END.to_owned())
    }

    fn pass(&mut self, rest: &[u8]) {
        let read = self.left() - rest.len();
        self.0.take(read).expect("the head was there");
    }

    /// A list of exactly `items` values.
    pub(super) fn exactly(&mut self, items: u64) -> Result<(), String> {
        let found = self.array()?;
        if found == items {
            Ok(())
        } else {
            Err(format!("a list of {found} where {items} values have to be"))
        }
    }

    pub(super) fn text(&mut self) -> Result<&'a str, String> {
        let Token::Str(bytes) = self.token()? else {
            return Err("something else where a text has to be".to_owned());
        };
        text(bytes).ok_or_else(|| "a text that is not UTF-8".to_owned())
    }

    pub(super) fn uint(&mut self) -> Result<u64, String> {
        let Token::Uint(value) = self.token()? else {
            return Err("something else where a whole number has to be".to_owned());
        };
        Ok(value)
    }

    /// A float, kept bit by bit when it is a float32.
    pub(super) fn float(&mut self) -> Result<f32, String> {
        let token = self.token()?;
        if let Token::Float(value) = token {
            Ok(value as f32)
        } else if let Token::Uint(value) = token {
            Ok(value as f32)
        } else {
            Err("something else where a component has to be".to_owned())
        }
    }

    /// Bytes: a bin, or a list of integers 0 to 255.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, String> {
        let mut ahead = *self;
        if let Ok(Token::Bin(bytes)) = ahead.0.token() {
            *self = ahead;
            return Ok(bytes.to_vec());
        }
        let items = self.array()?;
        let mut bytes = Vec::with_capacity(self.left().min(items as usize));
        for _ in 0..items {
            match self.0.rest() {
                [byte @ 0..=0x7f, ..] => bytes.push(*byte),
                [0xcc, byte, ..] => bytes.push(*byte),
                _ => {
                    let value = self.uint()?;
                    bytes.push(u8::try_from(value).map_err(|_| format!("{value} where a byte has to be"))?);
                    continue;
                }
            }
            self.0.token().map_err(|error| error.to_string())?;
        }
        Ok(bytes)
    }

    /// Passes over any value.
    pub(super) fn skip(&mut self) -> Result<(), String> {
        self.0.skip(0).map_err(|error| error.to_string())
    }

    fn token(&mut self) -> Result<Token<'a>, String> {
        self.0.token().map_err(|error| error.to_string())
    }
}

const END: &str = "unexpected end of data";
