//! A serde deserializer over MessagePack bytes in memory, whose errors read like the reference server's.
//!
//! What the general one of `rmp_serde` lacks: a list of integers read as bytes in one tight loop, the reference's
//! texts for pairs of the wrong length, and enums as `"Name"` or `{"Name": value}` with its texts. Typed values
//! cannot nest deeper than their types, and everything else is skipped without recursion.

use epistemic_storage::properties::token::{Reader, Token, text};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::bytes_field::read_integers;
use super::error::DecodeError;

/// The next value of a reader, with `depth` containers open around it.
pub(super) struct Value<'r, 'a> {
    reader: &'r mut Reader<'a>,
    depth: usize,
}

impl<'r, 'a> Value<'r, 'a> {
    pub(super) fn new(reader: &'r mut Reader<'a>, depth: usize) -> Self {
        Self { reader, depth }
    }
}

/// `invalid type: TOKEN, expected EXPECTED`
pub(super) fn invalid_type(token: Token<'_>, expected: &dyn Expected) -> DecodeError {
    DecodeError::invalid_type(unexpected(token), expected)
}

fn unexpected(token: Token<'_>) -> Unexpected<'_> {
    match token {
        Token::Nil => Unexpected::Unit,
        Token::Bool(value) => Unexpected::Bool(value),
        Token::Uint(value) => Unexpected::Unsigned(value),
        Token::Int(value) => Unexpected::Signed(value),
        Token::Float(value) => Unexpected::Float(value),
        Token::Str(bytes) => text(bytes).map_or(Unexpected::Bytes(bytes), Unexpected::Str),
        Token::Bin(bytes) => Unexpected::Bytes(bytes),
        Token::Ext => Unexpected::NewtypeStruct,
        Token::Array(_) => Unexpected::Seq,
        Token::Map(_) => Unexpected::Map,
    }
}

impl<'de> Deserializer<'de> for Value<'_, 'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let token = self.reader.token()?;
        match token {
            Token::Nil => visitor.visit_unit(),
            Token::Bool(value) => visitor.visit_bool(value),
            Token::Uint(value) => visitor.visit_u64(value),
            Token::Int(value) => visitor.visit_i64(value),
            Token::Float(value) => visitor.visit_f64(value),
            Token::Str(bytes) => match text(bytes) {
                Some(text) => visitor.visit_borrowed_str(text),
                None => visitor.visit_borrowed_bytes(bytes),
            },
            Token::Bin(bytes) => visitor.visit_borrowed_bytes(bytes),
            Token::Ext => Err(invalid_type(token, &visitor)),
            Token::Array(count) => {
                let mut items = Items { reader: self.reader, left: count, depth: self.depth + 1 };
                let value = visitor.visit_seq(&mut items)?;
                match items.left {
                    0 => Ok(value),
                    left => {
                        let expected = format!("{} elements in sequence", count - left);
                        Err(DecodeError::invalid_length(count, &expected.as_str()))
                    }
                }
            }
            Token::Map(count) => {
                visitor.visit_map(Items { reader: self.reader, left: count, depth: self.depth + 1 })
            }
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut ahead = *self.reader;
        match ahead.token()? {
            Token::Array(count) => {
                *self.reader = ahead;
                visitor.visit_byte_buf(read_integers(self.reader, count)?)
            }
            Token::Str(bytes) => {
                *self.reader = ahead;
                visitor.visit_borrowed_bytes(bytes)
            }
            Token::Nil
            | Token::Bool(_)
            | Token::Uint(_)
            | Token::Int(_)
            | Token::Float(_)
            | Token::Bin(_)
            | Token::Ext
            | Token::Map(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut ahead = *self.reader;
        if ahead.token()? == Token::Nil {
            *self.reader = ahead;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let token = self.reader.token()?;
        if let Token::Map(1) = token {
            return visitor.visit_enum(Variant(Value::new(self.reader, self.depth + 1)));
        }
        if let Token::Map(_) = token {
            return Err(DecodeError::invalid_value(unexpected(token), &"map with a single key"));
        }
        if let Token::Str(bytes) = token
            && let Some(name) = text(bytes)
        {
            return visitor.visit_enum(BorrowedStrDeserializer::new(name));
        }
        Err(invalid_type(token, &"string or map"))
    }

    /// The name of a field. A derived visitor would take an integer as the number of a field: a number names none.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut ahead = *self.reader;
        if let Token::Uint(_) | Token::Int(_) = ahead.token()? {
            *self.reader = ahead;
            return visitor.visit_u64(u64::MAX);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.reader.skip(self.depth)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        unit unit_struct seq tuple tuple_struct map struct
    }
}

/// The items of a list, or the pairs of a map, that are still to come.
struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: usize,
    depth: usize,
}

impl<'a> Items<'_, 'a> {
    fn next<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(Value::new(self.reader, self.depth)).map(Some)
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        self.next(seed)
    }

    /// Never more than the bytes that are left: every item has at least one.
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        self.next(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(Value::new(self.reader, self.depth))
    }
}

/// A variant as a map of one entry: its name, then its value.
struct Variant<'r, 'a>(Value<'r, 'a>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), DecodeError> {
        let name = seed.deserialize(Value::new(self.0.reader, self.0.depth))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        <()>::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.0.deserialize_any(visitor)
    }
}
