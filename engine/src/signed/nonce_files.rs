//! The nonces on disk: a folder with a file for each span of time, and one that says whether they are complete.
//!
//! ```text
//! state     "EGNONCE1 ", "open", "shut" or "lost", a blank, the id of the machine's boot, a line break
//! NUMBER    8 bytes of each nonce of the tokens of that span
//! ```
//!
//! A nonce is written before its request is run, and not synced: what a process wrote outlives its death, and a clock
//! tells the rest. After a power cut, which the id of the boot shows, the newest nonces may be missing; tokens of before
//! the start are refused then. Tokens of a clock that is ahead could be of after the start, so their nonces are synced.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use fs_err as fs;
use hashbrown::HashSet;

const MAGIC: &str = "EGNONCE1 ";
const STATE: &str = "state";
/// Bytes of a nonce.
const NONCE: usize = 8;

pub(super) struct NonceFiles {
    dir: PathBuf,
    state: fs::File,
    files: BTreeMap<u64, fs::File>,
    /// Something could not be written.
    lost: bool,
}

/// By the number of their span.
type Seen = BTreeMap<u64, HashSet<u64>>;

impl NonceFiles {
    /// Opens the folder, which is created if need be; what is in it, and whether that is all there was.
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Seen, bool)> {
        // The next start must not take the folder for complete, which would lack the nonces until then.
        Self::try_open(dir).inspect_err(|_| drop(fs::remove_file(dir.join(STATE))))
    }

    fn try_open(dir: &Path) -> io::Result<(Self, Seen, bool)> {
        let first = !dir.exists();
        fs::create_dir_all(dir)?;
        let boot = boot_id();
        let complete = first || is_complete(&fs::read_to_string(dir.join(STATE)).unwrap_or_default(), &boot);
        let (mut seen, mut files) = (Seen::new(), BTreeMap::new());
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let Some(number) = path.file_name().and_then(|name| name.to_str()?.parse().ok()) else {
                continue;
            };
            let bytes = fs::read(&path)?;
            let (nonces, torn) = bytes.as_chunks::<NONCE>();
            let file = fs::OpenOptions::new().append(true).open(&path)?;
            // A nonce that was cut short is of a request that was not run.
            file.set_len((bytes.len() - torn.len()) as u64)?;
            seen.insert(number, nonces.iter().map(|nonce| u64::from_le_bytes(*nonce)).collect());
            files.insert(number, file);
        }
        let state = fs::OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(STATE))?;
        state.file().write_all_at(format!("{MAGIC}open {boot}\n").as_bytes(), 0)?;
        state.sync_all()?;
        fs::File::open(dir)?.sync_all()?;
        Ok((Self { dir: dir.to_owned(), state, files, lost: false }, seen, complete))
    }

    /// Adds a nonce; with `sync` it is durable on return.
    pub(super) fn append(&mut self, number: u64, nonce: u64, sync: bool) -> io::Result<()> {
        let file = match self.files.entry(number) {
            std::collections::btree_map::Entry::Occupied(file) => file.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let path = self.dir.join(number.to_string());
                place.insert(fs::OpenOptions::new().create(true).append(true).open(path)?)
            }
        };
        file.write_all(&nonce.to_le_bytes())?;
        if sync {
            tokio::task::block_in_place(|| {
                file.sync_all()?;
                fs::File::open(&self.dir)?.sync_all()
            })?;
        }
        Ok(())
    }

    /// Notes that a nonce is missing. In place, which takes no room on a full disk.
    pub(super) fn give_up(&mut self) {
        if !self.lost {
            self.lost = self.set_state("lost").is_ok();
        }
    }

    /// Removes the files of these spans.
    pub(super) fn remove<'a>(&mut self, numbers: impl Iterator<Item = &'a u64>) {
        for number in numbers {
            self.files.remove(number);
            if let Err(error) = fs::remove_file(self.dir.join(number.to_string())) {
                tracing::debug!(%error, "file of expired nonces");
            }
        }
    }

    /// Makes all durable and says so.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if self.lost {
            return Ok(());
        }
        for file in self.files.values() {
            file.sync_all()?;
        }
        fs::File::open(&self.dir)?.sync_all()?;
        self.set_state("shut")
    }

    fn set_state(&self, word: &str) -> io::Result<()> {
        self.state.file().write_all_at(word.as_bytes(), MAGIC.len() as u64)?;
        self.state.sync_all()
    }
}

/// Whether the files of a process that left this state hold all its nonces.
fn is_complete(state: &str, boot: &str) -> bool {
    match state.strip_prefix(MAGIC).and_then(|rest| rest.trim_end().split_once(' ')) {
        Some(("shut", _)) => true,
        Some(("open", then)) => !boot.is_empty() && then == boot,
        Some(_) | None => false,
    }
}

/// Another one after each start of the machine; empty where it cannot be told.
fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
