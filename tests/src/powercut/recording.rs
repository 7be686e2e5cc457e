//! A recording of one process, and what can be asked of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::directory;
use super::disk::Disk;
use super::log::{self, Event};
use crate::preload;
use crate::seed::generator;
use crate::server::{ServerBuilder, ServerProcess};

const SOURCE: &str = include_str!("../../powercut/powerlog.c");

/// What a power cut does to changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All are lost.
    Strict,
    /// Of each file and each directory a prefix survives, chosen by this seed; the last write may be torn
    /// at a multiple of 512 bytes.
    Random(u64),
}

/// One successful `fsync` or `fdatasync` of a file (not a directory), as positions in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync {
    /// Just before it began.
    pub begin: u64,
    /// Just after it returned.
    pub end: u64,
}

/// Records what one process does below one directory. Start a single process with it.
#[derive(Debug)]
pub struct Recording {
    work: TempDir,
    library: PathBuf,
    root: PathBuf,
    before: Disk,
}

impl Recording {
    /// Compiles the preload library with `cc` and notes the present content of `root`, which must exist.
    pub fn of_directory(root: &Path) -> Result<Recording> {
        let work = tempfile::Builder::new().prefix("eg-powerlog-").tempdir()?;
        let library = preload::compile(SOURCE, work.path())?;
        let root = fs_err::canonicalize(root)?;
        let before = directory::load(&root)?;
        let recording = Recording { work, library, root, before };
        fs_err::write(recording.log(), [])?;
        Ok(recording)
    }

    /// The environment that makes a process record itself.
    pub fn environment(&self) -> [(OsString, OsString); 3] {
        [
            ("LD_PRELOAD".into(), self.library.clone().into()),
            ("POWERLOG_ROOT".into(), self.root.clone().into()),
            ("POWERLOG_LOG".into(), self.log().into()),
        ]
    }

    /// The same server, storing its data in the recorded directory and recording itself.
    pub fn attach(&self, builder: ServerBuilder) -> ServerBuilder {
        let builder = builder.persist_dir(&self.root);
        self.environment().into_iter().fold(builder, |builder, (name, value)| builder.env(name, value))
    }

    /// Sends SIGKILL between two recorded operations, so that no operation lacks its record.
    pub fn kill9(&self, server: &mut ServerProcess) -> Result<()> {
        let record = fs_err::File::open(self.log())?.into_file();
        record.lock().context("lock the record file")?;
        server.kill9()
    }

    /// The record file. Its size is the present instant.
    pub fn log(&self) -> PathBuf {
        self.work.path().join("powerlog.bin")
    }

    /// The present instant.
    pub fn position(&self) -> Result<u64> {
        Ok(fs_err::metadata(self.log())?.len())
    }

    /// All instants at which something had just been recorded, in order.
    pub fn instants(&self) -> Result<Vec<u64>> {
        Ok(log::read(&self.log())?.iter().map(|record| record.end).collect())
    }

    /// All successful syncs of files, in the order of their ends.
    pub fn syncs(&self) -> Result<Vec<Sync>> {
        let records = log::read(&self.log())?;
        let mut disk = self.before.clone();
        let mut syncs = Vec::new();
        for record in &records {
            if let Event::FsyncEnd { begin, succeeded: true, .. } = record.event
                && disk.syncs_file(begin)
            {
                let begin = records[usize::try_from(begin)?].start;
                syncs.push(Sync { begin, end: record.end });
            }
            disk.apply(record).with_context(|| format!("{record:?}"))?;
        }
        Ok(syncs)
    }

    /// Writes into the empty directory `target` what a power cut at the instant `at` leaves.
    pub fn cut(&self, at: u64, loss: Loss, target: &Path) -> Result<()> {
        let disk = self.disk_at(at)?;
        match loss {
            Loss::Strict => directory::write(&disk, target, None),
            Loss::Random(seed) => directory::write(&disk, target, Some(&mut generator(seed, at))),
        }
    }

    /// Checks that nothing went past the recorder: the record, replayed without any loss, gives the present
    /// content of the directory. Call it when the process has ended, by itself or by [`Recording::kill9`];
    /// without it a cut proves nothing.
    pub fn check_complete(&self) -> Result<()> {
        directory::compare(&self.disk_at(u64::MAX)?, &self.root).context("the recording is incomplete")
    }

    fn disk_at(&self, at: u64) -> Result<Disk> {
        let mut disk = self.before.clone();
        for record in log::read(&self.log())?.iter().take_while(|record| record.end <= at) {
            disk.apply(record).with_context(|| format!("record {}", record.seq))?;
        }
        Ok(disk)
    }
}
