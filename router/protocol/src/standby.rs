//! Texts of a server that stands by: where the owner of its shard is. Written and read here alone.

use std::fmt;

use crate::{ErrorCode, placement::Endpoint};

const BEFORE: &str = "the owner of this shard is '";
const BEHIND: &str = "' (host ";

/// Writes, behind `STANDBY: `, that the owner is at `endpoint`, a process on a machine.
pub fn owned_by<'a>(endpoint: &'a str, host: &'a str, pid: u32) -> impl fmt::Display + 'a {
    Text { endpoint, host, pid }
}

/// The endpoint of the owner that a text of a server names. Nothing for any other text, and for an endpoint that does not parse.
#[must_use]
pub fn owner_of(text: &str) -> Option<Endpoint> {
    let rest = text.strip_prefix(ErrorCode::Standby.name())?.strip_prefix(": ")?.strip_prefix(BEFORE)?;
    let (endpoint, _) = rest.split_once(BEHIND)?;
    Endpoint::parse(endpoint).ok()
}

struct Text<'a> {
    endpoint: &'a str,
    host: &'a str,
    pid: u32,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, host, pid } = self;
        let code = ErrorCode::Standby;
        write!(
            f,
            "{BEFORE}{endpoint}{BEHIND}{host}, pid {pid}), and this server takes over when that one ends; nothing was done ({code:#})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_read_from_the_text() {
        for endpoint in ["tcp://10.0.0.7:9101", "unix:///run/it's.sock"] {
            let text = format!("STANDBY: {}", owned_by(endpoint, "node-7", 12));
            assert_eq!(owner_of(&text), Some(Endpoint::parse(endpoint).unwrap()), "{text}");
            assert_eq!(ErrorCode::of_text(&text), ErrorCode::Standby);
        }
        for text in [
            "STANDBY: this shard has no owner yet",
            "STANDBY: the owner of this shard is 'tcp://h' (host h",
            "MOVED: the owner of this shard is 'tcp://h:1' (host h",
            "",
        ] {
            assert_eq!(owner_of(text), None, "{text}");
        }
    }
}
