//! Errors of the byte-level store.

use std::{fmt, io, ops::Deref, path::PathBuf, sync::Arc};

use epistemic_protocol::ErrorCode;

use crate::space::Space;

/// What can go wrong below the graph layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Stored bytes fail their checksum or cannot be what they claim to be. Nothing was overwritten.
    #[error("corrupt data in {place}: {detail}")]
    Corrupt {
        /// The space or file.
        place: String,
        /// What was found, with file and offset where the backend tells them.
        detail: String,
    },
    /// The write was refused, or failed, because the file system is full. Nothing was written; writes
    /// resume by themselves once space is free.
    #[error(
        "disk full: {detail} at '{path}'; free space or enlarge the volume: writes resume by themselves, nothing acknowledged is lost",
        path = path.display()
    )]
    DiskFull {
        /// The data directory.
        path: PathBuf,
        /// Free and required bytes, or the system's error text.
        detail: String,
    },
    /// The write was refused because the process, or the system, can open no more files. Nothing was written; writes
    /// resume by themselves once some are closed.
    #[error(
        "out of file descriptors: {detail}; nothing was written, and writes resume by themselves when some are closed. Raise \
         the limit of open files, or have fewer connections ({code:#})",
        code = ErrorCode::OutOfDescriptors
    )]
    OutOfDescriptors {
        /// The system's error text.
        detail: String,
    },
    /// A write or fsync failed, so the store takes no more writes until it is restarted. Reads go on.
    #[error(
        "the store stopped taking writes after a failure: {reason}; restart the server once the cause is removed"
    )]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// The object store that the records lie in does not answer. Nothing was written; writes resume by themselves once it
    /// does.
    #[error(
        "the object store cannot be reached: {detail}; nothing was written, and writes resume by themselves once it answers"
    )]
    Unreachable {
        /// For how long, and what was tried.
        detail: String,
    },
    /// Another process has taken the store over: nothing that this one writes counts any more, so it must end.
    #[error(
        "another process has taken over the store: {detail}; this one serves it no more and must be stopped"
    )]
    Fenced {
        /// Which store, and how it showed.
        detail: String,
    },
    /// Another process owns the directory.
    #[error("persist dir '{}' is already locked by another epistemic-graph engine (pid {pid}) — refusing to start; stop that process or choose another --persist-dir", path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The owner's process id as it wrote it, or `unknown`.
        pid: String,
    },
    /// The directory cannot be opened as a data directory.
    #[error("cannot open '{}' as a data directory: {detail}", path.display())]
    BadDirectory {
        /// The directory.
        path: PathBuf,
        /// Why, and what to do.
        detail: String,
    },
    /// The operation needs a writable store.
    #[error("the store was opened read-only")]
    ReadOnly,
    /// The operation is not offered by this backend.
    #[error("not supported by the {backend} backend: {what}")]
    Unsupported {
        /// Backend name.
        backend: &'static str,
        /// The operation.
        what: &'static str,
    },
    /// Any other failure of the backend or the file system.
    #[error("storage error: {0}")]
    Io(IoError),
}

/// An error of the operating system or of the backend, shared so that errors can be cloned. Two are equal when kind and text
/// are.
#[derive(Debug, Clone)]
pub struct IoError(Arc<io::Error>);

impl PartialEq for IoError {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.0.to_string() == other.0.to_string()
    }
}

impl Eq for IoError {}

impl Deref for IoError {
    type Target = io::Error;

    fn deref(&self) -> &io::Error {
        &self.0
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StoreError {
    /// Any other failure, in words.
    pub fn other(text: impl Into<String>) -> Self {
        io::Error::other(text.into()).into()
    }

    /// A corruption found in a record of `space`.
    pub fn corrupt(space: Space, detail: impl Into<String>) -> Self {
        StoreError::Corrupt { place: format!("space '{space}'"), detail: detail.into() }
    }

    /// Why, for programs.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            StoreError::Corrupt { .. } => ErrorCode::Corrupt,
            StoreError::DiskFull { .. } => ErrorCode::DiskFull,
            StoreError::OutOfDescriptors { .. } => ErrorCode::OutOfDescriptors,
            StoreError::Poisoned { .. } => ErrorCode::Poisoned,
            StoreError::Unreachable { .. } => ErrorCode::StoreUnreachable,
            StoreError::Fenced { .. } => ErrorCode::Fenced,
            StoreError::Locked { .. } => ErrorCode::Locked,
            StoreError::BadDirectory { .. } => ErrorCode::BadDirectory,
            StoreError::ReadOnly => ErrorCode::ReadOnly,
            StoreError::Unsupported { .. } => ErrorCode::Unsupported,
            StoreError::Io(_) => ErrorCode::StorageError,
        }
    }

    /// Whether the same write may succeed later, without a restart: nothing of it was done.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            StoreError::DiskFull { .. }
                | StoreError::OutOfDescriptors { .. }
                | StoreError::Unreachable { .. }
                | StoreError::ReadOnly
        )
    }

    /// Whether stored bytes are damaged, as opposed to unreachable.
    pub fn is_corruption(&self) -> bool {
        matches!(self, StoreError::Corrupt { .. })
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        StoreError::Io(IoError(Arc::new(error)))
    }
}

/// Result of a byte-level operation.
pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients read them.
    #[test]
    fn the_texts_are_those_that_clients_know() {
        let path = || PathBuf::from("/d");
        for (error, text) in [
            (StoreError::other("x"), "storage error: x"),
            (StoreError::ReadOnly, "the store was opened read-only"),
            (
                StoreError::Unsupported { backend: "memory", what: "checkpoint" },
                "not supported by the memory backend: checkpoint",
            ),
            (
                StoreError::DiskFull { path: path(), detail: "1 bytes free".into() },
                "disk full: 1 bytes free at '/d'; free space or enlarge the volume: writes resume by themselves, nothing \
                 acknowledged is lost",
            ),
            (
                StoreError::OutOfDescriptors { detail: "x".into() },
                "out of file descriptors: x; nothing was written, and writes resume by themselves when some are closed. \
                 Raise the limit of open files, or have fewer connections (docs/errors/out-of-descriptors.md)",
            ),
            (
                StoreError::Poisoned { reason: "x".into() },
                "the store stopped taking writes after a failure: x; restart the server once the cause is removed",
            ),
            (
                StoreError::Unreachable { detail: "x".into() },
                "the object store cannot be reached: x; nothing was written, and writes resume by themselves once it answers",
            ),
            (
                StoreError::Fenced { detail: "x".into() },
                "another process has taken over the store: x; this one serves it no more and must be stopped",
            ),
            (
                StoreError::Locked { path: path(), pid: "7".into() },
                "persist dir '/d' is already locked by another epistemic-graph engine (pid 7) \u{2014} refusing to start; \
                 stop that process or choose another --persist-dir",
            ),
            (
                StoreError::BadDirectory { path: path(), detail: "x".into() },
                "cannot open '/d' as a data directory: x",
            ),
            (
                StoreError::Corrupt { place: "space 'nodes'".into(), detail: "x".into() },
                "corrupt data in space 'nodes': x",
            ),
        ] {
            assert_eq!(error.to_string(), text);
            assert_eq!(ErrorCode::of_text(text), error.code(), "{text}");
        }
    }
}
