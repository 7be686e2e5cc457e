//! The list of shard endpoints, and the environment variables it comes from.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Endpoint;
use crate::ConfigError;

/// Variable with the endpoint list: comma separated, or a JSON list of strings.
pub const ENDPOINTS_VAR: &str = "GRAPH_SERVICE_ENDPOINTS";
/// Variable with one `host:port`, used when there is no list.
pub const TCP_ADDR_VAR: &str = "GRAPH_SERVICE_TCP_ADDR";
/// Variable with one socket path, used when there is neither list nor address.
pub const SOCKET_VAR: &str = "GRAPH_SERVICE_SOCKET";
/// The endpoint of a machine where nothing is configured.
pub const DEFAULT_ENDPOINT: &str = "unix:///tmp/epistemic-graph.sock";
/// Variable with the folder of a login session where a server makes its default socket.
const RUNTIME_VAR: &str = "XDG_RUNTIME_DIR";
/// The name of that socket.
const DEFAULT_SOCKET: &str = "epistemic-graph.sock";

/// One or more distinct endpoints. One is a single engine; two and more are shards.
///
/// The order decides nothing but the order of listings: placement does not depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointList(Vec<Endpoint>);

impl EndpointList {
    /// # Errors
    /// [`ConfigError::NoEndpoints`] for an empty list, [`ConfigError::DuplicateEndpoint`] for a repeated text.
    pub fn new(endpoints: Vec<Endpoint>) -> Result<Self, ConfigError> {
        if endpoints.is_empty() {
            return Err(ConfigError::NoEndpoints);
        }
        let mut seen = HashSet::new();
        match endpoints.iter().find(|endpoint| !seen.insert(endpoint.as_str())) {
            Some(repeated) => Err(ConfigError::DuplicateEndpoint { endpoint: repeated.as_str().to_owned() }),
            None => Ok(Self(endpoints)),
        }
    }

    /// Parses `a,b,c` or `["a","b","c"]`. Entries are trimmed, empty ones dropped.
    ///
    /// # Errors
    /// As [`EndpointList::new`] and [`Endpoint::parse`]; [`ConfigError::EndpointJson`] for text that starts with
    /// `[` and is not a JSON list of strings.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::new(parse_entries(text)?)
    }

    /// Finds the list from configuration variables, read through `lookup`: [`ENDPOINTS_VAR`], else
    /// [`TCP_ADDR_VAR`], else [`SOCKET_VAR`], else `epistemic-graph.sock` in `XDG_RUNTIME_DIR`, else [`DEFAULT_ENDPOINT`]. Empty
    /// values count as unset.
    ///
    /// # Errors
    /// As [`EndpointList::parse`]. A malformed value is never skipped in favour of the next variable.
    pub fn resolve(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name| lookup(name).filter(|value| !value.is_empty());
        let listed = set(ENDPOINTS_VAR).map_or(Ok(Vec::new()), |text| parse_entries(&text))?;
        if !listed.is_empty() {
            return Self::new(listed);
        }
        let single = if let Some(address) = set(TCP_ADDR_VAR) {
            format!("tcp://{address}")
        } else if let Some(path) = set(SOCKET_VAR) {
            format!("unix://{path}")
        } else if let Some(folder) = set(RUNTIME_VAR) {
            format!("unix://{folder}/{DEFAULT_SOCKET}")
        } else {
            DEFAULT_ENDPOINT.to_owned()
        };
        Self::new(vec![Endpoint::parse(&single)?])
    }

    /// [`EndpointList::resolve`] over the environment of this process. A folder of the session without a socket does not count, as for
    /// the published clients: then the server is not one of the session.
    ///
    /// # Errors
    /// As [`EndpointList::resolve`].
    pub fn from_env() -> Result<Self, ConfigError> {
        let has_socket = |folder: &str| Path::new(folder).join(DEFAULT_SOCKET).exists();
        Self::resolve(|name| {
            let value = std::env::var(name).ok();
            value.filter(|value| name != RUNTIME_VAR || has_socket(value))
        })
    }

    /// The endpoints in configured order; never empty.
    #[must_use]
    pub fn as_slice(&self) -> &[Endpoint] {
        &self.0
    }

    /// Names the list in 16 hexadecimal digits: the first of SHA-256 over the texts, sorted, each with a line break behind
    /// it. Lists in another order place every graph the same way and have the same fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut texts: Vec<_> = self.0.iter().map(Endpoint::as_str).collect();
        texts.sort_unstable();
        let hash = texts.iter().fold(Sha256::new(), |hash, text| hash.chain_update(text).chain_update("\n"));
        hex::encode(&hash.finalize()[..8])
    }

    /// True with two endpoints and more.
    #[must_use]
    pub fn is_sharded(&self) -> bool {
        self.0.len() > 1
    }
}

