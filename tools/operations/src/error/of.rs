//! The kind of an error of any crate that operations use.

use std::error::Error;

use epistemic_router::{CallError, ConfigError, ConnectError, ErrorCode, RouterError};
use epistemic_storage::StoreError;
use epistemic_storage::graph::GraphError;
use epistemic_storage::snapshot::SnapshotError;

use super::ErrorKind;
use crate::backup::{BackupError, BackupRefused, Incomplete};
use crate::data::LoadError;
use crate::encryption::{KeyError, Locked};
use crate::hosts::DirectoryRefused;
use crate::moves::MoveError;
use crate::rename::RenameError;
use crate::reshard::{PlanRefused, ReshardError};

/// The kind of an error: that of the first cause which has one, else [`ErrorKind::Failed`].
pub fn kind_of(error: &anyhow::Error) -> ErrorKind {
    error.chain().find_map(kind_of_cause).unwrap_or(ErrorKind::Failed)
}

/// The code of an error: that of the first cause which has one.
pub fn code_of(error: &anyhow::Error) -> Option<ErrorCode> {
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<RouterError>() {
            Some(error.code())
        } else if let Some(error) = cause.downcast_ref::<CallError>() {
            Some(error.code())
        } else if let Some(error) = cause.downcast_ref::<ConnectError>() {
            Some(error.code())
        } else if let Some(error) = cause.downcast_ref::<ConfigError>() {
            Some(error.code())
        } else if let Some(error) = cause.downcast_ref::<GraphError>() {
            error.code()
        } else {
            cause.downcast_ref::<StoreError>().map(StoreError::code)
        }
    })
}

/// The kind of an error as it is, whatever caused it; none of one that says nothing about it.
pub fn kind_of_cause(cause: &(dyn Error + 'static)) -> Option<ErrorKind> {
    if let Some(error) = cause.downcast_ref::<MoveError>() {
        Some(error.kind())
    } else if let Some(error) = cause.downcast_ref::<PlanRefused>() {
        Some(error.kind())
    } else if let Some(error) = cause.downcast_ref::<ReshardError>() {
        Some(error.kind())
    } else if let Some(error) = cause.downcast_ref::<BackupRefused>() {
        Some(error.kind())
    } else if let Some(error) = cause.downcast_ref::<Incomplete>() {
        Some(error.kind())
    } else if let Some(error) = cause.downcast_ref::<KeyError>() {
        Some(error.kind())
    } else if cause.is::<Locked>() {
        Some(ErrorKind::Usage)
    } else if let Some(error) = cause.downcast_ref::<RenameError>() {
        Some(error.kind())
    } else if let Some(error) = cause.downcast_ref::<LoadError>() {
        Some(error.kind())
    } else if let Some(error) = cause.downcast_ref::<DirectoryRefused>() {
        Some(error.kind())
    } else if cause.is::<ConfigError>() {
        Some(ErrorKind::Usage)
    } else if cause.is::<ConnectError>() {
        Some(ErrorKind::Unreachable)
    } else if let Some(error) = cause.downcast_ref::<RouterError>() {
        Some(match error {
            RouterError::ShardUnreachable { .. } | RouterError::EngineUnreachable { .. } => {
                ErrorKind::Unreachable
            }
            RouterError::EndpointListMismatch { .. } => ErrorKind::Usage,
            RouterError::Call(error) => of_call(error),
        })
    } else if let Some(error) = cause.downcast_ref::<CallError>() {
        Some(of_call(error))
    } else if let Some(error) = cause.downcast_ref::<SnapshotError>() {
        Some(of_snapshot(error))
    } else if let Some(error) = cause.downcast_ref::<BackupError>() {
        Some(error.kind())
    } else if let Some(error) = cause.downcast_ref::<GraphError>() {
        Some(of_graph(error))
    } else {
        cause.downcast_ref::<StoreError>().map(of_store)
    }
}

fn of_call(error: &CallError) -> ErrorKind {
    match error {
        CallError::ConnectionLost { .. } | CallError::NotSent { .. } | CallError::Deadline { .. } => {
            ErrorKind::Unreachable
        }
        CallError::Server(_)
        | CallError::ResponseTooLarge { .. }
        | CallError::RequestTooLarge { .. }
        | CallError::Params { .. }
        | CallError::BadResponse { .. } => ErrorKind::Failed,
    }
}

fn of_snapshot(error: &SnapshotError) -> ErrorKind {
    match error {
        SnapshotError::Refused { .. } | SnapshotError::NotAdmitted(_) => ErrorKind::Refused,
        SnapshotError::Graph(error) => of_graph(error),
        // A download carries the failure of its connection through the stream.
        SnapshotError::Stream(error) => error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<CallError>())
            .map_or(ErrorKind::Failed, of_call),
        _ => ErrorKind::Failed,
    }
}

fn of_graph(error: &GraphError) -> ErrorKind {
    match error {
        GraphError::Quarantined { .. } | GraphError::Corrupt { .. } => ErrorKind::Refused,
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
        | GraphError::EmptyEmbedding(_)
        | GraphError::BadProperties(_)
        | GraphError::KeyReused(_)
        | GraphError::TooManyKeys(_)
        | GraphError::OverQuota(_)
        | _ => ErrorKind::Failed,
    }
}

fn of_store(error: &StoreError) -> ErrorKind {
    match error {
        StoreError::Corrupt { .. } | StoreError::BadDirectory { .. } => ErrorKind::Refused,
        StoreError::DiskFull { .. }
        | StoreError::OutOfDescriptors { .. }
        | StoreError::Poisoned { .. }
        | StoreError::Unreachable { .. }
        | StoreError::Fenced { .. }
        | StoreError::Locked { .. }
        | StoreError::ReadOnly
        | StoreError::Unsupported { .. }
        | StoreError::Io(_)
        | _ => ErrorKind::Failed,
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
    fn errors_find_their_kind_below_context_and_inside_streams() {
        let refused = SnapshotError::Refused { offset: 9, reason: "cut".to_owned() };
        let cases: [(anyhow::Error, ErrorKind); 6] = [
            (anyhow::anyhow!("x"), ErrorKind::Failed),
            (ConfigError::NoEndpoints.into(), ErrorKind::Usage),
            (RouterError::Call(lost()).into(), ErrorKind::Unreachable),
            (SnapshotError::Stream(std::io::Error::other(lost())).into(), ErrorKind::Unreachable),
            (refused.into(), ErrorKind::Refused),
            (GraphError::GraphNotFound("g".into()).into(), ErrorKind::Failed),
        ];
        for (error, kind) in cases {
            let error = Err::<(), _>(error).context("while testing").unwrap_err();
            assert_eq!(kind_of(&error), kind, "{error:#}");
        }
    }
}
