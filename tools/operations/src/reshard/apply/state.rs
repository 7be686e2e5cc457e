//! The directory of a reshard: `plan.json`, `journal.jsonl`, `receipts/`, `summary.json`, and `paused` while it is.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use epistemic_storage::durable::{NewFile, sync_parent};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::super::error::ReshardError;
use super::super::model::{Move, Plan};
use super::outcome::Outcome;
use crate::moves::{Journal, Lines, Receipt, is_held, is_locked, read_journal};

const PLAN: &str = "plan.json";
const JOURNAL: &str = "journal.jsonl";
const RECEIPTS: &str = "receipts";
const SUMMARY: &str = "summary.json";
const PAUSED: &str = "paused";

/// What is to be done, as `plan.json` keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Begins the ids of its moves.
    pub id: String,
    /// Persist directories of shards that are stopped.
    pub directories: Vec<(String, PathBuf)>,
    /// The plan as it was made.
    pub plan: Plan,
    /// Moves of graphs that were created or came to light since then.
    pub found_later: Vec<Move>,
}

impl Task {
    /// All moves; the place of a move in it never changes.
    pub fn moves(&self) -> impl Iterator<Item = &Move> {
        self.plan.moves.iter().chain(&self.found_later)
    }

    /// The move with this number.
    pub fn get(&self, number: usize) -> Option<&Move> {
        self.plan.moves.get(number).or_else(|| self.found_later.get(number - self.plan.moves.len()))
    }

    /// Names the move with this number to its shards.
    pub(super) fn move_id(&self, number: usize) -> String {
        format!("{}-{number}", self.id)
    }

    /// Whether a move is one of this task.
    pub(super) fn owns(&self, move_id: &str) -> bool {
        move_id.strip_prefix(&self.id).is_some_and(|rest| rest.starts_with('-'))
    }

    /// What became of each move.
    pub(super) fn outcomes(&self, lines: &Lines) -> Vec<Outcome> {
        let of = |number| Outcome::of(lines.get(&self.move_id(number)).map_or(&[][..], Vec::as_slice));
        (0..self.moves().count()).map(of).collect()
    }
}

/// The directory, held by this process alone.
pub struct State {
    dir: PathBuf,
    /// What is to be done.
    pub task: Task,
    pub(super) journal: Journal,
}

/// What a state directory says to who does not hold it.
pub(super) struct Seen {
    pub(super) task: Task,
    pub(super) lines: Lines,
    /// A process holds it.
    pub(super) running: bool,
    pub(super) paused: bool,
}

/// A directory that has no task yet, held by this process alone.
pub struct Claim {
    dir: PathBuf,
    journal: Journal,
}

impl Claim {
    /// Takes a directory, made if missing.
    ///
    /// # Errors
    /// It has a task already, or another process holds it.
    pub fn new(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir.join(RECEIPTS))?;
        let journal = lock(dir)?;
        if dir.join(PLAN).exists() {
            return Err(ReshardError::HasBegun { dir: dir.to_owned() }.into());
        }
        Ok(Self { dir: dir.to_owned(), journal })
    }

    /// Gives it a task. Nothing is written before `State::save`.
    pub fn begin(self, plan: Plan, directories: Vec<(String, PathBuf)>) -> State {
        let id = uuid::Uuid::new_v4().to_string();
        let task = Task { id, directories, plan, found_later: Vec::new() };
        State { dir: self.dir, task, journal: self.journal }
    }
}

impl State {
    /// Takes the directory of a task that was begun.
    ///
    /// # Errors
    /// It has none, or another process holds it.
    pub fn open(dir: &Path) -> Result<Self> {
        let task = load(dir)?;
        Ok(Self { dir: dir.to_owned(), task, journal: lock(dir)? })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes the task. Durable on return.
    pub(super) fn save(&self) -> Result<()> {
        write(&self.dir.join(PLAN), &self.task)?;
        // The directory itself may be new.
        Ok(sync_parent(&fs::canonicalize(&self.dir)?)?)
    }

    /// Writes the receipt of a move. Durable on return.
    pub(super) fn save_receipt(&self, receipt: &Receipt) -> Result<()> {
        write(&self.dir.join(RECEIPTS).join(format!("{}.json", receipt.move_id)), receipt)
    }

    /// Writes what it came to.
    pub(super) fn save_summary(&self, summary: &impl Serialize) -> Result<()> {
        write(&self.dir.join(SUMMARY), summary)
    }

    /// Whether it is to pause.
    pub(super) fn is_paused(&self) -> bool {
        self.dir.join(PAUSED).exists()
    }

    /// What became of each move.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let of = |number| Outcome::of(&self.journal.lines(&self.task.move_id(number)));
        (0..self.task.moves().count()).map(of).collect()
    }
}

/// Reads a directory that another process may hold.
pub(super) fn look(dir: &Path) -> Result<Seen> {
    let task = load(dir)?;
    let (lines, _) = read_journal(&dir.join(JOURNAL))?;
    Ok(Seen { task, lines, running: is_held(&dir.join(JOURNAL))?, paused: dir.join(PAUSED).exists() })
}

/// The receipts so far.
pub(super) fn receipts(dir: &Path) -> Result<Vec<Receipt>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir.join(RECEIPTS))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let receipt = serde_json::from_slice(&fs::read(&path)?);
            found.push(receipt.with_context(|| format!("'{}' is no receipt", path.display()))?);
        }
    }
    Ok(found)
}

/// Has whoever holds the directory pause, now or when it goes on; or go on.
///
/// # Errors
/// [`ReshardError::NotBegun`]; the directory fails.
pub fn set_paused(dir: &Path, paused: bool) -> Result<()> {
    load(dir)?;
    let path = dir.join(PAUSED);
    if paused {
        fs::write(&path, b"")?;
        return Ok(());
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// # Errors
/// [`ReshardError::Held`]; as [`Journal::open`].
fn lock(dir: &Path) -> Result<Journal> {
    Journal::open(&dir.join(JOURNAL)).map_err(|error| match is_locked(&error) {
        true => ReshardError::Held { dir: dir.to_owned() }.into(),
        false => error,
    })
}

fn load(dir: &Path) -> Result<Task> {
    let path = dir.join(PLAN);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(ReshardError::NotBegun { dir: dir.to_owned() }.into());
        }
        text => text?,
    };
    serde_json::from_slice(&text).with_context(|| format!("'{}' is damaged", path.display()))
}

fn write(path: &Path, document: &impl Serialize) -> Result<()> {
    let mut file = NewFile::create(path)?;
    serde_json::to_writer_pretty(&mut file, document)?;
    file.write_all(b"\n")?;
    Ok(file.finish()?)
}
