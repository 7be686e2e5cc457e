//! What is read of the text of a server's error: the code that it begins with and, of a graph that is not served there,
//! where it is. Everything else in it is for people.

use crate::endpoint::Endpoint;
use crate::error::ErrorKind;

/// The token is not that of the request.
const AUTHENTICATION: &str = "Authentication failed";

/// The codes that texts of our server begin with, `CODE: ...`, and what to do about them. Of the reference's texts only
/// `BUSY` and `Authentication failed` are fixed.
const CODES: [(&str, ErrorKind); 21] = [
    ("ACCESS_DENIED", ErrorKind::FixRequest),
    ("ARRIVING", ErrorKind::Reroute),
    ("BUSY", ErrorKind::Retry),
    ("COMPUTE_DEADLINE", ErrorKind::FixRequest),
    ("CORRUPT", ErrorKind::Repair),
    ("FRAME_TOO_LARGE", ErrorKind::FixRequest),
    ("GRAPH_MISSING", ErrorKind::Repair),
    ("IDEMPOTENCY_CONFLICT", ErrorKind::FixRequest),
    ("LEDGER_TRUNCATED", ErrorKind::FixRequest),
    ("LIMIT_EXCEEDED", ErrorKind::FixRequest),
    ("MOVED", ErrorKind::Reroute),
    ("MOVE_ABORTED", ErrorKind::FixRequest),
    ("MOVE_CONFLICT", ErrorKind::FixRequest),
    ("MOVE_OVERTAKEN", ErrorKind::Retry),
    (MOVING, ErrorKind::Retry),
    ("PROJECTION_TOO_LARGE", ErrorKind::FixRequest),
    // It fails again until a time that its text tells, or until something is removed: trying again at once makes it worse.
    ("QUOTA", ErrorKind::FixRequest),
    ("RESULT_TOO_LARGE", ErrorKind::FixRequest),
    ("TENANT_COLLISION", ErrorKind::FixRequest),
    ("VECTORS_TOO_LARGE", ErrorKind::FixRequest),
    (WRONG_SHARD, ErrorKind::Reroute),
];
/// The graph takes no writes for a moment; nothing was written.
pub(crate) const MOVING: &str = "MOVING";
/// The graph belongs to another shard; nothing was created.
pub(crate) const WRONG_SHARD: &str = "WRONG_SHARD";

/// The code of a server's text, and what to do.
pub(crate) fn code_of(text: &str) -> (&'static str, ErrorKind) {
    let named = text.split_once(": ").map(|(code, _)| code);
    let known = CODES.into_iter().find(|(code, _)| named == Some(code));
    known.unwrap_or_else(|| match text {
        AUTHENTICATION => ("SERVER_ERROR", ErrorKind::Repair),
        // The reference fixes this prefix only.
        _ if text.starts_with("BUSY") => ("BUSY", ErrorKind::Retry),
        _ => ("SERVER_ERROR", ErrorKind::FixRequest),
    })
}

/// Whether the server did not take the token.
pub(crate) fn is_authentication(text: &str) -> bool {
    text.starts_with(AUTHENTICATION)
}

/// What a shard said of a graph that it has and does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// `MOVED`: it is served elsewhere.
    Moved {
        /// The graph.
        graph: String,
        /// Where it is served.
        to: Endpoint,
    },
    /// `ARRIVING`: it is being moved to this shard, and served where it was until that is done.
    Arriving {
        /// The graph.
        graph: String,
        /// Where it is served.
        from: Endpoint,
    },
}

