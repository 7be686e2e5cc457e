//! Checksums of small text files. A file without one is of an earlier version.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

const MARK: &str = " crc32=";

/// The member that holds the checksum of a JSON file: that of the file with zeros in place of its eight digits.
const MEMBER: &str = "crc32";
const NO_CRC: &str = "00000000";

/// What a line of a small file turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'t> {
    /// Its checksum fits, or it is of a version that wrote none.
    Whole(&'t str),
    /// Its checksum does not fit, or it cannot be one of ours.
    Damaged,
}

/// `text` with its checksum, as one line.
pub(crate) fn seal(text: &str) -> String {
    format!("{text}{MARK}{:08x}\n", crc32fast::hash(text.as_bytes()))
}

/// The text of a sealed line. What follows the line is not looked at.
pub(crate) fn open(bytes: &[u8]) -> Option<&str> {
    let line = bytes.split(|&byte| byte == b'\n').next()?;
    let (text, crc) = str::from_utf8(line).ok()?.rsplit_once(MARK)?;
    let fits = crc.len() == 8 && u32::from_str_radix(crc, 16).ok()? == crc32fast::hash(text.as_bytes());
    (fits && bytes.len() > line.len()).then_some(text)
}

/// The text of a line that is sealed, or that `is_older` takes for one of an earlier version.
pub(crate) fn open_or_older(bytes: &[u8], is_older: impl Fn(&str) -> bool) -> Line<'_> {
    let unsealed = || str::from_utf8(bytes).ok()?.strip_suffix('\n').filter(|text| is_older(text));
    open(bytes).or_else(unsealed).map_or(Line::Damaged, Line::Whole)
}

/// `value`, an object, as readable JSON with its checksum.
pub(crate) fn seal_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut value = serde_json::to_value(value)?;
    if let Value::Object(members) = &mut value {
        members.insert(MEMBER.to_owned(), NO_CRC.into());
    }
    let mut text = serde_json::to_vec_pretty(&value)?;
    if let Some(at) = digits_at(&text) {
        let crc = format!("{:08x}", crc32fast::hash(&text));
        text[at..at + NO_CRC.len()].copy_from_slice(crc.as_bytes());
    }
    Ok(text)
}

/// Reads what [`seal_json`] wrote, or an earlier version without a checksum, which has no members but `older`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn open_json<T: DeserializeOwned>(text: &[u8], older: &[&str]) -> Result<T, String> {
    let mut value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let members = value.as_object_mut().ok_or("it is no object")?;
    match digits_at(text) {
        Some(at) => {
            let (mut zeroed, found) = (text.to_vec(), &text[at..at + NO_CRC.len()]);
            zeroed[at..at + NO_CRC.len()].copy_from_slice(NO_CRC.as_bytes());
            if found != format!("{:08x}", crc32fast::hash(&zeroed)).as_bytes() {
                return Err("its checksum does not fit".into());
            }
            members.remove(MEMBER);
        }
        None => {
            if let Some(unknown) = members.keys().find(|name| !older.contains(&name.as_str())) {
                return Err(format!("it has no checksum, and a member '{unknown}' that it cannot have"));
            }
        }
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Where the digits of the checksum are: behind the name that occurs last.
fn digits_at(text: &[u8]) -> Option<usize> {
    let name = format!("\"{MEMBER}\": \"");
    let at = text.windows(name.len()).rposition(|found| found == name.as_bytes())? + name.len();
    (text.get(at + NO_CRC.len()) == Some(&b'"')).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
    struct Small {
        name: String,
        numbers: Vec<u64>,
    }

    const OLDER: [&str; 2] = ["name", "numbers"];

    #[test]
    fn every_flip_and_every_cut_of_json_is_found() {
        let small = Small { name: "a \"crc32\": \"12345678\" name".into(), numbers: vec![1, 20, 300] };
        let sealed = seal_json(&small).unwrap();
        assert_eq!(open_json::<Small>(&sealed, &OLDER), Ok(small.clone()));
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut damaged = sealed.clone();
                damaged[at] ^= 1 << bit;
                let found = open_json::<Small>(&damaged, &OLDER);
                assert!(found.is_err(), "bit {bit} of byte {at}: {found:?}");
            }
            assert!(open_json::<Small>(&sealed[..at], &OLDER).is_err(), "cut at {at}");
        }
        let older = serde_json::to_vec(&small).unwrap();
        assert_eq!(open_json(&older, &OLDER), Ok(small));
    }

    #[test]
    fn every_flip_and_every_cut_is_found() {
        let sealed = seal("MANIFEST-000005 944");
        assert_eq!(open(sealed.as_bytes()), Some("MANIFEST-000005 944"));
        assert_eq!(open(format!("{sealed}left over").as_bytes()), Some("MANIFEST-000005 944"));
        let older = |text: &str| text.split_once(' ').is_some_and(|(_, bytes)| bytes.parse::<u64>().is_ok());
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut damaged = sealed.clone().into_bytes();
                damaged[at] ^= 1 << bit;
                // The case of a hexadecimal digit is no part of the number.
                let harmless =
                    sealed.as_bytes()[at].is_ascii_hexdigit() && bit == 5 && at > sealed.len() - 10;
                let found = open_or_older(&damaged, older);
                assert!(found == Line::Damaged || harmless, "bit {bit} of byte {at}: {found:?}");
            }
            assert_eq!(open_or_older(&sealed.as_bytes()[..at], older), Line::Damaged, "cut at {at}");
        }
    }

    #[test]
    fn files_of_an_earlier_version_are_read() {
        let older = |text: &str| text.split_once(' ').is_some_and(|(_, bytes)| bytes.parse::<u64>().is_ok());
        assert_eq!(open_or_older(b"MANIFEST-000005 944\n", older), Line::Whole("MANIFEST-000005 944"));
        assert_eq!(open_or_older(b"MANIFEST-000005 944", older), Line::Damaged);
        assert_eq!(open_or_older(b"", older), Line::Damaged);
    }
}
