//! Why a backup cannot be used.

use std::io;

use epistemic_storage::graph::GraphError;
use epistemic_storage::increment::IncrementError;
use epistemic_storage::snapshot::SnapshotError;

use crate::encryption::Locked;
use crate::error::{ErrorKind, message_of};

/// Damage, and what is not there. Nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A manifest is not what it has to be.
    #[error(
        "BACKUP_DAMAGED: the manifest of run '{run}': {reason}; use another run (docs/errors/backup-damaged.md)"
    )]
    BadManifest {
        /// The run.
        run: String,
        /// What is wrong.
        reason: String,
    },
    /// A manifest was written and is not there.
    #[error(
        "BACKUP_DAMAGED: the manifest of run '{run}' of store '{store}' was written and is not there any more; use another run \
         (docs/errors/backup-damaged.md)"
    )]
    LostManifest {
        /// The run.
        run: String,
        /// Its store.
        store: String,
    },
    /// An object is not what its manifest says.
    #[error(
        "BACKUP_DAMAGED: object '{object}' of graph {graph:?}: {reason}; nothing was restored. Restore from another run, or up to \
         an earlier sequence (docs/errors/backup-damaged.md)"
    )]
    BadObject {
        /// The graph.
        graph: String,
        /// The object.
        object: String,
        /// What is wrong.
        reason: String,
    },
    /// The caller does not see all graphs, so that a backup would lack some.
    #[error(
        "GRAPHS_HIDDEN: access control hides graphs of '{endpoint}' from this agent; nothing was backed up. Give --agent-id of a \
         System identity (docs/errors/graphs-hidden.md): {denied}"
    )]
    Hidden {
        /// The shard.
        endpoint: String,
        /// What the shard said.
        denied: String,
    },
    /// No backup tells the state that was asked for.
    #[error("BACKUP_NOT_FOUND: {0} (docs/errors/backup-not-found.md)")]
    NotFound(String),
    /// A run is encrypted, and none of the identities opens it.
    #[error(transparent)]
    Locked(#[from] Locked),
}

impl BackupError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BadManifest { .. }
            | Self::LostManifest { .. }
            | Self::BadObject { .. }
            | Self::Hidden { .. } => ErrorKind::Refused,
            Self::NotFound(_) => ErrorKind::Failed,
            Self::Locked(_) => ErrorKind::Usage,
        }
    }

    /// An object that its chain cannot use.
    pub fn object(graph: &str, object: &str, reason: impl Into<String>) -> Self {
        Self::BadObject { graph: graph.to_owned(), object: object.to_owned(), reason: reason.into() }
    }
}

