//! Reading MessagePack, one item at a time.

use rmp::Marker;

use super::BodyError;

/// The bytes that are still to be read.
pub(super) struct Reader<'a>(&'a [u8]);

/// One item. Those of a container follow it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    Nil,
    Bool(bool),
    Uint(u64),
    Int(i64),
    F32(f32),
    F64(f64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    Array(usize),
    Map(usize),
}

impl<'a> Item<'a> {
    /// The bytes of a text, in either form that clients write.
    pub(super) fn text(self) -> Option<&'a [u8]> {
        if let Item::Str(text) | Item::Bin(text) = self { Some(text) } else { None }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], BodyError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(BodyError::Broken)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BodyError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(BodyError::Broken)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn len8(&mut self) -> Result<usize, BodyError> {
        Ok(self.array::<1>()?[0].into())
    }

    fn len16(&mut self) -> Result<usize, BodyError> {
        Ok(u16::from_be_bytes(self.array()?).into())
    }

    fn len32(&mut self) -> Result<usize, BodyError> {
        Ok(u32::from_be_bytes(self.array()?) as usize)
    }

    pub(super) fn item(&mut self) -> Result<Item<'a>, BodyError> {
        let [marker] = self.array()?;
        let length = |length: u8| usize::from(length);
        Ok(match Marker::from_u8(marker) {
            Marker::Null => Item::Nil,
            Marker::True => Item::Bool(true),
            Marker::False => Item::Bool(false),
            Marker::FixPos(value) => Item::Uint(value.into()),
            Marker::U8 => Item::Uint(self.array::<1>()?[0].into()),
            Marker::U16 => Item::Uint(u16::from_be_bytes(self.array()?).into()),
            Marker::U32 => Item::Uint(u32::from_be_bytes(self.array()?).into()),
            Marker::U64 => Item::Uint(u64::from_be_bytes(self.array()?)),
            Marker::FixNeg(value) => Item::Int(value.into()),
            Marker::I8 => signed(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => signed(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => signed(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => signed(i64::from_be_bytes(self.array()?)),
            Marker::F32 => Item::F32(f32::from_be_bytes(self.array()?)),
            Marker::F64 => Item::F64(f64::from_be_bytes(self.array()?)),
            Marker::FixStr(count) => Item::Str(self.take(length(count))?),
            Marker::Str8 => self.len8().and_then(|count| self.take(count)).map(Item::Str)?,
            Marker::Str16 => self.len16().and_then(|count| self.take(count)).map(Item::Str)?,
            Marker::Str32 => self.len32().and_then(|count| self.take(count)).map(Item::Str)?,
            Marker::Bin8 => self.len8().and_then(|count| self.take(count)).map(Item::Bin)?,
            Marker::Bin16 => self.len16().and_then(|count| self.take(count)).map(Item::Bin)?,
            Marker::Bin32 => self.len32().and_then(|count| self.take(count)).map(Item::Bin)?,
            Marker::FixArray(count) => Item::Array(length(count)),
            Marker::Array16 => Item::Array(self.len16()?),
            Marker::Array32 => Item::Array(self.len32()?),
            Marker::FixMap(count) => Item::Map(length(count)),
            Marker::Map16 => Item::Map(self.len16()?),
            Marker::Map32 => Item::Map(self.len32()?),
            Marker::FixExt1
            | Marker::FixExt2
            | Marker::FixExt4
            | Marker::FixExt8
            | Marker::FixExt16
            | Marker::Ext8
            | Marker::Ext16
            | Marker::Ext32
            | Marker::Reserved => return Err(BodyError::Broken),
        })
    }

    /// `count` integers 0-255, which some clients send in place of a bin.
    pub(super) fn integers(&mut self, count: usize) -> Option<Vec<u8>> {
        // Each has at least one byte.
        let mut bytes = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            match self.item() {
                Ok(Item::Uint(value)) => bytes.push(u8::try_from(value).ok()?),
                _ => return None,
            }
        }
        Some(bytes)
    }
}

fn signed(value: i64) -> Item<'static> {
    u64::try_from(value).map_or(Item::Int(value), Item::Uint)
}
