//! Reading a whole file of the reference server.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use fs_err as fs;
use rustix::fs::{SeekFrom, seek};

/// A smaller file may have holes: it costs no more memory than it says.
const SMALL: u64 = 64 << 20;

/// The bytes of a file. Blocks.
///
/// # Errors
/// It cannot be read, or is large and has holes, which no server leaves in its files: they take no room on the disk, and
/// would take all memory here.
pub fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    // Not every file system knows of holes.
    let hole = seek(&file, SeekFrom::Hole(0)).unwrap_or(length);
    if length > SMALL && hole < length {
        let text = format!(
            "'{}' says that it has {length} bytes, and most of them are not there (it has holes behind byte {hole}): it is no \
             file that a server has written",
            path.display()
        );
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    seek(&file, SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_of_holes_is_refused_before_memory_is_taken_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("g.mp");
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(&[0x80; 4096]).unwrap();
        file.set_len(1 << 40).unwrap();
        let error = read_whole(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains("1099511627776 bytes"), "{error}");
        file.set_len(8192).unwrap();
        assert_eq!(read_whole(&path).unwrap().len(), 8192);
        assert_eq!(read_whole(&dir.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
