//! Limits of a client, and the identity it gives.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use epistemic_protocol::{
    ConfigError,
    placement::{Endpoint, parse_entries},
};
use epistemic_tls::ClientTls;

use super::methods::is_heavy;
use crate::autostart::AUTOSTART_VAR;
use crate::breaker::BreakerOptions;
use crate::min_auth::{MinAuth, SIGN_VAR};
use crate::settings;
use crate::tls::tls_from;

/// Variable that makes routers follow graphs that moved: 1 or 0.
pub const FOLLOW_MOVES_VAR: &str = "EPISTEMIC_GRAPH_FOLLOW_MOVES";

/// Variable with endpoints outside of the list that routers may follow graphs to, separated by commas.
pub const FOLLOW_TO_VAR: &str = "EPISTEMIC_GRAPH_FOLLOW_TO";

/// Limits of a [`Client`](super::Client) and of the pools of a [`ShardRouter`](crate::ShardRouter). The times are those
/// of the reference client.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// For making the connection, name lookup included. 10 s.
    pub connect_timeout: Duration,
    /// For a call, from its start to its answer. 60 s.
    pub deadline: Duration,
    /// The same for operations on whole graphs and batches. 1,200 s.
    pub heavy_deadline: Duration,
    /// For the server to take any part of a request. 30 s.
    pub write_timeout: Duration,
    /// Requests on a connection that have no answer yet; further calls wait, within their deadline. At least 1;
    /// 256, a server's share for one graph.
    pub max_in_flight: usize,
    /// Largest response taken, in bytes. 1 GiB. Memory is used as the bytes arrive, not as announced.
    pub max_response_bytes: u32,
    /// Identity for the server's access control.
    pub agent_id: Option<String>,
    /// The weakest token that requests carry.
    pub min_auth: MinAuth,
    /// Whether a client with an `agent_id` signs its requests where the server takes it. True. A server remembers each signed request for
    /// minutes: 8 M of them at a time, all clients together.
    pub sign: bool,
    /// Connections that a pool keeps to one endpoint. As many as the machine has cores, at least 2 and at most 16: a
    /// connection carries many calls at once, so more of them only spread the server's work.
    pub max_connections: usize,
    /// A pooled connection that was silent for so long must answer a Ping before it is used. 30 s.
    pub idle_before_ping: Duration,
    /// Whether a router asks each server on every new connection for its endpoint list (in `Health`) and refuses one that
    /// has another. True.
    pub compare_lists: bool,
    /// Whether a router starts a server for a `unix://` endpoint that nobody serves. False, and without effect on
    /// `tcp://` endpoints.
    pub autostart: bool,
    /// Whether a router sends a call on to the shard that another names for a graph that moved (`MOVED`, `ARRIVING`), and
    /// remembers it. False: the error names the new owner, so that the list is corrected. The memory is this process's
    /// own, ends with it, and needs the shard that the graph left. With it, `compare_lists` only logs.
    pub follow_moves: bool,
    /// Endpoints that a router follows graphs to beside those of its list. None: whoever answers for a shard could name any
    /// address, and requests with their tokens and data would go there.
    pub follow_to: Vec<Endpoint>,
    /// How `tcp://` endpoints are reached: by TLS, or in the clear when there is none. Unix sockets are in the clear.
    pub tls: Option<ClientTls>,
    /// When the breaker of an endpoint opens.
    pub breaker: BreakerOptions,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(60),
            heavy_deadline: Duration::from_secs(1200),
            max_in_flight: 256,
            max_response_bytes: 1 << 30,
            agent_id: None,
            min_auth: MinAuth::default(),
            sign: true,
            write_timeout: Duration::from_secs(30),
            max_connections: available_parallelism().map_or(2, NonZero::get).clamp(2, 16),
            idle_before_ping: Duration::from_secs(30),
            compare_lists: true,
            autostart: false,
            follow_moves: false,
            follow_to: Vec::new(),
            tls: None,
            breaker: BreakerOptions::default(),
        }
    }
}

