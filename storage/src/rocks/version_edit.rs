//! The records of a manifest, as far as they tell which logs are needed (RocksDB `db/version_edit.h`, `db/wal_edit.h`).

/// What one record changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct VersionEdit {
    /// The column family that it is about.
    pub(super) family: u32,
    /// This family needs no log below this number.
    pub(super) log_number: Option<u64>,
    /// Nothing needs a log below this number.
    pub(super) min_log: Option<u64>,
    /// The family begins here.
    pub(super) adds_family: bool,
    /// The family ends here.
    pub(super) drops_family: bool,
    /// Logs that are complete: number, and bytes that were synced.
    pub(super) closed_logs: Vec<(u64, u64)>,
    /// Records of the same group that are still to come; they take effect together.
    pub(super) rest_of_group: Option<u32>,
}

/// Tags from here on are followed by the length of their value.
const IGNORABLE: u64 = 1 << 13;
const CLOSED_LOG: u64 = IGNORABLE + 7;

/// Takes a record apart; `None` when it is none that this code knows.
pub(super) fn decode(record: &[u8]) -> Option<VersionEdit> {
    let mut edit = VersionEdit::default();
    let mut input = Input(record);
    while !input.0.is_empty() {
        match input.varint()? {
            2 => edit.log_number = Some(input.varint()?),
            10 => edit.min_log = Some(input.varint()?),
            1 => input.skip_slice()?,
            3 | 4 | 9 | 203 => input.skip_varints(1)?,
            5 => {
                input.skip_varints(1)?;
                input.skip_slice()?;
            }
            6 => input.skip_varints(2)?,
            103 => skip_new_file(&mut input, &mut edit)?,
            200 => edit.family = u32::try_from(input.varint()?).ok()?,
            201 => {
                input.skip_slice()?;
                edit.adds_family = true;
            }
            202 => edit.drops_family = true,
            300 => edit.rest_of_group = Some(u32::try_from(input.varint()?).ok()?),
            CLOSED_LOG => edit.closed_logs.push(closed_log(input.slice()?)?),
            tag if tag & IGNORABLE != 0 => input.skip_slice()?,
            _ => return None,
        }
    }
    Some(edit)
}

/// A table file: level, number, size, two keys, two sequence numbers, fields behind their tags, and tag 1.
fn skip_new_file(input: &mut Input<'_>, edit: &mut VersionEdit) -> Option<()> {
    input.skip_varints(3)?;
    input.skip_slice()?;
    input.skip_slice()?;
    input.skip_varints(2)?;
    loop {
        match input.varint()? {
            1 => return Some(()),
            3 => edit.min_log = Some(u64::from_le_bytes(input.slice()?.try_into().ok()?)),
            _ => input.skip_slice()?,
        }
    }
}

/// Number, tag 2 and the synced size, tag 1.
fn closed_log(value: &[u8]) -> Option<(u64, u64)> {
    let mut input = Input(value);
    let (number, mut synced) = (input.varint()?, 0);
    loop {
        match input.varint()? {
            1 => return Some((number, synced)),
            2 => synced = input.varint()?,
            _ => return None,
        }
    }
}

struct Input<'b>(&'b [u8]);

impl<'b> Input<'b> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn slice(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (slice, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(slice)
    }

    fn skip_varints(&mut self, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.varint().map(drop))
    }

    fn skip_slice(&mut self) -> Option<()> {
        self.slice().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_logs_are_found_among_the_rest() {
        let record = [
            b"\x02\x90\x03".as_slice(),              // log number 400
            b"\x03\x0a\x04\x0b",                     // next file, last sequence
            b"\x67\x00\x07\x64\x02aa\x02bb\x01\x02", // a table
            b"\x03\x08\x05\0\0\0\0\0\0\0",           // the lowest log, 5, among its fields
            b"\x05\x01\x09\x01",                     // another field, and the end of them
            b"\x87\x40\x05\x07\x02\x90\x03\x01",     // log 7 of 400 bytes is complete
            b"\x88\x40\x01\x06",                     // a tag that is passed over
            b"\xc8\x01\x03",                         // of family 3
        ]
        .concat();
        let edit = VersionEdit {
            family: 3,
            log_number: Some(400),
            min_log: Some(5),
            closed_logs: vec![(7, 400)],
            ..VersionEdit::default()
        };
        assert_eq!(decode(&record), Some(edit));
        for length in 0..record.len() {
            let _ = decode(&record[..length]);
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for record in [&b"\x0b\x01"[..], b"\x02", b"\x01\x05ab", b"\x87\x40\x02\x07\x03"] {
            assert_eq!(decode(record), None, "{record:?}");
        }
    }
}
