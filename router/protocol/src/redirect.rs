//! Texts of a shard that knows a graph and does not serve it: where the graph is. Written and read here alone.

use std::fmt;

use crate::{ErrorCode, placement::Endpoint};

/// Where a graph is, in the words of a shard that does not serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
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

impl Redirect {
    /// Reads a text. Nothing for any other text, and for an endpoint that does not parse.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        if let Some((graph, to)) = MOVED.read(text) {
            return Some(Self::Moved { graph, to });
        }
        ARRIVING.read(text).map(|(graph, from)| Self::Arriving { graph, from })
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

/// Writes that a graph is served by `to` now.
pub fn moved<'a>(graph: &'a str, to: &'a str) -> impl fmt::Display + 'a {
    Text { words: &MOVED, graph, endpoint: to }
}

/// Writes that a graph is being moved here and served by `from` until then.
pub fn arriving<'a>(graph: &'a str, from: &'a str) -> impl fmt::Display + 'a {
    Text { words: &ARRIVING, graph, endpoint: from }
}

/// `CODE: graph 'G' BETWEEN 'ENDPOINT' BEHIND (PAGE)`
struct Words {
    code: ErrorCode,
    between: &'static str,
    behind: &'static str,
}

const MOVED: Words = Words {
    code: ErrorCode::Moved,
    between: "' moved to '",
    behind: "'; nothing was done. Update GRAPH_SERVICE_ENDPOINTS (",
};
const ARRIVING: Words = Words {
    code: ErrorCode::Arriving,
    between: "' is being moved here and is served by '",
    behind: "' until then; nothing was done. Ask that shard, or try again when the move is complete (",
};
const BEFORE: &str = ": graph '";

impl Words {
    /// Graph and endpoint of a text. Read from the end: whoever names a graph may put these words into its name, but not
    /// behind it.
    fn read(&self, text: &str) -> Option<(String, Endpoint)> {
        let inner = text.strip_prefix(self.code.name())?.strip_prefix(BEFORE)?;
        let inner = inner.strip_suffix(')')?.strip_suffix(self.code.page())?.strip_suffix(self.behind)?;
        let (graph, endpoint) = inner.rsplit_once(self.between)?;
        Some((graph.to_owned(), Endpoint::parse(endpoint).ok()?))
    }
}

struct Text<'a> {
    words: &'a Words,
    graph: &'a str,
    endpoint: &'a str,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { words: Words { code, between, behind }, graph, endpoint } = self;
        write!(f, "{code}{BEFORE}{graph}{between}{endpoint}{behind}{code:#})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Installed clients read them.
    #[test]
    fn the_texts() {
        assert_eq!(
            moved("g", "tcp://h:1").to_string(),
            "MOVED: graph 'g' moved to 'tcp://h:1'; nothing was done. Update GRAPH_SERVICE_ENDPOINTS \
             (docs/errors/moved.md)"
        );
        assert_eq!(
            arriving("g", "tcp://h:1").to_string(),
            "ARRIVING: graph 'g' is being moved here and is served by 'tcp://h:1' until then; nothing was done. Ask that \
             shard, or try again when the move is complete (docs/errors/arriving.md)"
        );
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
                let to = Redirect::Moved { graph: graph.to_owned(), to: parsed.clone() };
                assert_eq!(Redirect::of(&moved(graph, endpoint).to_string()), Some(to));
                let from = Redirect::Arriving { graph: graph.to_owned(), from: parsed };
                assert_eq!(Redirect::of(&arriving(graph, endpoint).to_string()), Some(from));
            }
        }
    }

    #[test]
    fn other_texts_and_endpoints_lead_nowhere() {
        for endpoint in ["", "localhost:1 ", "tcp://h", "http://h:1", "tcp://h:0", "tcp://user@h:1"] {
            assert_eq!(Redirect::of(&moved("g", endpoint).to_string()), None, "{endpoint}");
        }
        let said = moved("g", "tcp://h:1").to_string();
        for other in [
            said.trim_end_matches(')').to_owned(),
            format!("{said} "),
            format!(" {said}"),
            said.replace("MOVED", "moved"),
            said.replace("tcp://h:1", "tcp://h:1' or 'tcp://h:2"),
            "MOVED: graph 'g' moved".to_owned(),
            String::new(),
        ] {
            assert_eq!(Redirect::of(&other), None, "{other}");
        }
    }
}
