//! The text of an error with its causes.

use std::error::Error;

use epistemic_bucket::in_words;
use epistemic_router::{CallError, RouterError};

/// The text of an error with its causes, each said once. What an object store said is told in our words, where they are known.
pub fn message_of(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let words = in_words(cause);
        let text = words.clone().unwrap_or_else(|| cause.to_string());
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        // What caused it is in them.
        if words.is_some() {
            break;
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

#[cfg(test)]
mod tests {
    use epistemic_storage::snapshot::SnapshotError;

    use super::*;

    #[test]
    fn a_cause_is_not_said_twice() {
        let inner = std::io::Error::other("disk on fire");
        let error = anyhow::Error::from(SnapshotError::Stream(inner)).context("export");
        assert_eq!(message_of(&error), "export: snapshot stream: disk on fire");
    }
}
