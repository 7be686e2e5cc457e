//! Why a directory is not opened.

use std::path::PathBuf;

use crate::error::ErrorKind;

/// A directory that cannot be worked on as it is. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryRefused {
    /// A server has it.
    #[error("a server (pid {pid}) owns '{}': ask it with --endpoint, or stop it", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The server.
        pid: String,
    },
    /// What root makes in it, the server of its owner could not open.
    #[error(
        "'{}' belongs to user {user}, whose server could not open what root makes there: run this as that user, for \
         example with 'sudo -u {user} egctl ...'",
        path.display()
    )]
    OfAnotherUser {
        /// The directory.
        path: PathBuf,
        /// Its owner, a name or `#` with a number.
        user: String,
    },
    /// There is none: a mistyped path must not become a new, empty store.
    #[error("there is no directory '{}'; name a persist directory or a checkpoint", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
}

impl DirectoryRefused {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InUse { .. } => ErrorKind::Failed,
            Self::OfAnotherUser { .. } => ErrorKind::Usage,
            Self::Missing { .. } => ErrorKind::Refused,
        }
    }
}
