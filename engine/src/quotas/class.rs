//! Quota classes: what keys use together, besides what the tenants of the graphs do.

use std::fmt;

/// What the names of their accounts begin with, in rules, metrics and answers: `class:batch`.
const PREFIX: &str = "class:";

/// The name of the account of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Class(String);

impl Class {
    pub(crate) fn new(name: &str) -> Self {
        Self(format!("{PREFIX}{name}"))
    }

    pub(super) fn account(&self) -> &str {
        &self.0
    }
}

/// Whose an account is, in messages.
pub(super) struct Who<'a>(pub(super) &'a str);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.0.strip_prefix(PREFIX)) {
            ("", _) => f.write_str("graphs of no tenant"),
            (_, Some(class)) => write!(f, "keys of quota class '{}'", class.escape_debug()),
            (tenant, None) => write!(f, "tenant '{}'", tenant.escape_debug()),
        }
    }
}
