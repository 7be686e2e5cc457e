//! Kinds of chunks, and the fields of records inside them. Lengths are 4 bytes, sequences 8, all little-endian.

/// Kind byte of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    Header = 1,
    Nodes = 2,
    Edges = 3,
    Ledger = 4,
    Vectors = 5,
    /// Identities and channels; in files of their own.
    Service = 6,
    Trailer = 255,
}

impl Kind {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Kind::Header,
            2 => Kind::Nodes,
            3 => Kind::Edges,
            4 => Kind::Ledger,
            5 => Kind::Vectors,
            6 => Kind::Service,
            255 => Kind::Trailer,
            _ => return None,
        })
    }
}

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// A length and as many bytes.
    Bytes,
    /// Eight bytes.
    Sequence,
}

impl Kind {
    /// The fields of each record of a chunk of this kind; none when they differ, or the chunk has no records.
    pub(crate) fn fields(self) -> Option<&'static [Field]> {
        use Field::{Bytes, Sequence};
        match self {
            Kind::Nodes => Some(&[Bytes, Sequence, Bytes]),
            Kind::Edges => Some(&[Bytes, Bytes, Sequence, Bytes]),
            Kind::Ledger => Some(&[Sequence, Bytes]),
            Kind::Vectors => Some(&[Bytes, Bytes]),
            Kind::Header | Kind::Service | Kind::Trailer => None,
        }
    }
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

pub(crate) fn put_sequence(out: &mut Vec<u8>, sequence: u64) {
    out.extend_from_slice(&sequence.to_le_bytes());
}

/// Reads fields off the front of a payload; `None` when they are not all there.
pub(crate) struct Fields<'p> {
    pub(crate) rest: &'p [u8],
}

impl<'p> Fields<'p> {
    pub(crate) fn bytes(&mut self) -> Option<&'p [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(crate) fn text(&mut self) -> Option<&'p str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub(crate) fn sequence(&mut self) -> Option<u64> {
        let (sequence, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*sequence))
    }
}

/// Ledger records back to back, as in a ledger chunk.
pub fn pack_ledger(records: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(records.iter().map(|(_, record)| 12 + record.len()).sum());
    for (sequence, record) in records {
        put_sequence(&mut out, *sequence);
        put_bytes(&mut out, record);
    }
    out
}

/// The records of [`pack_ledger`]; `None` when the bytes are not whole records.
pub fn unpack_ledger(bytes: &[u8]) -> Option<Vec<(u64, Vec<u8>)>> {
    let mut fields = Fields { rest: bytes };
    let mut records = Vec::new();
    while !fields.rest.is_empty() {
        records.push((fields.sequence()?, fields.bytes()?.to_vec()));
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_records_come_back_and_no_part_of_one_does() {
        let records = vec![(1, vec![]), (u64::MAX, vec![7; 300])];
        let bytes = pack_ledger(&records);
        assert_eq!(unpack_ledger(&bytes), Some(records.clone()));
        assert_eq!(unpack_ledger(&[]), Some(Vec::new()));
        for length in 1..bytes.len() {
            let whole = length == 12;
            assert_eq!(unpack_ledger(&bytes[..length]).is_some(), whole, "{length}");
        }
    }
}
