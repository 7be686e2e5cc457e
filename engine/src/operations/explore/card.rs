//! What a list shows of a node.

use epistemic_storage::properties::{labels, string_field};

/// Properties that say what a node is, the best first.
const CAPTIONS: [&str; 7] = ["name", "title", "caption", "summary", "description", "text", "content"];
/// Characters of a caption.
const SHORT: usize = 120;

/// The label that a node is drawn with.
pub(super) fn label(properties: &[u8]) -> Option<&str> {
    string_field(properties, "type").or_else(|| labels(properties).first().copied())
}

/// The beginning of what it says of itself.
pub(super) fn caption(properties: &[u8]) -> Option<String> {
    let text = CAPTIONS.into_iter().find_map(|name| string_field(properties, name))?;
    Some(text.chars().take(SHORT).collect())
}
