//! System calls that fail at random: a library for `LD_PRELOAD` (`powercut/faults.c`) whose rate can be changed while the
//! program runs.

use std::ffi::OsString;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::preload;

const SOURCE: &str = include_str!("../powercut/faults.c");
/// Bytes of `struct control` before the counters.
const HEAD: usize = 32;

/// What a call can meet, in the order of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A write fails with EIO; a part may have been written.
    WriteError,
    /// A write fails with ENOSPC; a part may have been written.
    WriteFull,
    /// A write is done in part, and says so.
    WriteShort,
    /// A sync fails with EIO.
    SyncError,
    /// A sync fails with ENOSPC.
    SyncFull,
    /// A sync takes [`Rate::slow_ms`] longer.
    SyncSlow,
    /// A read fails with EIO.
    ReadError,
    /// A file cannot be opened, renamed, linked, removed, or a folder made: EIO.
    NameError,
    /// A file or folder cannot be made: ENOSPC.
    NameFull,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Fault; 9] = [
        Fault::WriteError,
        Fault::WriteFull,
        Fault::WriteShort,
        Fault::SyncError,
        Fault::SyncFull,
        Fault::SyncSlow,
        Fault::ReadError,
        Fault::NameError,
        Fault::NameFull,
    ];
}

/// How often calls fail.
#[derive(Debug, Clone)]
pub struct Rate {
    /// One call in so many, of those that a kind of `faults` fits.
    pub one_in: u32,
    /// The kinds.
    pub faults: Vec<Fault>,
    /// Milliseconds that a slow sync takes longer.
    pub slow_ms: u32,
    /// Faults, until there are no more; 0 for no end.
    pub most: u32,
    /// Decides which calls.
    pub seed: u64,
}

/// The library, and the file that controls it. Programs that are started with it have no faults until [`Faults::set`].
#[derive(Debug)]
pub struct Faults {
    work: TempDir,
    library: PathBuf,
    roots: OsString,
}

impl Faults {
    /// For calls on files at or below one of `roots`, absolute paths that need not exist.
    pub fn below(roots: &[&Path]) -> Result<Faults> {
        let work = tempfile::Builder::new().prefix("eg-faults-").tempdir()?;
        let library = preload::compile(SOURCE, work.path())?;
        let mut all = OsString::new();
        for root in roots {
            if !all.is_empty() {
                all.push(":");
            }
            all.push(root.components().collect::<PathBuf>());
        }
        let faults = Faults { work, library, roots: all };
        fs_err::write(faults.control(), [0; HEAD + 8 * Fault::ALL.len()])?;
        Ok(faults)
    }

    fn control(&self) -> PathBuf {
        self.work.path().join("control")
    }

    /// The environment of a program that is to have faults.
    pub fn environment(&self) -> [(OsString, OsString); 3] {
        [
            ("LD_PRELOAD".into(), self.library.clone().into()),
            ("FAULTS_ROOTS".into(), self.roots.clone()),
            ("FAULTS_CONTROL".into(), self.control().into()),
        ]
    }

    /// Sets the rate of all programs that were and will be started with it. The counters go on.
    pub fn set(&self, rate: &Rate) -> Result<()> {
        let kinds = rate.faults.iter().fold(0_u32, |kinds, fault| kinds | 1 << *fault as u32);
        let mut head = Vec::with_capacity(HEAD);
        for number in [rate.one_in, kinds, rate.slow_ms, rate.most] {
            head.extend_from_slice(&number.to_ne_bytes());
        }
        head.extend_from_slice(&rate.seed.to_ne_bytes());
        self.write(&head)
    }

    /// Ends the faults.
    pub fn stop(&self) -> Result<()> {
        self.write(&0_u32.to_ne_bytes())
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let file = fs_err::OpenOptions::new().write(true).open(self.control())?.into_file();
        file.write_all_at(bytes, 0).context("the control file of the faults")
    }

    /// How many faults there were.
    pub fn met(&self) -> Result<u64> {
        let bytes = fs_err::read(self.control())?;
        let (counters, _) = bytes[HEAD..].as_chunks::<8>();
        Ok(counters.iter().map(|counter| u64::from_ne_bytes(*counter)).sum())
    }
}
