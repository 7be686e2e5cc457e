//! Reading a log while it is written.

use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::chain::{self, Line};
use crate::rotated::{first_line, rotated};
use crate::verify::LONGEST;

/// Reads the lines of a log as they come, over rotation and restarts of its writer.
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    /// Sequence of the last line that was told.
    last: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: BufReader<fs::File>,
    /// Device and inode.
    id: (u64, u64),
    /// Bytes of the lines that were read. What stands behind may be cut off by the next start of the writer.
    whole: u64,
}

impl Follow {
    /// The lines of the log at `path` behind that of this sequence. Opens nothing yet.
    #[must_use]
    pub fn after(path: &Path, sequence: u64) -> Self {
        Self { path: path.to_owned(), last: sequence, open: None }
    }

    /// Hands the lines that came since the last call to `each`, in their order; a log that is not there has none. Lines that are no
    /// lines of a log, or were changed, are passed over. Blocks, but not for lines that are still to come.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn poll(&mut self, mut each: impl FnMut(Line)) -> io::Result<()> {
        if let Some(open) = &mut self.open {
            // The writer is done with a file before it puts it away: asked first, nothing of it is missed.
            let is_current = id_of(&self.path)? == Some(open.id);
            open.read(&mut self.last, &mut each)?;
            if is_current {
                return Ok(());
            }
        }
        self.open = match fs::File::open(&self.path) {
            Ok(file) => Some(Open::new(file)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let put_away = rotated(&self.path)?;
        // The file that has the last line may have more than was read of it.
        let known =
            put_away.iter().rposition(|file| first_line(file).is_some_and(|first| first <= self.last));
        for file in &put_away[known.unwrap_or(0)..] {
            Open::new(fs::File::open(file)?)?.read(&mut self.last, &mut each)?;
        }
        self.open.as_mut().map_or(Ok(()), |open| open.read(&mut self.last, &mut each))
    }
}

impl Open {
    fn new(file: fs::File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self { file: BufReader::new(file), id: (found.dev(), found.ino()), whole: 0 })
    }

    fn read(&mut self, last: &mut u64, each: &mut dyn FnMut(Line)) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.whole))?;
        let mut text = Vec::new();
        loop {
            text.clear();
            let read = io::Read::take(&mut self.file, LONGEST).read_until(b'\n', &mut text)? as u64;
            if text.last() != Some(&b'\n') && read < LONGEST {
                return Ok(());
            }
            self.whole += read;
            text.pop();
            if let Ok(line) = chain::read(&text)
                && line.sequence > *last
            {
                *last = line.sequence;
                each(line);
            }
        }
    }
}

fn id_of(path: &Path) -> io::Result<Option<(u64, u64)>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
