//! Why there is no plan.

use std::error::Error;
use std::fmt;

use serde::Serialize;

use crate::error::ErrorKind;

/// Refusals in the text of the error; `--json` has all of them.
const SHOWN: usize = 20;

/// What kind of refusal. The names are those of `docs/errors/reshard-refused.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// One shard is written in two ways.
    EndpointSpelling,
    /// Two endpoints have the same store.
    SameStore,
    /// A shard cannot be reached or read, so nobody knows what it holds.
    ShardUnreadable,
    /// A shard shows fewer graphs than it has.
    GraphsHidden,
    /// A name on two shards.
    GraphConflict,
    /// A graph is between two shards already.
    MoveUnfinished,
    /// A graph that has to move is damaged.
    GraphQuarantined,
    /// A source or destination takes no writes.
    ShardRefuses,
    /// A destination is too small.
    NoRoom,
}

/// One reason, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What kind it is.
    pub code: Code,
    /// What is wrong, and where.
    pub what: String,
    /// What the operator can do.
    pub remedy: String,
    #[serde(skip)]
    kind: ErrorKind,
}

impl Refusal {
    pub(super) fn new(code: Code, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        let kind = match code {
            Code::EndpointSpelling | Code::SameStore => ErrorKind::Usage,
            Code::ShardUnreadable
            | Code::GraphsHidden
            | Code::GraphConflict
            | Code::GraphQuarantined
            | Code::MoveUnfinished
            | Code::ShardRefuses
            | Code::NoRoom => ErrorKind::Refused,
        };
        Self { code, what: what.into(), remedy: remedy.into(), kind }
    }

    /// Of the kind of the error that caused it.
    pub(super) fn because_of(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }
}

/// There is no plan, or one that cannot be carried out.
#[derive(Debug)]
pub struct PlanRefused {
    /// What that means, before the reasons.
    pub heading: &'static str,
    /// Why, at least one.
    pub refusals: Vec<Refusal>,
}

impl PlanRefused {
    /// What kind of error it is: wrong usage comes first, then shards that cannot be reached.
    pub fn kind(&self) -> ErrorKind {
        let rank = |kind: &ErrorKind| match kind {
            ErrorKind::Usage => 0,
            ErrorKind::Unreachable => 1,
            ErrorKind::Refused => 2,
            ErrorKind::Failed | ErrorKind::Partly => 3,
        };
        self.refusals.iter().map(|refusal| refusal.kind).min_by_key(rank).unwrap_or(ErrorKind::Failed)
    }
}

impl Error for PlanRefused {}

impl fmt::Display for PlanRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { heading, refusals } = self;
        let mut lines = vec![(*heading).to_owned()];
        lines.extend(refusals.iter().take(SHOWN).map(|refusal| {
            let code = serde_json::to_value(refusal.code).unwrap_or_default();
            let code = code.as_str().unwrap_or_default();
            format!("  {code}: {}: {}", refusal.what, refusal.remedy)
        }));
        if refusals.len() > SHOWN {
            lines.push(format!("  and {} more: --json shows all", refusals.len() - SHOWN));
        }
        lines.push("  (docs/errors/reshard-refused.md)".to_owned());
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_refusal_decides_the_kind_and_many_are_cut() {
        let room = || Refusal::new(Code::NoRoom, "a is full", "free some");
        let lost = || Refusal::new(Code::ShardUnreadable, "b", "start it").because_of(ErrorKind::Unreachable);
        let usage = || Refusal::new(Code::EndpointSpelling, "c", "write c");
        let refused = |refusals| PlanRefused { heading: "there is no plan:", refusals };
        assert_eq!(refused(vec![room()]).kind(), ErrorKind::Refused);
        assert_eq!(refused(vec![room(), lost()]).kind(), ErrorKind::Unreachable);
        assert_eq!(refused(vec![room(), lost(), usage()]).kind(), ErrorKind::Usage);
        let text = refused(vec![room(); 30]).to_string();
        assert!(text.contains("NO_ROOM: a is full: free some") && text.contains("and 10 more"), "{text}");
    }
}
