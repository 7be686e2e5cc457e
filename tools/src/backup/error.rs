//! Why a backup cannot be used.

use std::io;

use epistemic_storage::graph::GraphError;
use epistemic_storage::increment::IncrementError;
use epistemic_storage::snapshot::SnapshotError;

use crate::cli::message_of;

/// Damage, and what is not there. Nothing was restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
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
}

impl BackupError {
    /// An object that its chain cannot use.
    pub(crate) fn object(graph: &str, object: &str, reason: impl Into<String>) -> Self {
        Self::BadObject { graph: graph.to_owned(), object: object.to_owned(), reason: reason.into() }
    }
}

/// What a compressed object says of itself cannot be. Carried by the `io::Error` of a reader.
#[derive(Debug, thiserror::Error)]
#[error("it cannot be decompressed: {0}")]
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