/// The texts, separated by commas.
impl fmt::Display for EndpointList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(Endpoint::as_str).collect();
        f.write_str(&texts.join(","))
    }
}

/// The endpoints of `a,b,c` or `["a","b","c"]`, none or the same one several times. Entries are trimmed, empty ones dropped.
///
/// # Errors
/// As [`EndpointList::parse`], but for what only a list is refused for.
pub fn parse_entries(text: &str) -> Result<Vec<Endpoint>, ConfigError> {
    let entries: Vec<String> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
            .map_err(|error| ConfigError::EndpointJson { text: text.to_owned(), reason: error.to_string() })?
    } else {
        text.split(',').map(str::to_owned).collect()
    };
    entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()).map(Endpoint::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(vars: &[(&str, &str)]) -> Result<Vec<String>, ConfigError> {
        let lookup =
            |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let list = EndpointList::resolve(lookup)?;
        Ok(list.as_slice().iter().map(Endpoint::to_string).collect())
    }

    #[test]
    fn the_list_wins_over_address_socket_and_default() {
        let all = [(ENDPOINTS_VAR, "tcp://a:1, unix:///b ,,"), (TCP_ADDR_VAR, "c:2"), (SOCKET_VAR, "/d")];
        assert_eq!(resolve(&all).unwrap(), ["tcp://a:1", "unix:///b"]);
        assert_eq!(resolve(&all[1..]).unwrap(), ["tcp://c:2"]);
        assert_eq!(resolve(&all[2..]).unwrap(), ["unix:///d"]);
        assert_eq!(resolve(&[]).unwrap(), [DEFAULT_ENDPOINT]);
        let session = (RUNTIME_VAR, "/run/user/7");
        assert_eq!(resolve(&[session]).unwrap(), ["unix:///run/user/7/epistemic-graph.sock"]);
        assert_eq!(resolve(&[session, (SOCKET_VAR, "/d")]).unwrap(), ["unix:///d"]);
    }

    #[test]
    fn empty_values_count_as_unset() {
        for empty in ["", " , ,", "[]", r#"["", " "]"#] {
            assert_eq!(resolve(&[(ENDPOINTS_VAR, empty), (TCP_ADDR_VAR, "c:2")]).unwrap(), ["tcp://c:2"]);
        }
        assert_eq!(resolve(&[(TCP_ADDR_VAR, ""), (SOCKET_VAR, "")]).unwrap(), [DEFAULT_ENDPOINT]);
    }

    #[test]
    fn json_and_commas_give_the_same_list() {
        let comma = EndpointList::parse("tcp://localhost:9101,tcp://localhost:9102").unwrap();
        let json = EndpointList::parse(r#" ["tcp://localhost:9101", " tcp://localhost:9102 "]"#).unwrap();
        assert_eq!(comma, json);
        assert!(comma.is_sharded());
        assert!(!EndpointList::parse("unix:///a").unwrap().is_sharded());
    }

    /// The digits are those of `printf 'tcp://a:1\nunix:///b\n' | sha256sum`.
    #[test]
    fn the_fingerprint_tells_lists_apart_but_not_their_order() {
        let fingerprint = |text| EndpointList::parse(text).unwrap().fingerprint();
        assert_eq!(fingerprint("tcp://a:1,unix:///b"), "dc14f52950a4f959");
        assert_eq!(fingerprint(" unix:///b , tcp://a:1"), "dc14f52950a4f959");
        for other in ["tcp://a:1", "tcp://a:1,unix:///c", "tcp://a:1,/b", "tcp://a:1,unix:///b,unix:///c"] {
            assert_ne!(fingerprint(other), "dc14f52950a4f959", "{other}");
        }
    }

    #[test]
    fn bad_lists_are_refused() {
        let error = |text| EndpointList::parse(text).unwrap_err();
        assert!(matches!(error(""), ConfigError::NoEndpoints));
        assert!(matches!(error("tcp://a:1,tcp://a:1"), ConfigError::DuplicateEndpoint { .. }));
        assert!(matches!(error(r#"["tcp://a:1""#), ConfigError::EndpointJson { .. }));
        assert!(matches!(error("[1]"), ConfigError::EndpointJson { .. }));
        assert!(matches!(error("tcp://a:1,tcp://b"), ConfigError::Endpoint { .. }));
        let malformed = [(ENDPOINTS_VAR, "tcp://a"), (SOCKET_VAR, "/d")];
        assert!(matches!(resolve(&malformed), Err(ConfigError::Endpoint { .. })));
    }
}
