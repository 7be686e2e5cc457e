//! One shard endpoint: the text as configured, and where it connects to.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::ConfigError;

/// A shard endpoint: `tcp://host:port`, `unix:///path`, or a bare path (a unix socket).
///
/// The text is kept **verbatim**, because it is an input of the placement hash: `tcp://localhost:9101` and
/// `tcp://127.0.0.1:9101` reach the same process and own different graphs. Equality is equality of the text.
#[derive(Clone)]
pub struct Endpoint {
    text: Arc<str>,
    target: Arc<Target>,
}

/// What an endpoint connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A TCP listener. An IPv6 address is held without its brackets.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port, never 0.
        port: u16,
    },
    /// A unix stream socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// Parses the text of one endpoint. Nothing is trimmed or normalised.
    ///
    /// # Errors
    /// [`ConfigError::Endpoint`] for empty text, surrounding white space, a scheme other than `tcp` and `unix`,
    /// a missing host or path, or a port outside 1-65535.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let target =
            parse_target(text).map_err(|reason| ConfigError::Endpoint { text: text.to_owned(), reason })?;
        Ok(Self { text: text.into(), target: Arc::new(target) })
    }

    /// The text exactly as configured: what the placement hash sees.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where a connection goes.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// True for unix sockets. A `tcp://` endpoint counts as remote even on a loopback address.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(*self.target, Target::Unix(_))
    }
}

fn parse_target(text: &str) -> Result<Target, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.trim() != text {
        return Err("it starts or ends with white space, which would change the placement hash");
    }
    if let Some(address) = text.strip_prefix("tcp://") {
        return parse_tcp(address);
    }
    match text.split_once("://") {
        Some(("unix", "")) => Err("the socket path is missing"),
        Some(("unix", path)) => Ok(Target::Unix(path.into())),
        Some((scheme, _)) if !scheme.contains('/') => Err("the scheme must be tcp:// or unix://"),
        Some(_) | None => Ok(Target::Unix(text.into())),
    }
}

fn parse_tcp(address: &str) -> Result<Target, &'static str> {
    let (host, port) = address.rsplit_once(':').ok_or("the port is missing, write tcp://host:port")?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or("the IPv6 address lacks its closing bracket")?,
        None if host.contains(':') => return Err("an IPv6 address needs brackets, write tcp://[::1]:port"),
        None => host,
    };
    if host.is_empty() {
        return Err("the host is missing, write tcp://host:port");
    }
    if host.contains(['/', '@', '[', ']']) || host.contains(char::is_whitespace) {
        return Err("the host contains a character that no host name has");
    }
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if digits && port != 0 => Ok(Target::Tcp { host: host.to_owned(), port }),
        Ok(_) | Err(_) => Err("the port must be a number from 1 to 65535"),
    }
}

impl FromStr for Endpoint {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({:?})", self.text)
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_text_and_finds_the_target() {
        let tcp = |host: &str, port| Target::Tcp { host: host.to_owned(), port };
        for (text, target, local) in [
            ("tcp://localhost:9101", tcp("localhost", 9101), false),
            ("tcp://[::1]:9101", tcp("::1", 9101), false),
            ("unix:///tmp/e.sock", Target::Unix("/tmp/e.sock".into()), true),
            ("unix://relative.sock", Target::Unix("relative.sock".into()), true),
            ("/run/e.sock", Target::Unix("/run/e.sock".into()), true),
            ("/run/odd://name", Target::Unix("/run/odd://name".into()), true),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.as_str(), text);
            assert_eq!(*endpoint.target(), target);
            assert_eq!(endpoint.is_local(), local);
        }
    }

    #[test]
    fn malformed_text_is_refused_with_the_text_in_the_error() {
        for (text, reason) in [
            ("", "empty"),
            (" tcp://h:1", "white space"),
            ("tcp://h:1\n", "white space"),
            ("tcp://h", "port is missing"),
            ("tcp://h:", "1 to 65535"),
            ("tcp://h:0", "1 to 65535"),
            ("tcp://h:+80", "1 to 65535"),
            ("tcp://h:65536", "1 to 65535"),
            ("tcp://:9101", "host is missing"),
            ("tcp://::1:9101", "brackets"),
            ("tcp://[::1:9101", "closing bracket"),
            ("tcp://a b:1", "no host name"),
            ("tcp://h/x:1", "no host name"),
            ("unix://", "path is missing"),
            ("http://h:1", "tcp:// or unix://"),
            ("TCP://h:1", "tcp:// or unix://"),
        ] {
            let message = Endpoint::parse(text).unwrap_err().to_string();
            assert!(message.contains(reason), "{text:?}: {message}");
            assert!(message.contains(&format!("{text:?}")), "{text:?}: {message}");
        }
    }
}
