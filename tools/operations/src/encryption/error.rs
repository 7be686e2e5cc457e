//! Why something stays closed.

use std::io;

use crate::error::ErrorKind;

/// Something encrypted that none of the identities opens. Nothing was done with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "ENCRYPTED: {what} is encrypted for {}, and {}; nothing was done. Give --identity FILE with the key of one of them \
     (docs/errors/encrypted.md)",
    recipients.join(", "),
    tried(*identities)
)]
pub struct Locked {
    /// What is closed.
    pub what: String,
    /// Who can open it.
    pub recipients: Vec<String>,
    /// How many identities were tried.
    pub identities: usize,
}

fn tried(identities: usize) -> String {
    match identities {
        0 => "no identity was given".to_owned(),
        1 => "the identity that was given is of none of them".to_owned(),
        count => format!("the {count} identities that were given are of none of them"),
    }
}

/// Why recipients or identities cannot be used. No text has a secret in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or made.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Others than its owner may use a file of identities.
    #[error("'{path}' can be used by others (mode {mode:03o}); run: chmod 600 '{path}'")]
    Open {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// A line of a file is not what it has to be.
    #[error("'{path}' line {line}: {reason}")]
    Line {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A file without keys.
    #[error("'{path}' has no keys: write one on each line, and # before remarks")]
    Empty {
        /// The file.
        path: String,
    },
    /// A recipient of the command line is none.
    #[error("--recipient: {0}")]
    Recipient(&'static str),
}

impl KeyError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Usage
    }
}
