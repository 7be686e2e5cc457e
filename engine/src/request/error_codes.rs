//! Errors as clients from 2.27 on expect them: a code that programs compare, and a detail for people.

use epistemic_protocol::ErrorCode;
use epistemic_storage::{StoreError, graph::GraphError};

use super::error::OpError;

/// The code of an error, and what is left of its text. A text that begins with a code of its own has that one.
pub(super) fn split<'a>(error: &OpError, text: &'a str) -> (&'a str, &'a str) {
    match own_code(text) {
        Some(split) => split,
        None => (code_of(error), text),
    }
}

/// `CODE: detail`
fn own_code(text: &str) -> Option<(&'static str, &str)> {
    let code = ErrorCode::of_text(text).name();
    Some((code, text.strip_prefix(code)?.strip_prefix(": ")?))
}

fn code_of(error: &OpError) -> &'static str {
    match error {
        OpError::Token(refusal) => refusal.code(),
        OpError::Unserved(_) => "METHOD_NOT_YET_SERVED",
        OpError::Busy(_) => "BUSY",
        OpError::Quota(_) => "QUOTA",
        OpError::Denied(_) | OpError::Forbidden(_) => "ACCESS_DENIED",
        OpError::Refused(code, _) => code.name(),
        OpError::Decode(_) | OpError::Text(_) | OpError::NoRoom(_) => INVALID,
        OpError::Graph(error) => of_graph(error),
    }
}

const INVALID: &str = "INVALID_ARGUMENT";

