//! Control characters, shown instead of obeyed: names that clients chose are in many lines, and a terminal or a reader of
//! the log would take what they hold for its own.

use std::borrow::Cow;

/// `text` with `\n`, `\u001b` and the like in place of control characters, but for those that `keeps` names: escapes that JSON
/// knows, as a line may be JSON. What needs no change is not copied.
#[must_use]
pub fn escaped<'t>(text: &'t str, keeps: &[char]) -> Cow<'t, str> {
    let goes = |c: char| c.is_control() && !keeps.contains(&c);
    if !text.contains(goes) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if !goes(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    Cow::Owned(shown)
}

/// One line of a log with its end: whatever it says stays on it.
#[must_use]
pub fn line(line: &[u8]) -> Cow<'_, [u8]> {
    let (text, end) = match line.strip_suffix(b"\n") {
        Some(text) => (text, "\n"),
        None => (line, ""),
    };
    match String::from_utf8_lossy(text) {
        Cow::Borrowed(text) => match escaped(text, &['\t']) {
            Cow::Borrowed(_) => Cow::Borrowed(line),
            Cow::Owned(shown) => Cow::Owned((shown + end).into_bytes()),
        },
        Cow::Owned(text) => Cow::Owned((escaped(&text, &['\t']).into_owned() + end).into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_moves_no_cursor() {
        for (written, shown) in [
            ("plain é 🦀\n", "plain é 🦀\n"),
            ("a\nERROR b\n", "a\\nERROR b\n"),
            ("red \u{1b}[31m\n", "red \\u001b[31m\n"),
            ("\r\u{9b}2J\u{7f}\0", "\\r\\u009b2J\\u007f\\u0000"),
            ("a\tb\n\n", "a\tb\\n\n"),
            ("", ""),
            ("\n", "\n"),
        ] {
            assert_eq!(line(written.as_bytes()), shown.as_bytes(), "{written:?}");
        }
        assert_eq!(&*line(b"\xff\x1b\n"), "\u{fffd}\\u001b\n".as_bytes());
    }

    #[test]
    fn what_is_kept_is_kept() {
        assert_eq!(escaped("a\nb\u{1b}", &['\n']), "a\nb\\u001b");
        assert!(matches!(escaped("a b", &[]), Cow::Borrowed(_)));
    }
}
