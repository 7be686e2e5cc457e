//! Why there is no plan.

use serde::Serialize;

use crate::cli::{Exit, Failure};

/// Refusals that are written to stderr; `--json` has all of them.
const SHOWN: usize = 20;

/// What kind of refusal. The names are those of `docs/errors/reshard-refused.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Code {
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
pub(super) struct Refusal {
    pub(super) code: Code,
    /// What is wrong, and where.
    pub(super) what: String,
    /// What the operator can do.
    pub(super) remedy: String,
    #[serde(skip)]
    exit: Exit,
}

impl Refusal {
    pub(super) fn new(code: Code, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        let exit = match code {
            Code::EndpointSpelling | Code::SameStore => Exit::Usage,
            Code::ShardUnreadable
            | Code::GraphsHidden
            | Code::GraphConflict
            | Code::GraphQuarantined
            | Code::MoveUnfinished
            | Code::ShardRefuses
            | Code::NoRoom => Exit::Refused,
        };
        Self { code, what: what.into(), remedy: remedy.into(), exit }
    }

    /// With the exit code of the error behind it.
    pub(super) fn because_of(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }
}

/// The error of a command that got these, at least one, under this heading. Wrong usage comes first, then shards that cannot be reached.
pub(super) fn failure(heading: &str, refusals: &[Refusal]) -> Failure {
    let rank = |exit: &Exit| match exit {
        Exit::Usage => 0,
        Exit::Unreachable => 1,
        Exit::Refused => 2,
        Exit::Failed | Exit::Different | Exit::Partly | Exit::Conflict => 3,
    };
    let exit = refusals.iter().map(|refusal| refusal.exit).min_by_key(rank).unwrap_or(Exit::Failed);
    let mut lines = vec![heading.to_owned()];
    lines.extend(refusals.iter().take(SHOWN).map(|refusal| {
        let code = serde_json::to_value(refusal.code).unwrap_or_default();
        let code = code.as_str().unwrap_or_default();
        format!("  {code}: {}: {}", refusal.what, refusal.remedy)
    }));
    if refusals.len() > SHOWN {
        lines.push(format!("  and {} more: --json shows all", refusals.len() - SHOWN));
    }
    lines.push("  (docs/errors/reshard-refused.md)".to_owned());
    Failure::new(exit, lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit_of;

    #[test]
    fn the_worst_refusal_decides_the_exit_code_and_many_are_cut() {
        let room = || Refusal::new(Code::NoRoom, "a is full", "free some");
        let lost = || Refusal::new(Code::ShardUnreadable, "b", "start it").because_of(Exit::Unreachable);
        let usage = || Refusal::new(Code::EndpointSpelling, "c", "write c");
        let failure = |refusals: &[Refusal]| failure("there is no plan:", refusals);
        assert_eq!(exit_of(&failure(&[room()]).into()), Exit::Refused);
        assert_eq!(exit_of(&failure(&[room(), lost()]).into()), Exit::Unreachable);
        assert_eq!(exit_of(&failure(&[room(), lost(), usage()]).into()), Exit::Usage);
        let text = failure(&vec![room(); 30]).to_string();
        assert!(text.contains("NO_ROOM: a is full: free some") && text.contains("and 10 more"), "{text}");
    }
}