fn of_graph(error: &GraphError) -> &'static str {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others begin with a code, or are about what was asked"
    )]
    match error {
        GraphError::GraphExists(_) | GraphError::GraphReplaced(_) => "CONFLICT",
        GraphError::Store(
            StoreError::DiskFull { .. }
            | StoreError::OutOfDescriptors { .. }
            | StoreError::Unreachable { .. },
        ) => "ENGINE_RESOURCE_EXHAUSTED",
        GraphError::Store(StoreError::Poisoned { .. } | StoreError::Fenced { .. } | StoreError::ReadOnly) => {
            "READ_ONLY"
        }
        GraphError::Store(_) => "INTERNAL",
        _ => INVALID,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Display;

    use super::*;
    use crate::{
        access::{Denied, Need},
        admission::Busy,
        analytics::Cancelled,
        memory::{NoRoom, Part},
        projection::ProjectionError,
        reasoning::ReasoningError,
        semantic::SemanticError,
        signed::Refusal,
        transfer::TransferError,
        wire::response::ResponseTooLarge,
    };

    #[test]
    fn a_text_with_a_code_is_split_and_others_get_one() {
        let of = |error: &OpError| {
            let text = error.to_string();
            let (code, detail) = split(error, &text);
            (code.to_owned(), detail.to_owned())
        };
        for (error, code, detail) in [
            (OpError::Refused(ErrorCode::Busy, "later".into()), "BUSY", "later"),
            (OpError::Text("BUSY: later".into()), "BUSY", "later"),
            (OpError::Text("graph: what".into()), INVALID, "graph: what"),
            (GraphError::GraphNotFound("g".into()).into(), INVALID, "Graph 'g' not found"),
            (GraphError::Store(StoreError::ReadOnly).into(), "READ_ONLY", "the store was opened read-only"),
        ] {
            assert_eq!(of(&error), (code.to_owned(), detail.to_owned()));
        }
    }

    /// Clients read them; with what a client takes them for.
    #[test]
    fn the_texts_are_those_that_clients_know() {
        let agent = || "a".to_owned();
        let errors: [(&dyn Display, ErrorCode, &str); 24] = [
            (
                &Denied::Graph { agent: agent(), need: Need::Write, graph: "g".into() },
                ErrorCode::AccessDenied,
                "ACCESS_DENIED: agent 'a' lacks Write access to graph 'g'",
            ),
            (
                &Denied::NewSystem { agent: agent() },
                ErrorCode::AccessDenied,
                "ACCESS_DENIED: only a System identity may register 'a' as System; the first one needs --system-agent a on the \
                 server",
            ),
            (
                &Denied::NotCreator { agent: agent(), channel: "c".into() },
                ErrorCode::AccessDenied,
                "ACCESS_DENIED: agent 'a' did not create channel 'c'; only its creator or a System identity may close it",
            ),
            (&Busy::Server, ErrorCode::Busy, "BUSY: server at capacity, retry with backoff"),
            (
                &Busy::Graph { graph: "g".into(), share: 3 },
                ErrorCode::Busy,
                "BUSY: graph 'g' has its share of 3 requests in flight, retry with backoff",
            ),
            (
                &Cancelled,
                ErrorCode::Cancelled,
                "CANCELLED: the client closed the connection before the answer was ready",
            ),
            (
                &NoRoom::Now { part: Part::Answers, limit: 1 },
                ErrorCode::Busy,
                "BUSY: answers that their clients have not taken yet fill their memory, 1 bytes (--answer-memory); nothing \
                 was changed, retry with backoff",
            ),
            (
                &NoRoom::Ever { part: Part::Answers, bytes: 2, limit: 1 },
                ErrorCode::LimitExceeded,
                "LIMIT_EXCEEDED: 2 bytes of memory for one of the answers that their clients have not taken yet, 1 are the most \
                 (--answer-memory); nothing was changed, ask for less at a time (docs/errors/limit-exceeded.md)",
            ),
            (
                &ProjectionError::OverMemory { graph: "g".into(), needed: 2, allowed: 1 },
                ErrorCode::ProjectionTooLarge,
                "PROJECTION_TOO_LARGE: the algorithm needs about 2 MiB for graph 'g', --projection-memory allows 1 MiB; raise it",
            ),
            (
                &ProjectionError::Busy { allowed: 1 },
                ErrorCode::Busy,
                "BUSY: computations in progress hold twice --projection-memory, 1 MiB; nothing was changed, retry with backoff",
            ),
            (
                &ProjectionError::TooMany,
                ErrorCode::ProjectionTooLarge,
                "PROJECTION_TOO_LARGE: over 2^32 nodes, edges or bytes of node ids",
            ),
            (
                &SemanticError::OverMemory { graph: "g".into(), needed: 2, allowed: 1 },
                ErrorCode::VectorsTooLarge,
                "VECTORS_TOO_LARGE: the embeddings of graph 'g' need about 2 MiB, --vector-memory allows 1 MiB; raise it",
            ),
            (
                &SemanticError::TooManyPairs { limit: 1 },
                ErrorCode::ResultTooLarge,
                "RESULT_TOO_LARGE: the pairs take over 1 bytes; raise the threshold",
            ),
            (
                &ReasoningError::TooMany { max: 1 },
                ErrorCode::ResultTooLarge,
                "RESULT_TOO_LARGE: the rules infer more than 1 facts; use fewer rules or a smaller graph",
            ),
            (
                &ResponseTooLarge { length: 5 },
                ErrorCode::ResultTooLarge,
                "RESULT_TOO_LARGE: the result has 5 bytes, a response holds at most 4294967295",
            ),
            (
                &TransferError::Busy,
                ErrorCode::Busy,
                "BUSY: as many transfers are open as may be (--max-transfers), retry with backoff",
            ),
            (
                &TransferError::NoThread(std::io::Error::other("x")),
                ErrorCode::Busy,
                "BUSY: the system gives the server no thread (x); nothing was done, retry with backoff",
            ),
            (
                &OpError::Refused(ErrorCode::Internal, "the computation failed".into()),
                ErrorCode::Internal,
                "INTERNAL: the computation failed",
            ),
            (
                &OpError::Unserved("Sql".into()),
                ErrorCode::MethodNotAvailable,
                "Method 'Sql' is not served by this server",
            ),
            (&Refusal::Token, ErrorCode::AuthenticationFailed, "Authentication failed"),
            (
                &Refusal::Expired,
                ErrorCode::AuthenticationFailed,
                "request timestamp is outside the allowed clock-skew window",
            ),
            (
                &Refusal::Tenant,
                ErrorCode::AuthenticationFailed,
                "request context tenant does not match graph tenant",
            ),
            (
                &Refusal::TooMany,
                ErrorCode::Busy,
                "too many signed requests within the clock-skew window, retry with backoff",
            ),
            (
                &Refusal::Scope("node:read"),
                ErrorCode::AccessDenied,
                "verified request context lacks required scope 'node:read'",
            ),
        ];
        for (error, code, text) in errors {
            assert_eq!(error.to_string(), text);
            assert_eq!(ErrorCode::of_text(text), code, "{text}");
        }
    }
}
