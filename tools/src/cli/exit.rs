//! Exit codes, and the one that an error gets.

use std::error::Error;
use std::process::ExitCode;

use epistemic_router::{CallError, ConfigError, ConnectError, RouterError};
use epistemic_storage::StoreError;
use epistemic_storage::graph::GraphError;
use epistemic_storage::snapshot::SnapshotError;

use crate::backup::BackupError;

/// The codes as every `--help` shows them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the operation failed
  2  wrong usage or configuration
  3  a shard cannot be reached
  4  the input is damaged or not what it has to be; nothing was changed
  5  two copies of a graph differ
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
    /// Two copies differ.
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

/// The text of an error with its causes, each said once.
pub(crate) fn message_of(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    for text in error.chain().filter_map(server_text) {
        // What a server says is one line of ours.
        message = message.replace(text, &epistemic_logging::escaped(text, &[]));
    }
    message
}

fn server_text<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e str> {
    let of_router =
        |error: &'e RouterError| if let RouterError::Call(error) = error { Some(error) } else { None };
    match cause.downcast_ref::<CallError>().or_else(|| cause.downcast_ref().and_then(of_router)) {
        Some(CallError::Server(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn exit_of_cause(cause: &(dyn Error + 'static)) -> Option<Exit> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        Some(failure.exit)
    } else if cause.is::<ConfigError>() {
        Some(Exit::Usage)
    } else if cause.is::<ConnectError>() {
        Some(Exit::Unreachable)
    } else if let Some(error) = cause.downcast_ref::<RouterError>() {
        Some(match error {
            RouterError::ShardUnreachable { .. } | RouterError::EngineUnreachable { .. } => Exit::Unreachable,
            RouterError::EndpointListMismatch { .. } => Exit::Usage,
            RouterError::Call(error) => of_call(error),
        })
    } else if let Some(error) = cause.downcast_ref::<CallError>() {
        Some(of_call(error))
    } else if let Some(error) = cause.downcast_ref::<SnapshotError>() {
        Some(of_snapshot(error))
    } else if let Some(error) = cause.downcast_ref::<BackupError>() {
        Some(match error {
            BackupError::BadManifest { .. }
            | BackupError::LostManifest { .. }
            | BackupError::BadObject { .. }
            | BackupError::Hidden { .. } => Exit::Refused,
            BackupError::NotFound(_) => Exit::Failed,
        })
    } else if let Some(error) = cause.downcast_ref::<GraphError>() {
        Some(of_graph(error))
    } else {
        cause.downcast_ref::<StoreError>().map(of_store)
    }
}

fn of_call(error: &CallError) -> Exit {
    match error {
        CallError::ConnectionLost { .. } | CallError::NotSent { .. } | CallError::Deadline { .. } => {
            Exit::Unreachable
        }
        CallError::Server(_)
        | CallError::ResponseTooLarge { .. }
        | CallError::RequestTooLarge { .. }
        | CallError::Params { .. }
        | CallError::BadResponse { .. } => Exit::Failed,
    }
}

fn of_snapshot(error: &SnapshotError) -> Exit {
    match error {
        SnapshotError::Refused { .. } | SnapshotError::NotAdmitted(_) => Exit::Refused,
        SnapshotError::Graph(error) => of_graph(error),
        // A download carries the failure of its connection through the stream.
        SnapshotError::Stream(error) => {
            error.get_ref().and_then(|inner| inner.downcast_ref::<CallError>()).map_or(Exit::Failed, of_call)
        }
    }
}

fn of_graph(error: &GraphError) -> Exit {
    match error {
        GraphError::Quarantined { .. } | GraphError::Corrupt { .. } => Exit::Refused,
        GraphError::Store(error) => of_store(error),
        GraphError::GraphNotFound(_)
        | GraphError::GraphReplaced(_)
        | GraphError::GraphExists(_)
        | GraphError::TenantCollision { .. }
        | GraphError::NotHere(_)
        | GraphError::Arriving { .. }
        | GraphError::Moved { .. }
        | GraphError::Moving { .. }
        | GraphError::Restoring { .. }
        | GraphError::MoveConflict { .. }
        | GraphError::MoveAborted { .. }
        | GraphError::Overtaken { .. }
        | GraphError::MovedOn { .. }
        | GraphError::LedgerTruncated { .. }
        | GraphError::NotReplayable { .. }
        | GraphError::CannotDeleteCommons
        | GraphError::Limit(_)
        | GraphError::NodeNotFound(_)
        | GraphError::SourceNotFound(_)
        | GraphError::TargetNotFound(_)
        | GraphError::EmptyVector(_)
        | GraphError::KeyReused(_)
        | GraphError::TooManyKeys(_)
        | GraphError::OverQuota(_) => Exit::Failed,
    }
}

fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Corrupt { .. } | StoreError::BadDirectory { .. } => Exit::Refused,
        StoreError::DiskFull { .. }
        | StoreError::OutOfDescriptors { .. }
        | StoreError::OverBudget { .. }
        | StoreError::Stopped
        | StoreError::Poisoned { .. }
        | StoreError::Locked { .. }
        | StoreError::ReadOnly
        | StoreError::Unsupported { .. }
        | StoreError::Io(_) => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use epistemic_router::Endpoint;

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

    #[test]
    fn a_cause_is_not_said_twice() {
        let inner = std::io::Error::other("disk on fire");
        let error = anyhow::Error::from(SnapshotError::Stream(inner)).context("export");
        assert_eq!(message_of(&error), "export: snapshot stream: disk on fire");
    }
}