impl ConnectOptions {
    /// The defaults, replaced by the reference client's variables read through `lookup`: `GRAPH_SERVICE_RPC_TIMEOUT`,
    /// `GRAPH_SERVICE_HEAVY_RPC_TIMEOUT`, `GRAPH_SERVICE_CONNECT_TIMEOUT`, `GRAPH_SERVICE_WRITE_TIMEOUT` (seconds),
    /// [`AUTOSTART_VAR`], [`FOLLOW_MOVES_VAR`], [`FOLLOW_TO_VAR`], [`MIN_AUTH_VAR`](crate::MIN_AUTH_VAR), [`SIGN_VAR`], and those of [`tls_from`] and [`BreakerOptions::resolve`]. Empty values count as unset.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] for a value that is no time above 0; as [`tls_from`] and [`Endpoint::parse`].
    pub fn resolve(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let default = Self::default();
        let limit = |name, default| Ok(settings::limit(&lookup, name)?.unwrap_or(default));
        Ok(Self {
            deadline: limit("GRAPH_SERVICE_RPC_TIMEOUT", default.deadline)?,
            heavy_deadline: limit("GRAPH_SERVICE_HEAVY_RPC_TIMEOUT", default.heavy_deadline)?,
            connect_timeout: limit("GRAPH_SERVICE_CONNECT_TIMEOUT", default.connect_timeout)?,
            write_timeout: limit("GRAPH_SERVICE_WRITE_TIMEOUT", default.write_timeout)?,
            autostart: settings::switch(&lookup, AUTOSTART_VAR)?,
            follow_moves: settings::switch(&lookup, FOLLOW_MOVES_VAR)?,
            follow_to: lookup(FOLLOW_TO_VAR).map_or(Ok(Vec::new()), |list| parse_entries(&list))?,
            tls: tls_from(&lookup)?,
            min_auth: MinAuth::resolve(&lookup)?,
            sign: settings::switched(&lookup, SIGN_VAR)?.unwrap_or(default.sign),
            breaker: BreakerOptions::resolve(&lookup)?,
            ..default
        })
    }

    /// The deadline of a call that has none of its own.
    #[must_use]
    pub fn deadline_for(&self, method: &str) -> Duration {
        if is_heavy(method) { self.heavy_deadline } else { self.deadline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_operations_get_the_long_deadline() {
        let options = ConnectOptions::default();
        assert_eq!(options.deadline_for("ToMsgpack"), Duration::from_secs(1200));
        assert_eq!(options.deadline_for("AddNode"), Duration::from_secs(60));
    }

    #[test]
    fn limits_come_from_the_environment_of_the_reference() {
        let lookup = |name: &str| match name {
            "GRAPH_SERVICE_RPC_TIMEOUT" => Some("1.5".to_owned()),
            "ENGINE_BREAKER_THRESHOLD" => Some("9".to_owned()),
            "EPISTEMIC_GRAPH_FOLLOW_TO" => Some("tcp://a:1, unix:///b".to_owned()),
            "EPISTEMIC_GRAPH_AUTOSTART" | "EPISTEMIC_GRAPH_FOLLOW_MOVES" => Some("1".to_owned()),
            _ => None,
        };
        let options = ConnectOptions::resolve(lookup).unwrap();
        assert_eq!(options.deadline, Duration::from_millis(1500));
        assert_eq!(options.write_timeout, Duration::from_secs(30));
        assert_eq!(options.breaker.threshold, 9);
        assert!(options.autostart && !ConnectOptions::default().autostart);
        assert_eq!(
            options.follow_to.iter().map(Endpoint::as_str).collect::<Vec<_>>(),
            ["tcp://a:1", "unix:///b"]
        );
        assert!(options.follow_moves && !ConnectOptions::default().follow_moves);
        assert!(ConnectOptions::resolve(|_| Some("0".to_owned())).is_err());
    }
}
