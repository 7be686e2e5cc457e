//! What the moves of one run did and agreed upon: one JSON object per line, each on disk before the next step is taken.
//! What to do next is read off the two places; the journal keeps what they do not know, and tells people.

use std::{collections::HashMap, io::Write, path::Path};

use anyhow::{Context, Result};
use epistemic_storage::{clock, durable::sync_parent};
use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::receipt::Receipt;
use crate::hosts::{Changed, Content};

/// Steps of a move, each written before it is taken but for those that tell what was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The destination is to reserve the name.
    Reserve,
    /// A snapshot is to be copied.
    Copy,
    /// The changes since are to be made again.
    CatchUp,
    /// Both sides had this content at its sequence number.
    Equal {
        /// The content.
        #[serde(flatten)]
        content: Content,
        /// Number of the copy in the destination's store.
        #[serde(default)]
        copy: Option<u64>,
    },
    /// Writes are to be stopped.
    Fence,
    /// Both sides had these changes behind the content that was equal.
    TailEqual(Changed),
    /// The source is to hand over at this sequence number.
    Depart {
        /// Number of the newest change.
        sequence: u64,
        /// Number, in the destination's store, of the copy that was compared.
        #[serde(default)]
        copy: Option<u64>,
    },
    /// The destination is to serve the graph.
    Admit {
        /// Number of the newest change.
        sequence: u64,
    },
    /// Proof of the move; the source is to drop its records.
    Receipt {
        /// The proof.
        receipt: Box<Receipt>,
    },
    /// All is done.
    Done,
    /// It did not go on for now.
    Failed {
        /// Why.
        error: String,
    },
    /// The source has the graph no more, it was deleted; its name is free again at the destination.
    Gone,
    /// The move is given up.
    Abort,
    /// It was given up.
    Aborted,
}

impl Step {
    /// Name in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Step::Reserve => "reserve",
            Step::Copy => "copy",
            Step::CatchUp => "catch_up",
            Step::Equal { .. } => "equal",
            Step::Fence => "fence",
            Step::TailEqual(_) => "tail_equal",
            Step::Depart { .. } => "depart",
            Step::Admit { .. } => "admit",
            Step::Receipt { .. } => "receipt",
            Step::Done => "done",
            Step::Failed { .. } => "failed",
            Step::Gone => "gone",
            Step::Abort => "abort",
            Step::Aborted => "aborted",
        }
    }
}

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// Exact graph name.
    pub graph: String,
    /// The move.
    pub move_id: String,
    /// What was done or found.
    #[serde(flatten)]
    pub step: Step,
}

/// An open journal.
pub struct Journal {
    /// None in tests that need no file.
    file: Option<Mutex<File>>,
    lines: Mutex<Lines>,
    hold_at: Mutex<Option<String>>,
}

/// A step at which the program stops itself once, as with SIGSTOP, for drills and tests: kill it there, or let it go on with
/// SIGCONT.
const HOLD_VAR: &str = "EGCTL_HOLD_AT";

impl Journal {
    /// Opens the journal `path`, which is created when it is missing. A line that was cut off by a crash is removed. No
    /// other process can open it until this is dropped.
    ///
    /// # Errors
    /// Another process has it ([`is_locked`]). A line is no journal line; nothing is changed then.
    pub fn open(path: &Path) -> Result<Self> {
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut file =
            OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(no_link).open(path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .with_context(|| format!("another process works with '{}'", path.display()))?;
        let (lines, whole) = read(path)?;
        file.file_mut().set_len(whole)?;
        file.flush()?;
        sync_parent(path)?;
        let hold_at = std::env::var(HOLD_VAR).ok();
        let (file, lines) = (Some(Mutex::new(file)), Mutex::new(lines));
        Ok(Self { file, lines, hold_at: Mutex::new(hold_at) })
    }

    /// A journal that no file keeps.
    #[cfg(test)]
    pub fn in_memory() -> Self {
        Self { file: None, lines: Mutex::default(), hold_at: Mutex::default() }
    }

    /// Adds a step. It is on disk on return.
    pub fn add(&self, graph: &str, move_id: &str, step: Step) -> Result<()> {
        let name = step.name();
        let line =
            Line { at_ms: clock::unix_ms(), graph: graph.to_owned(), move_id: move_id.to_owned(), step };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        if let Some(file) = &self.file {
            let mut file = file.lock();
            file.write_all(&text)?;
            file.sync_data()?;
        }
        keep(&mut self.lines.lock(), line);
        let hold = self.hold_at.lock().take_if(|step| step == name).is_some();
        if hold {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        }
        Ok(())
    }

    /// The steps of a move so far; of a finished one only its receipt and its end.
    pub fn lines(&self, move_id: &str) -> Vec<Line> {
        self.lines.lock().get(move_id).cloned().unwrap_or_default()
    }

    /// The receipt of a move, if it came that far.
    pub fn receipt(&self, move_id: &str) -> Option<Receipt> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "one kind of line is looked for")]
        self.lines(move_id).into_iter().rev().find_map(|line| match line.step {
            Step::Receipt { receipt } => Some(*receipt),
            _ => None,
        })
    }
}

impl Drop for Journal {
    /// Closing is not enough: a child process that is just being started holds the file open until it runs its program.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // The lock ends with the process all the same.
            let _ = rustix::fs::flock(&*file.lock(), rustix::fs::FlockOperation::Unlock);
        }
    }
}

/// The lines of each move.
pub type Lines = HashMap<String, Vec<Line>>;

/// Reads a journal that another process may be writing, as far as its lines are whole; returns their bytes too.
pub fn read(path: &Path) -> Result<(Lines, u64)> {
    let text = fs_err::read(path)?;
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let mut lines = Lines::new();
    for (number, line) in text[..whole].split(|&byte| byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let line = serde_json::from_slice(line)
            .with_context(|| format!("line {} of the journal '{}' is damaged", number + 1, path.display()))?;
        keep(&mut lines, line);
    }
    Ok((lines, whole as u64))
}

fn keep(lines: &mut Lines, line: Line) {
    let done = matches!(line.step, Step::Done);
    let lines = lines.entry(line.move_id.clone()).or_default();
    if done {
        lines.retain(|line| matches!(line.step, Step::Receipt { .. }));
    }
    lines.push(line);
}

/// Whether a process has the journal open.
pub fn is_held(path: &Path) -> Result<bool> {
    match rustix::fs::flock(&File::open(path)?, rustix::fs::FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        locked => Ok(locked.map(|()| false)?),
    }
}

/// Whether [`Journal::open`] failed because another process works with it.
pub fn is_locked(error: &anyhow::Error) -> bool {
    error.downcast_ref::<rustix::io::Errno>() == Some(&rustix::io::Errno::WOULDBLOCK)
}
