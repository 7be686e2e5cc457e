//! Checksums of small text files. A file without one is of an earlier version.

const MARK: &str = " crc32=";

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

#[cfg(test)]
mod tests {
    use super::*;

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
