//! What a tenant over its quota is told.

use std::{fmt, time::Duration};

use epistemic_protocol::ErrorCode;
use epistemic_storage::clock;

use super::{class::Who, kind::Kind};

/// A refusal: what, how much, until when. Nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{code}: {} may use {limit} {} (quota rule '{rule}') {state}; nothing was done. {until} ({code:#})",
    Who(.tenant), .kind.words(), code = ErrorCode::Quota
)]
pub(crate) struct Refusal {
    pub(super) tenant: String,
    pub(super) kind: Kind,
    pub(super) limit: u64,
    pub(super) rule: String,
    pub(super) state: State,
    pub(super) until: Until,
}

/// How much is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Of something that is kept.
    Has(u64),
    /// Of bytes, and what this would add.
    Stores { stored: u64, more: u64 },
    /// Of a rate.
    Spent,
}

/// When it can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// After so long.
    After(Duration),
    /// When something of it is given up.
    Freed,
    /// Not before the rule is another.
    Never,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Has(used) => write!(f, "and has {used}"),
            State::Stores { stored, more } => write!(f, "and has {stored}, to which this adds about {more}"),
            State::Spent => f.write_str("and has used them"),
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until::After(wait) => {
                // Rounded up: who comes back then must not be too early.
                let ms = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
                write!(f, "Try again in {ms} ms")?;
                let at = i64::try_from(clock::unix_ms().saturating_add(ms)).ok();
                match at.and_then(chrono::DateTime::from_timestamp_millis) {
                    Some(at) => write!(f, ", at {}", at.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
                    None => Ok(()),
                }
            }
            Until::Freed => f.write_str("Try again when some are given up"),
            Until::Never => f.write_str("The operator has to raise it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_how_much_and_until_when() {
        let refusal = |state, until| Refusal {
            tenant: "acme\n".into(),
            kind: Kind::Requests,
            limit: 10,
            rule: "a*".into(),
            state,
            until,
        };
        let text = refusal(State::Spent, Until::After(Duration::from_micros(99_001))).to_string();
        let begin = "QUOTA: tenant 'acme\\n' may use 10 requests per second (quota rule 'a*') and has used them; nothing was \
                     done. Try again in 100 ms, at 20";
        assert!(text.starts_with(begin) && text.ends_with("Z (docs/errors/quota.md)"), "{text}");
        let class =
            Refusal { tenant: "class:batch".into(), ..refusal(State::Spent, Until::Never) }.to_string();
        assert!(class.starts_with("QUOTA: keys of quota class 'batch' may use 10 requests"), "{class}");
        let text = refusal(State::Has(10), Until::Freed).to_string();
        assert!(text.contains("and has 10; nothing was done. Try again when some are given up ("), "{text}");
    }
}
