//! The series that a PromQL expression reads.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

/// Words that are neither functions nor series.
const KEYWORDS: [&str; 14] = [
    "and", "or", "unless", "by", "on", "without", "ignoring", "offset", "bool", "sum", "max", "min", "avg",
    "count",
];

/// The names of all series in an expression. Whoever writes one uses no strings with brackets.
pub(super) fn series(expression: &str) -> BTreeSet<String> {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut rest = expression;
    let mut found = BTreeSet::new();
    // After `by` and the like the parentheses hold labels.
    let mut labels = false;
    while let Some(first) = rest.chars().next() {
        let word: &str = &rest[..rest.find(|c| !part_of_word(c)).unwrap_or(rest.len())];
        let length = match first {
            '{' => rest.find('}').map_or(rest.len(), |end| end + 1),
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            '(' if labels => rest.find(')').map_or(rest.len(), |end| end + 1),
            _ => word.len().max(first.len_utf8()),
        };
        let function = rest[word.len()..].trim_start().starts_with('(');
        let letters = first.is_ascii_alphabetic();
        if letters && !function && !KEYWORDS.contains(&word) {
            found.insert(word.to_owned());
        }
        if !first.is_whitespace() {
            labels = ["by", "on", "without", "ignoring"].contains(&word);
        }
        rest = &rest[length..];
    }
    found
}

#[test]
fn names_are_told_from_functions_labels_and_keywords() -> Result<()> {
    let found = series(
        r#"topk(10, sum by (op, le) (rate(a_total{op="x"}[5m]))) / on (instance) b > 2 ^ 30 or up == 0 unless c * 1e3"#,
    );
    ensure!(found == ["a_total", "b", "c", "up"].map(str::to_owned).into(), "{found:?}");
    Ok(())
}