/// What stands before the graph, between graph and endpoint, and behind the endpoint.
type Words = [&'static str; 3];

const MOVED: Words = [
    "MOVED: graph '",
    "' moved to '",
    "'; nothing was done. Update GRAPH_SERVICE_ENDPOINTS (docs/errors/moved.md)",
];
const ARRIVING: Words = [
    "ARRIVING: graph '",
    "' is being moved here and is served by '",
    "' until then; nothing was done. Ask that shard, or try again when the move is complete (docs/errors/arriving.md)",
];

impl Standing {
    /// Nothing for any other text, and for an endpoint that does not parse.
    pub(crate) fn of(text: &str) -> Option<Self> {
        if let Some((graph, to)) = graph_and_endpoint(text, MOVED) {
            return Some(Self::Moved { graph, to });
        }
        graph_and_endpoint(text, ARRIVING).map(|(graph, from)| Self::Arriving { graph, from })
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &str {
        match self {
            Self::Moved { graph, .. } | Self::Arriving { graph, .. } => graph,
        }
    }

    /// Where it is served.
    #[must_use]
    pub fn served_by(&self) -> &Endpoint {
        match self {
            Self::Moved { to: endpoint, .. } | Self::Arriving { from: endpoint, .. } => endpoint,
        }
    }
}

/// Read from the end: whoever names a graph may put these words into its name, but not behind it.
fn graph_and_endpoint(text: &str, [before, between, behind]: Words) -> Option<(String, Endpoint)> {
    let (graph, endpoint) = text.strip_prefix(before)?.strip_suffix(behind)?.rsplit_once(between)?;
    Some((graph.to_owned(), Endpoint::parse(endpoint).ok()?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn text([before, between, behind]: Words, graph: &str, endpoint: &str) -> String {
        format!("{before}{graph}{between}{endpoint}{behind}")
    }

    /// The texts of the storage are the ones to agree with: the router does not depend on it.
    #[test]
    fn the_words_are_those_of_the_storage() {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for tests");
        let source = Path::new(&package).join("../storage/src/graph/error.rs");
        let source = fs_err::read_to_string(source).unwrap();
        let lines = source.split("\\\n").map(str::trim_start);
        let source: String = lines.collect();
        for said in [text(MOVED, "{graph}", "{to}"), text(ARRIVING, "{graph}", "{from}")] {
            assert!(source.contains(&format!("\"{said}\"")), "{said}");
        }
        assert!(source.contains("\"MOVING: graph '{graph}'"));
    }

    #[test]
    fn graph_and_endpoint_are_read_whatever_the_graph_is_called() {
        for graph in [
            "g",
            "",
            "it's",
            "a: b",
            "🦀 株式会社",
            "two\nlines",
            "x' moved to 'tcp://evil:1",
            "x' is being moved here and is served by 'tcp://evil:1",
            "x' moved to 'tcp://evil:1'; nothing was done. Update GRAPH_SERVICE_ENDPOINTS (docs/errors/moved.md)",
        ] {
            for endpoint in
                ["tcp://localhost:9101", "tcp://[::1]:9101", "unix:///run/it's.sock", "/run/e.sock"]
            {
                let parsed = Endpoint::parse(endpoint).unwrap();
                let moved = Standing::Moved { graph: graph.to_owned(), to: parsed.clone() };
                assert_eq!(Standing::of(&text(MOVED, graph, endpoint)), Some(moved));
                let arriving = Standing::Arriving { graph: graph.to_owned(), from: parsed };
                assert_eq!(Standing::of(&text(ARRIVING, graph, endpoint)), Some(arriving));
            }
        }
    }

    #[test]
    fn other_texts_and_endpoints_lead_nowhere() {
        for endpoint in ["", "localhost:1 ", "tcp://h", "http://h:1", "tcp://h:0", "tcp://user@h:1"] {
            assert_eq!(Standing::of(&text(MOVED, "g", endpoint)), None, "{endpoint}");
        }
        let said = text(MOVED, "g", "tcp://h:1");
        for other in [
            said.trim_end_matches(')').to_owned(),
            format!("{said} "),
            format!(" {said}"),
            said.replace("MOVED", "moved"),
            said.replace("tcp://h:1", "tcp://h:1' or 'tcp://h:2"),
            "MOVED: graph 'g' moved".to_owned(),
            String::new(),
        ] {
            assert_eq!(Standing::of(&other), None, "{other}");
        }
    }

    #[test]
    fn codes_are_words_before_a_colon_and_no_parts_of_names() {
        assert!(CODES.is_sorted_by_key(|(code, _)| code));
        for (code, kind) in CODES {
            assert_eq!(code_of(&format!("{code}: graph 'g': no")), (code, kind));
        }
        let unknown = ("SERVER_ERROR", ErrorKind::FixRequest);
        for text in ["Graph 'MOVED: g' not found", "MOVED", "moving: g", "MOVING g", "", "NODE: x"] {
            assert_eq!(code_of(text), unknown, "{text}");
        }
        assert_eq!(code_of("BUSY, retry"), ("BUSY", ErrorKind::Retry));
        assert_eq!(code_of("Authentication failed"), ("SERVER_ERROR", ErrorKind::Repair));
    }
}
