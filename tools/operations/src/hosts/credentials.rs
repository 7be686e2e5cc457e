//! How to be let in by running shards.

use std::path::PathBuf;

use epistemic_router::{ClientTls, ConfigError, ConnectOptions, MinAuth, Secret};

/// A secret, and who asks. Neither is read before it is needed.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// File of mode 0600 that holds the shared secret; none for the variable of the environment.
    pub secret_file: Option<PathBuf>,
    /// The agent to ask as, where access control is on.
    pub agent_id: Option<String>,
    /// How `tcp://` endpoints are reached; in the clear when there is none.
    pub tls: Option<ClientTls>,
    /// The weakest token that requests carry.
    pub min_auth: MinAuth,
}

impl Credentials {
    /// The secret; none is needed where a certificate is shown. Blocks when it is in a file.
    ///
    /// # Errors
    /// There is none, or its file is not private.
    pub fn secret(&self) -> Result<Secret, ConfigError> {
        let secret = self.secret_file.as_deref().map_or_else(Secret::from_env, Secret::from_file);
        match secret {
            Err(ConfigError::NoSecret) if self.tls.as_ref().is_some_and(ClientTls::shows_certificate) => {
                Ok(Secret::none())
            }
            secret => secret,
        }
    }

    /// The defaults, with the identity to ask with, and TLS where it is asked for.
    pub fn options(&self) -> ConnectOptions {
        ConnectOptions {
            agent_id: self.agent_id.clone(),
            tls: self.tls.clone(),
            min_auth: self.min_auth,
            ..ConnectOptions::default()
        }
    }
}
