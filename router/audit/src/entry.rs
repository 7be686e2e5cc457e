//! What a line tells. Never what is stored: names, numbers and codes alone.

use serde::{Deserialize, Serialize};

/// Bytes of a text at most; what is longer ends with `...`.
const LONGEST: usize = 1024;

/// An event. What does not apply is left out of the line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What kind it is: `create`, `denied`, `auth-refused`, ...
    pub event: String,
    /// The method of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// `begun` before an operation is run and `done` after it, where both are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Sequence of the line that said `begun`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Id of the key that he showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where the connection comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Number of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// The graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<String>,
    /// What else it is about: the graph of a copy, an agent, a key, a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// `ok`, `error`, or `unknown` when the client was gone before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Code of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Bytes of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<u64>,
    /// Bytes of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_bytes: Option<u64>,
    /// How many events the line stands for, when it is not one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Entry {
    /// Of an event of this kind.
    #[must_use]
    pub fn new(event: &str) -> Self {
        Self { event: event.to_owned(), ..Self::default() }
    }

    /// With these words.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with no text longer than a line may have: a stranger chooses some of them.
    pub(crate) fn bounded(&self) -> Self {
        let mut entry = self.clone();
        let texts = [
            &mut entry.operation,
            &mut entry.principal,
            &mut entry.key,
            &mut entry.peer,
            &mut entry.graph,
            &mut entry.about,
            &mut entry.code,
            &mut entry.detail,
        ];
        for text in texts.into_iter().flatten().filter(|text| text.len() > LONGEST) {
            text.truncate(text.floor_char_boundary(LONGEST));
            text.push_str("...");
        }
        entry
    }
}
