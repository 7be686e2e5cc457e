//! The endpoint list of a server, compared with the router's on every new connection: a server that was started anew may
//! have another.

use epistemic_protocol::placement::Endpoint;
use serde::Deserialize;

use super::Pool;
use crate::client::Client;
use crate::error::{CallError, ConnectCause, OtherList};

/// What `Health` says of a server that was told its place (`--advertise`).
#[derive(Deserialize)]
struct Told {
    endpoints: Vec<String>,
    endpoints_fingerprint: String,
}

/// What it says of a server that stands by.
#[derive(Deserialize)]
struct StandsBy {
    role: String,
    owner: Option<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    endpoint: String,
}

impl StandsBy {
    /// Where the owner is.
    fn owner(health: &[u8]) -> Option<Endpoint> {
        let told: Self = rmp_serde::from_slice(health).ok().filter(|told: &Self| told.role == "standby")?;
        Endpoint::parse(&told.owner?.endpoint).ok()
    }
}

impl Pool {
    /// Servers that tell no list are taken as they are, whatever else they answer. Those with another list are too, if
    /// moves are followed: lists differ while graphs move, and each shard says of its graphs where they are. A server that
    /// stands by says where the owner is.
    pub(super) async fn compare_lists(&self, client: &Client) -> Result<Option<Endpoint>, ConnectCause> {
        if !self.options.compare_lists {
            return Ok(None);
        }
        let after = self.options.connect_timeout;
        let health = match client.call_within("", "Health", &(), after).await {
            Ok(health) => health,
            Err(CallError::Deadline { .. }) => {
                return Err(ConnectCause::Timeout { target: self.endpoint.target().clone(), after });
            }
            Err(error) if error.is_transport() => {
                return Err(ConnectCause::NoPong { reason: error.to_string() });
            }
            Err(_) => return Ok(None),
        };
        let owner = StandsBy::owner(&health);
        match rmp_serde::from_slice::<Told>(&health) {
            Ok(told) if told.endpoints_fingerprint == self.endpoints.fingerprint() => Ok(owner),
            Ok(told) if self.options.follow_moves => {
                let (endpoint, theirs) = (&self.endpoint, told.endpoints.join(","));
                tracing::warn!(%endpoint, ours = %self.endpoints, theirs, "shard has another endpoint list");
                Ok(owner)
            }
            Ok(told) => Err(ConnectCause::OtherList(Box::new(OtherList {
                ours: (*self.endpoints).clone(),
                theirs: told.endpoints.join(","),
                fingerprint: told.endpoints_fingerprint,
            }))),
            Err(_) => Ok(owner),
        }
    }
}
