//! Taking names away: what is the same stays the same, and nobody can read it.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Fields whose texts are names that clients chose.
const NAMES: [&str; 8] = ["name", "graph", "graphs", "tenant", "owner", "agent_id", "set", "reason"];
/// Labels of metrics with such names.
const LABELS: [&str; 2] = ["graph", "tenant"];

/// What is taken away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Redaction {
    pub(super) keeps_names: bool,
}

impl Redaction {
    /// A document without names.
    pub(super) fn json(self, value: Value) -> Value {
        if self.keeps_names { value } else { without_names(value, false) }
    }

    /// A page of metrics without names.
    pub(super) fn metrics(self, page: &str) -> String {
        if self.keeps_names {
            return page.to_owned();
        }
        page.lines().map(|line| LABELS.iter().fold(line.to_owned(), without_label) + "\n").collect()
    }
}

fn without_names(value: Value, is_name: bool) -> Value {
    match value {
        Value::String(text) if is_name => Value::String(digest(&text)),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| without_names(item, is_name)).collect())
        }
        Value::Object(fields) => {
            let field = |(key, value): (String, Value)| {
                let is_name = NAMES.contains(&key.as_str());
                (key, without_names(value, is_name))
            };
            Value::Object(fields.into_iter().map(field).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// The line with a digest for the value of the label. A quote in a value has a backslash before it.
fn without_label(line: String, label: &&str) -> String {
    let begin = format!("{label}=\"");
    let Some(at) = line.find(&begin).map(|at| at + begin.len()) else { return line };
    let mut end = at;
    let mut is_escaped = false;
    for (index, letter) in line[at..].char_indices() {
        if letter == '"' && !is_escaped {
            end = at + index;
            break;
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    format!("{}{}{}", &line[..at], digest(&line[at..end]), &line[end..])
}

/// The first 12 hexadecimal digits of SHA-256.
fn digest(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("#{}", &hex::encode(Sha256::digest(text))[..12])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAMELESS: Redaction = Redaction { keeps_names: false };

    #[test]
    fn names_are_gone_wherever_they_are() {
        let told = json!({"version": "1", "graphs": ["secret"], "damage": {"graphs": [{"graph": "secret", "n": 1}]}});
        let told = NAMELESS.json(told);
        assert!(!told.to_string().contains("secret"), "{told}");
        assert_eq!((&told["version"], &told["damage"]["graphs"][0]["n"]), (&json!("1"), &json!(1)));
        assert_eq!(told["graphs"][0], told["damage"]["graphs"][0]["graph"]);
    }

    #[test]
    fn metrics_keep_their_form() {
        let page = "a{graph=\"x\\\"y\",kind=\"k\"} 1\nb{tenant=\"\"} 2\nc 3\n";
        let told = NAMELESS.metrics(page);
        assert!(
            !told.contains("x\\\"y") && told.contains("\",kind=\"k\"} 1\nb{tenant=\"\"} 2\nc 3\n"),
            "{told}"
        );
        assert_eq!(Redaction { keeps_names: true }.metrics(page), page);
    }
}
