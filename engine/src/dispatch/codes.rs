//! Errors as clients from 2.27 on expect them: a code that programs compare, and a detail for people.

use epistemic_storage::{StoreError, graph::GraphError};

use super::OpError;

/// The code of an error, and what is left of its text. A text that begins with a code of its own has that one.
pub(super) fn split<'a>(error: &OpError, text: &'a str) -> (&'a str, &'a str) {
    match own_code(text) {
        Some(split) => split,
        None => (code_of(error), text),
    }
}

/// `CODE: detail`
fn own_code(text: &str) -> Option<(&str, &str)> {
    let is_code =
        |code: &str| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    text.split_once(": ").filter(|(code, _)| is_code(code))
}

fn code_of(error: &OpError) -> &'static str {
    match error {
        OpError::Token(refusal) => refusal.code(),
        OpError::Unserved(_) => "METHOD_NOT_YET_SERVED",
        OpError::Busy(_) => "BUSY",
        OpError::Quota(_) => "QUOTA",
        OpError::Denied(_) => "ACCESS_DENIED",
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
        GraphError::Store(StoreError::DiskFull { .. } | StoreError::OutOfDescriptors { .. }) => {
            "ENGINE_RESOURCE_EXHAUSTED"
        }
        GraphError::Store(StoreError::Poisoned { .. } | StoreError::ReadOnly) => "READ_ONLY",
        GraphError::Store(_) => "INTERNAL",
        _ => INVALID,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_code_is_split_and_others_get_one() {
        let of = |error: &OpError| {
            let text = error.to_string();
            let (code, detail) = split(error, &text);
            (code.to_owned(), detail.to_owned())
        };
        for (error, code, detail) in [
            (OpError::Text("BUSY: later".into()), "BUSY", "later"),
            (OpError::Text("graph: what".into()), INVALID, "graph: what"),
            (GraphError::GraphNotFound("g".into()).into(), INVALID, "Graph 'g' not found"),
            (GraphError::Store(StoreError::ReadOnly).into(), "READ_ONLY", "the store was opened read-only"),
        ] {
            assert_eq!(of(&error), (code.to_owned(), detail.to_owned()));
        }
    }
}
