//! Exit codes, and the one that an error gets.

use std::error::Error;
use std::process::ExitCode;

use epistemic_operations::error::{ErrorKind, kind_of_cause};

/// The codes as every `--help` shows them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the operation failed
  2  wrong usage or configuration
  3  a shard cannot be reached
  4  the input is damaged or not what it has to be; nothing was changed
  5  two copies of a graph differ, or shards have different lists of endpoints
  6  some of it was done and some not; the output tells which
  7  two shards serve a graph, or none does";

/// What the process ends with when something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The operation failed.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// A shard cannot be reached.
    Unreachable = 3,
    /// Damaged or foreign input.
    Refused = 4,
    /// Two copies differ, or the lists of shards.
    Different = 5,
    /// A part was done.
    Partly = 6,
    /// Two shards serve a graph, or none does.
    Conflict = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error of the tool itself.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// An error with its exit code.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

/// The exit code of an error: that of the first cause which has one, else [`Exit::Failed`].
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(exit_of_cause).unwrap_or(Exit::Failed)
}

fn exit_of_cause(cause: &(dyn Error + 'static)) -> Option<Exit> {
    match cause.downcast_ref::<Failure>() {
        Some(failure) => Some(failure.exit),
        None => kind_of_cause(cause).map(Exit::from),
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Unreachable => Self::Unreachable,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Partly => Self::Partly,
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use epistemic_router::{CallError, ConfigError, Endpoint, RouterError};
    use epistemic_storage::graph::GraphError;
    use epistemic_storage::snapshot::SnapshotError;

    use super::*;

    fn lost() -> CallError {
        CallError::ConnectionLost {
            endpoint: Endpoint::parse("tcp://h:1").unwrap(),
            cause: "gone".to_owned(),
        }
    }

    #[test]
    fn errors_find_their_code_below_context_and_inside_streams() {
        let refused = SnapshotError::Refused { offset: 9, reason: "cut".to_owned() };
        let cases: [(anyhow::Error, Exit); 7] = [
            (anyhow::anyhow!("x"), Exit::Failed),
            (ConfigError::NoEndpoints.into(), Exit::Usage),
            (RouterError::Call(lost()).into(), Exit::Unreachable),
            (SnapshotError::Stream(std::io::Error::other(lost())).into(), Exit::Unreachable),
            (refused.into(), Exit::Refused),
            (GraphError::GraphNotFound("g".into()).into(), Exit::Failed),
            (Failure::new(Exit::Refused, "x").into(), Exit::Refused),
        ];
        for (error, exit) in cases {
            let error = Err::<(), _>(error).context("while testing").unwrap_err();
            assert_eq!(exit_of(&error), exit, "{error:#}");
        }
    }
}
