//! Why a reshard does not begin or go on.

use std::path::PathBuf;

use crate::error::ErrorKind;

/// A reshard that cannot begin or go on. What was done by then stays, and is in its state directory.
#[derive(Debug, thiserror::Error)]
pub enum ReshardError {
    /// A file that is no saved plan.
    #[error("'{}' is no plan of egctl reshard plan --out: {reason}", path.display())]
    NoPlan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A directory of a shard that is in neither list.
    #[error("--dir '{text}': write ENDPOINT=PATH, with an endpoint of --from or --to")]
    DirectoryOfNone {
        /// As it was given.
        text: String,
    },
    /// Two directories for one shard.
    #[error("--dir names '{endpoint}' twice")]
    DirectoryTwice {
        /// The shard.
        endpoint: String,
    },
    /// A state directory that has a task.
    #[error(
        "'{path}' has a reshard already: go on with egctl reshard resume --state '{path}', or give another directory",
        path = dir.display()
    )]
    HasBegun {
        /// The state directory.
        dir: PathBuf,
    },
    /// A directory without a task.
    #[error("'{}' is no state directory of a reshard: begin one with egctl reshard apply", dir.display())]
    NotBegun {
        /// The directory.
        dir: PathBuf,
    },
    /// Another process carries it out.
    #[error("another egctl works with '{}': wait for it, or end it with ctrl-c", dir.display())]
    Held {
        /// The state directory.
        dir: PathBuf,
    },
    /// What is to be changed is a checkpoint.
    #[error(
        "'{directory}' of '{endpoint}' is a checkpoint, which is never changed: make a directory from it (egctl checkpoint \
         restore) and give that"
    )]
    Checkpoint {
        /// The checkpoint.
        directory: String,
        /// The shard that it is given for.
        endpoint: String,
    },
    /// Another store behind an endpoint is another shard: a plan for the one says nothing about the other.
    #[error("'{endpoint}' has the store {now}, in the plan it is {planned}: make a new plan")]
    OtherStore {
        /// The shard.
        endpoint: String,
        /// Identity of its store now, or `none`.
        now: String,
        /// That of the plan.
        planned: String,
    },
    /// A graph that is not on the move any more.
    #[error("no move of graph '{graph}' is left in '{}'", dir.display())]
    NoMove {
        /// Exact graph name.
        graph: String,
        /// The state directory.
        dir: PathBuf,
    },
    /// A destination took no checkpoint, so that its sources keep their records.
    #[error("{text}")]
    NoCheckpoint {
        /// Kind of the error of the checkpoint.
        kind: ErrorKind,
        /// Its text.
        text: String,
    },
}

impl ReshardError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::DirectoryOfNone { .. }
            | Self::DirectoryTwice { .. }
            | Self::HasBegun { .. }
            | Self::NotBegun { .. } => ErrorKind::Usage,
            Self::NoPlan { .. } | Self::Checkpoint { .. } | Self::OtherStore { .. } => ErrorKind::Refused,
            Self::Held { .. } | Self::NoMove { .. } => ErrorKind::Failed,
            Self::NoCheckpoint { kind, .. } => *kind,
        }
    }
}
