//! A log in a file.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::{FlockOperation, OFlags, flock};

use crate::chain::{self, Head};
use crate::resume;
use crate::rotated::{name_of, rotated};
use crate::verify::FILE;
use crate::{Entry, Finding};

/// When a file is put away and a new one begun.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// It would have more bytes.
    pub bytes: u64,
    /// Its first line is so old.
    pub every: Option<Duration>,
    /// So many of those that were put away are kept; without it all.
    pub keep: Option<usize>,
}

/// What was found at the start of a log that was there already.
#[derive(Debug, Default)]
pub struct Resumed {
    /// Bytes of a line that had been cut short, which were cut off.
    pub torn: u64,
    /// What is wrong with the lines of the file. The log goes on behind them.
    pub findings: Vec<Finding>,
}

/// Writes a log to a file, which is for its owner alone. Only one process has it at a time.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    rotation: Rotation,
    head: Head,
    /// None when it has to be opened again.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: fs::File,
    /// Device and inode.
    id: (u64, u64),
    length: u64,
    /// Sequence and time of its first line.
    first: (u64, u64),
}

impl AuditFile {
    /// Opens the log, or begins it, at a time in milliseconds since 1970. A line that was cut short is cut off, and a line says so; so
    /// does one about lines that are not sound, which stay. Blocks; what it wrote is durable on return.
    ///
    /// # Errors
    /// The file cannot be read or written, or another process has it.
    pub fn open(path: &Path, rotation: Rotation, now: u64) -> io::Result<(Self, Resumed)> {
        let mut log = Self { path: path.to_owned(), rotation, head: Head::default(), open: None };
        let resumed = log.resume(None, now)?;
        Ok((log, resumed))
    }

    /// The last line.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Appends a line for each entry. Blocks; durable on return. The sequence of the last line.
    ///
    /// # Errors
    /// They cannot be written: none of them is in the log.
    pub fn append(&mut self, entries: &[Entry], now: u64) -> io::Result<u64> {
        if self.open.as_ref().is_none_or(|open| id_of(&self.path).ok() != Some(open.id)) {
            // What this process wrote is known, whatever became of the file.
            let head = self.head.clone();
            self.open = None;
            self.resume(Some(head), now)?;
        }
        if self.is_due(entries.len(), now) {
            self.rotate(now)?;
        }
        self.write(entries, now)?;
        Ok(self.head.sequence)
    }

    fn resume(&mut self, known: Option<Head>, now: u64) -> io::Result<Resumed> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let file = options.open(&self.path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::other(format!("another process writes '{}'", self.path.display())))?;
        let state = resume::of_file(&self.path)?;
        if state.torn > 0 {
            file.set_len(state.whole)?;
        }
        let begins = state.whole == 0;
        let before = if begins { resume::of_rotated(&self.path)?.unwrap_or_default() } else { state.head };
        self.head = known.unwrap_or(before);
        let metadata = file.metadata()?;
        let first = state.first.unwrap_or((self.head.sequence + 1, now));
        let id = (metadata.dev(), metadata.ino());
        self.open = Some(Open { file, id, length: state.whole, first });
        let resumed = Resumed { torn: state.torn, findings: state.findings };
        let mut entries = Vec::new();
        if begins {
            entries.push(self.begin());
        }
        if resumed.torn > 0 {
            let detail = format!("{} bytes of a line that was never finished were cut off", resumed.torn);
            entries.push(Entry::new("torn").detail(detail));
        }
        if let Some(first) = resumed.findings.first() {
            let count = resumed.findings.len() as u64;
            let detail = format!("line {} of the file: {}", first.line, first.fault);
            entries.push(Entry { count: Some(count), ..Entry::new("broken").detail(detail) });
        }
        if !entries.is_empty() {
            // A file without its first line is begun again.
            self.write(&entries, now).inspect_err(|_| self.open = None)?;
        }
        if begins {
            self.sync_folder()?;
        }
        Ok(resumed)
    }

    /// The first line of a file.
    fn begin(&self) -> Entry {
        Entry::new(FILE).detail(format!("follows line {}", self.head))
    }

    fn is_due(&self, lines: usize, now: u64) -> bool {
        const LINE: u64 = 512;
        let Some(open) = &self.open else { return false };
        let full = open.length + LINE * lines as u64 > self.rotation.bytes;
        let age = Duration::from_millis(now.saturating_sub(open.first.1));
        // A file has more than its first line.
        open.first.0 < self.head.sequence && (full || self.rotation.every.is_some_and(|every| age >= every))
    }

    fn rotate(&mut self, now: u64) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        fs::rename(&self.path, name_of(&self.path, open.first.0))?;
        self.sync_folder()?;
        let head = self.head.clone();
        self.resume(Some(head), now)?;
        if let Some(keep) = self.rotation.keep {
            let files = rotated(&self.path)?;
            let too_many = files.len().saturating_sub(keep);
            for old in &files[..too_many] {
                fs::remove_file(old)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, entries: &[Entry], now: u64) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Err(io::Error::other("the log is not open")) };
        let (mut text, mut head) = (String::new(), self.head.clone());
        for entry in entries {
            let (line, next) = chain::seal(&head, now, entry);
            text.push_str(&line);
            text.push('\n');
            head = next;
        }
        let written = open.file.write_all(text.as_bytes());
        if let Err(error) = written.and_then(|()| open.file.sync_data()) {
            // Nothing of it stays, so that the next line follows a whole one.
            if open.file.set_len(open.length).and_then(|()| open.file.sync_data()).is_err() {
                self.open = None;
            }
            return Err(error);
        }
        open.length += text.len() as u64;
        self.head = head;
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}
