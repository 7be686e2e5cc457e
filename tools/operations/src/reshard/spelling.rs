//! Endpoints that are written differently and reach the same shard.
//!
//! Placement hashes the text, so for it they are two shards: a list that calls one shard by two texts, or by another text
//! than the list before it, would move graphs for nothing and hide those that it does not move.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

use epistemic_router::{Endpoint, Target};

use super::inventory::Change;
use super::refusal::{Code, Refusal};

/// What a text reaches, as far as the text tells.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Reached {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// The name under which all spellings of this machine's own addresses are the same.
const LOOPBACK: &str = "localhost";

fn reached(endpoint: &Endpoint) -> Reached {
    match endpoint.target() {
        Target::Tcp { host, port } => Reached::Tcp(host_of(host), *port),
        Target::Unix(path) => Reached::Unix(path.components().collect()),
    }
}

fn host_of(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        // A client that connects to the unspecified address reaches its own machine.
        Ok(address) if address.is_loopback() || address.is_unspecified() => LOOPBACK.to_owned(),
        Ok(address) => address.to_string(),
        Err(_) if host.ends_with(".localhost") => LOOPBACK.to_owned(),
        Err(_) => host,
    }
}

/// The texts of both lists that reach what another text reaches.
pub(super) fn check(change: &Change) -> Vec<Refusal> {
    let mut first: HashMap<Reached, &Endpoint> = HashMap::new();
    let mut refusals = Vec::new();
    for endpoint in change.endpoints() {
        let known = *first.entry(reached(endpoint)).or_insert(endpoint);
        if known != endpoint {
            refusals.push(Refusal::new(
                Code::EndpointSpelling,
                format!("'{known}' and '{endpoint}' are the same shard, written differently"),
                format!("write '{known}' wherever it is meant, as its clients do: placement hashes the text"),
            ));
        }
    }
    refusals
}

#[cfg(test)]
mod tests {
    use epistemic_router::{Affinity, EndpointList};

    use super::*;

    fn refusals(from: &str, to: &str) -> Vec<Refusal> {
        let list = |text| EndpointList::parse(text).unwrap();
        check(&Change { from: list(from), to: list(to), affinity: Affinity::none() })
    }

    #[test]
    fn spellings_of_one_shard_are_found_within_and_across_lists() {
        for (one, other) in [
            ("tcp://localhost:9101", "tcp://127.0.0.1:9101"),
            ("tcp://localhost:9101", "tcp://[::1]:9101"),
            ("tcp://localhost:9101", "tcp://LOCALHOST:9101"),
            ("tcp://localhost:9101", "tcp://localhost.:9101"),
            ("tcp://localhost:9101", "tcp://localhost:09101"),
            ("tcp://localhost:9101", "tcp://0.0.0.0:9101"),
            ("tcp://localhost:9101", "tcp://shard.localhost:9101"),
            ("tcp://127.0.0.1:9101", "tcp://127.0.0.2:9101"),
            ("tcp://127.0.0.1:9101", "tcp://[::ffff:127.0.0.1]:9101"),
            ("tcp://Shard-1.example:9101", "tcp://shard-1.example.:9101"),
            ("tcp://[2001:db8::1]:9101", "tcp://[2001:DB8:0::1]:9101"),
            ("unix:///run/a.sock", "/run/a.sock"),
            ("unix:///run/a.sock", "unix:///run/a.sock/"),
            ("unix:///run/a.sock", "unix:///run//./a.sock"),
        ] {
            for (from, to) in [(one, other), (other, one)] {
                let found = refusals(from, to);
                assert_eq!(found.len(), 1, "{from} {to}: {found:?}");
                assert!(found[0].what.contains(from) && found[0].what.contains(to), "{found:?}");
                assert_eq!(refusals(&format!("{from},{to}"), "tcp://else:1").len(), 1, "{from} {to}");
                assert_eq!(refusals("tcp://else:1", &format!("tcp://else:1,{from},{to}")).len(), 1);
            }
        }
    }

    #[test]
    fn other_shards_and_other_orders_are_none() {
        for (from, to) in [
            ("tcp://a:1,tcp://b:1", "tcp://b:1,tcp://a:1"),
            ("tcp://localhost:9101", "tcp://localhost:9102"),
            ("tcp://127.0.0.1:9101", "tcp://127.0.0.1:9101"),
            ("tcp://10.0.0.1:1", "tcp://10.0.0.2:1"),
            ("unix:///run/a.sock", "unix:///run/b.sock,unix:///run/A.sock"),
        ] {
            assert_eq!(refusals(from, to), [], "{from} {to}");
        }
    }
}
