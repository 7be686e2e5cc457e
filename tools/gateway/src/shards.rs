//! Which shards to watch, and how to be let in: the flags of egctl.

use std::path::PathBuf;

use clap::Args;
use epistemic_router::{ConfigError, Endpoint, EndpointList, Secret, must_have_schemes};

/// Which running shards to ask, and the secret to do it with.
#[derive(Args, Debug, Clone)]
pub(crate) struct ShardArgs {
    /// Ask this one shard: tcp://HOST:PORT or unix://PATH.
    #[arg(long, value_name = "E", conflicts_with = "endpoints")]
    endpoint: Option<Endpoint>,
    /// All shards, comma-separated or as a JSON list; a named graph goes to the one that owns it.
    /// Default: GRAPH_SERVICE_ENDPOINTS and the other variables (see egctl --help).
    #[arg(long, value_name = "LIST", value_parser = EndpointList::parse)]
    endpoints: Option<EndpointList>,
    /// File of mode 0600 that holds the shared secret. Default: the variable GRAPH_SERVICE_AUTH_SECRET.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Ask as this agent, where access control is on; a System identity may see everything.
    #[arg(long, value_name = "NAME")]
    agent_id: Option<String>,
}

impl ShardArgs {
    /// The shards meant.
    pub(crate) fn list(&self) -> Result<EndpointList, ConfigError> {
        let list = match (&self.endpoint, &self.endpoints) {
            (Some(endpoint), _) => EndpointList::new(vec![endpoint.clone()])?,
            (None, Some(list)) => list.clone(),
            (None, None) => EndpointList::from_env()?,
        };
        must_have_schemes(&list)?;
        Ok(list)
    }

    /// The secret; blocks when it is in a file.
    pub(crate) fn secret(&self) -> Result<Secret, ConfigError> {
        self.secret_file.as_deref().map_or_else(Secret::from_env, Secret::from_file)
    }

    /// The identity to ask with.
    pub(crate) fn agent_id(&self) -> Option<&str> {
        self.agent_id.as_deref()
    }
}
