//! Programs whose wall clock is wrong: a library for `LD_PRELOAD` (`powercut/clock.c`) whose offset can be changed while they
//! run.

use std::ffi::OsString;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::preload;

const SOURCE: &str = include_str!("../powercut/clock.c");
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// A wall clock beside the true one; at first they agree.
#[derive(Debug)]
pub struct Clock {
    work: TempDir,
    library: PathBuf,
}

impl Clock {
    /// A clock that is `ahead_ms` milliseconds ahead; behind, when that is negative.
    pub fn ahead(ahead_ms: i64) -> Result<Clock> {
        let work = tempfile::Builder::new().prefix("eg-clock-").tempdir()?;
        let library = preload::compile(SOURCE, work.path())?;
        let clock = Clock { work, library };
        fs_err::write(clock.offset(), [0; 8])?;
        clock.set(ahead_ms)?;
        Ok(clock)
    }

    fn offset(&self) -> PathBuf {
        self.work.path().join("offset")
    }

    /// Steps the clock of all programs that were and will be started with it.
    pub fn set(&self, ahead_ms: i64) -> Result<()> {
        let file = fs_err::OpenOptions::new().write(true).open(self.offset())?.into_file();
        file.write_all_at(&(ahead_ms * 1_000_000).to_ne_bytes(), 0).context("the offset of the clock")
    }

    /// What it shows now, Unix milliseconds.
    pub fn now_ms(&self) -> Result<i64> {
        let bytes = fs_err::read(self.offset())?;
        let offset = bytes.first_chunk().map_or(0, |bytes| i64::from_ne_bytes(*bytes));
        Ok(true_ms() + offset / 1_000_000)
    }

    /// The environment of a program that is to have it.
    pub fn environment(&self) -> [(OsString, OsString); 2] {
        [("LD_PRELOAD".into(), self.library.clone().into()), ("CLOCK_OFFSET".into(), self.offset().into())]
    }
}

/// What the true clock shows, Unix milliseconds.
pub fn true_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
