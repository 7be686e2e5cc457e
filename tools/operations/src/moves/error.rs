//! Why a move does not go on.

use std::fmt;

use crate::error::ErrorKind;

/// A move that cannot go on as things are. What was done by then stays.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The next step cannot be taken; what is in the way, and what to do.
    #[error("{subject}: {what}")]
    Stuck {
        /// The move.
        subject: Subject,
        /// What is in the way, and what to do.
        what: String,
    },
    /// The graph left its source and is not open at its destination: nobody serves it.
    #[error(
        "{subject}: it left the source and is not open at the destination yet, so nobody serves it: {reason}. Give the same \
         command again; or with --abort, and the source serves it again (with --destination-is-gone, if '{destination}' does \
         not come back)"
    )]
    NotOpen {
        /// The move.
        subject: Subject,
        /// The error of the step that opens it.
        reason: String,
        /// Whether that one says that a shard cannot be reached.
        unreachable: bool,
        /// Endpoint of the destination.
        destination: String,
    },
    /// The copy is not what it is a copy of.
    #[error(
        "graph '{graph}': the copy differs from the original, nothing is dropped: source {original}, destination {copy}. Check \
         both with egctl verify"
    )]
    Differs {
        /// Exact graph name.
        graph: String,
        /// What was compared, at the source.
        original: String,
        /// The same at the destination.
        copy: String,
    },
    /// A place that is said to be gone for good answers.
    #[error(
        "'{endpoint}' is not gone, it answers{answer}: give the command without --source-is-gone or --destination-is-gone"
    )]
    NotGone {
        /// The place.
        endpoint: String,
        /// Its answer in brackets, if that is an error.
        answer: String,
    },
}

/// Names a move in an error.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Exact graph name.
    pub graph: String,
    /// The move.
    pub move_id: String,
    /// Where.
    pub at: At,
}

/// The places of a move that an error is about.
#[derive(Debug, Clone)]
pub enum At {
    /// None in particular.
    Anywhere,
    /// One endpoint.
    One(String),
    /// From one to another.
    Between(String, String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "graph '{}', move {}", self.graph, self.move_id)?;
        match &self.at {
            At::Anywhere => Ok(()),
            At::One(endpoint) => write!(f, " at '{endpoint}'"),
            At::Between(from, to) => write!(f, " from '{from}' to '{to}'"),
        }
    }
}

impl MoveError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotOpen { unreachable: true, .. } => ErrorKind::Unreachable,
            Self::Stuck { .. } | Self::NotOpen { .. } => ErrorKind::Failed,
            Self::Differs { .. } | Self::NotGone { .. } => ErrorKind::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_move_and_its_places() {
        let subject = |at| Subject { graph: "g".into(), move_id: "m".into(), at };
        let stuck = |at| MoveError::Stuck { subject: subject(at), what: "no".into() };
        assert_eq!(stuck(At::Anywhere).to_string(), "graph 'g', move m: no");
        assert_eq!(stuck(At::One("a".into())).to_string(), "graph 'g', move m at 'a': no");
        let between = || At::Between("a".into(), "b".into());
        assert_eq!(stuck(between()).to_string(), "graph 'g', move m from 'a' to 'b': no");
        let not_open = |unreachable| MoveError::NotOpen {
            subject: subject(between()),
            reason: "gone".into(),
            unreachable,
            destination: "b".into(),
        };
        assert_eq!(not_open(true).kind(), ErrorKind::Unreachable);
        assert_eq!(not_open(false).kind(), ErrorKind::Failed);
    }
}
