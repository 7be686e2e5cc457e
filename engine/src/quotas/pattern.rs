//! Which tenants a rule is for, and which graphs a key.

use std::fmt;

/// A name in which `*` stands for any characters, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(String);

/// Bytes of a pattern at most.
const MAX_BYTES: usize = 4096;

impl Pattern {
    /// # Errors
    /// It is too long.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("a pattern of {} bytes, {MAX_BYTES} are the most", text.len()));
        }
        Ok(Self(text.to_owned()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether it is the name of one tenant.
    pub(super) fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    pub(crate) fn matches(&self, tenant: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| tenant.strip_prefix(first)) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_debug().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, matching, others) in [
            ("acme", &["acme"][..], &["", "acme2", "my-acme", "Acme"][..]),
            ("*", &["", "a", "a*b"], &[]),
            ("free-*", &["free-", "free-1"], &["free", "my-free-1"]),
            ("*-free", &["-free", "a-free"], &["a-free-"]),
            ("a*b*c", &["abc", "axxbxxc", "abbc", "abcbc"], &["ab", "acb", "abcd", "xabc"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("", &[""], &["a"]),
            ("ä*ö", &["äö", "äöö"], &["ä"]),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            matching.iter().for_each(|name| assert!(pattern.matches(name), "{pattern} {name}"));
            others.iter().for_each(|name| assert!(!pattern.matches(name), "{pattern} {name}"));
        }
        assert!(Pattern::new("acme").unwrap().is_exact() && !Pattern::new("a*").unwrap().is_exact());
        assert!(Pattern::new(&"x".repeat(4097)).unwrap_err().contains("4097 bytes"));
    }
}