/// Why nothing is done with a backup as it is asked for.
#[derive(Debug, thiserror::Error)]
pub enum BackupRefused {
    /// A URL that cannot be used; why, and what to write.
    #[error("{0}")]
    Url(String),
    /// Backups of several stores are there, and it is not said which one is meant.
    #[error(
        "{url} has backups of {count} stores: say which one is meant with --store ID or --shard ENDPOINT, or --tier for a \
         backup of the whole tier. There are {stores}"
    )]
    SeveralStores {
        /// The backup.
        url: String,
        /// How many.
        count: usize,
        /// All of them.
        stores: String,
    },
    /// The target has a graph of the name.
    #[error(
        "Graph '{name}' already exists: give --replace to put the backup in its place, or --as NAME for a new graph"
    )]
    Taken {
        /// The name.
        name: String,
    },
    /// What was guarded would be open to everybody.
    #[error(
        "access control was on at {from} and no agent is registered at {to}, where everybody could use what is restored; \
         nothing was restored. Give --with-identities to register the agents of the backup there first, or --open if that is \
         meant"
    )]
    Unguarded {
        /// What was backed up.
        from: String,
        /// The target.
        to: String,
    },
    /// A run in the clear behind runs that are encrypted.
    #[error(
        "the newest run '{run}' is encrypted for {}, and this one would be in the clear; nothing was backed up. Give --recipient \
         as before, or --unencrypted if that is meant", recipients.join(", ")
    )]
    WouldBeClear {
        /// The newest run.
        run: String,
        /// For whom it is.
        recipients: Vec<String>,
    },
    /// An encrypted run that a new one cannot go on from.
    #[error("{locked}. To begin new chains instead, give --full")]
    CannotGoOn {
        /// The newest run.
        locked: Locked,
    },
    /// A run of some graphs cannot begin anew for all of them.
    #[error(
        "{reason}, so all graphs begin new chains, and this run is of some graphs alone; nothing was backed up. Back up all graphs \
         first"
    )]
    NotOfAll {
        /// Why nothing can be gone on from.
        reason: &'static str,
    },
    /// Two prunes at once.
    #[error("another prune began at {began}; if it is not running any more, give --take-over to finish it")]
    OtherPrune {
        /// When the other one began.
        began: String,
    },
    /// A prune may take objects of a run that is being made.
    #[error(
        "a prune that began at {began} is under way or was cut short: back up again when it is done, or finish it with \
         'egctl backup prune --take-over'"
    )]
    PruneUnderWay {
        /// When it began.
        began: String,
    },
    /// A prune has taken an object of a run that was being made.
    #[error("object '{object}' went while the backup ran: back up again")]
    Pruned {
        /// The object.
        object: String,
    },
    /// A layer is damaged, so that no object may go.
    #[error(
        "{damage}. What runs with that layer need cannot be told, so nothing was removed; give --forget RUN for each of them to \
         remove it"
    )]
    DamagedLayer {
        /// What is damaged.
        damage: String,
    },
    /// A manifest is damaged, so that no object may go.
    #[error(
        "{damage}. What that run needs cannot be told, so nothing was removed; give --forget {run} to remove it"
    )]
    DamagedRun {
        /// What is damaged.
        damage: String,
        /// The run.
        run: String,
    },
}

impl BackupRefused {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Url(_) | Self::SeveralStores { .. } | Self::CannotGoOn { .. } => ErrorKind::Usage,
            Self::Taken { .. }
            | Self::OtherPrune { .. }
            | Self::PruneUnderWay { .. }
            | Self::Pruned { .. } => ErrorKind::Failed,
            Self::Unguarded { .. }
            | Self::WouldBeClear { .. }
            | Self::NotOfAll { .. }
            | Self::DamagedLayer { .. }
            | Self::DamagedRun { .. } => ErrorKind::Refused,
        }
    }
}

/// A run that could not back up everything.
#[derive(Debug, thiserror::Error)]
#[error("{}", failed.join("\n"))]
pub struct Incomplete {
    /// What it lacks and why, a text for each.
    pub failed: Vec<String>,
    /// Whether no graph was backed up.
    pub all: bool,
}

impl Incomplete {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        if self.all { ErrorKind::Failed } else { ErrorKind::Partly }
    }
}

/// What an object has cannot be what was written. Carried by the `io::Error` of a reader.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Damaged(pub(super) String);

fn damaged(error: &anyhow::Error) -> Option<&Damaged> {
    error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref())
}

/// Names the object when `error` says that its content is bad; other failures stay what they are.
pub(crate) fn in_object(graph: &str, object: &str, error: anyhow::Error) -> anyhow::Error {
    if let Some(damaged) = damaged(&error) {
        return BackupError::object(graph, object, damaged.to_string()).into();
    }
    if let Some(SnapshotError::Refused { offset, reason }) = error.downcast_ref() {
        return BackupError::object(graph, object, format!("at offset {offset}: {reason}")).into();
    }
    if let Some(IncrementError::Refused { offset, reason }) = error.downcast_ref() {
        return BackupError::object(graph, object, format!("at offset {offset}: {reason}")).into();
    }
    if let Some(
        GraphError::Corrupt { .. } | GraphError::NotReplayable { .. } | GraphError::MoveConflict { .. },
    ) = error.downcast_ref()
    {
        return BackupError::object(graph, object, message_of(&error)).into();
    }
    error.context(format!("object '{object}' of graph {graph:?}"))
}
