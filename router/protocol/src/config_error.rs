//! What is wrong with a configuration.

use std::path::PathBuf;

use crate::{ErrorCode, ErrorKind};

/// Configuration or a name that cannot be used. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An endpoint that does not parse.
    #[error("endpoint {text:?} is malformed: {reason}")]
    Endpoint {
        /// The text as configured.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An endpoint that is a socket path only because its scheme was forgotten.
    #[error("endpoint '{endpoint}' has no scheme and no socket has this name: write {meant}")]
    NoScheme {
        /// The endpoint as configured.
        endpoint: String,
        /// The text with its scheme.
        meant: String,
    },
    /// An endpoint list that begins like JSON and is none.
    #[error("endpoint list {text:?} is not a JSON list of strings: {reason}")]
    EndpointJson {
        /// The text as configured.
        text: String,
        /// The parser's words.
        reason: String,
    },
    /// The same endpoint twice.
    #[error("endpoint '{endpoint}' is listed twice, remove one")]
    DuplicateEndpoint {
        /// The repeated endpoint.
        endpoint: String,
    },
    /// A list without endpoints.
    #[error("the endpoint list is empty, name at least one endpoint")]
    NoEndpoints,
    /// A tenant id of which nothing is left in a graph name.
    #[error(
        "tenant id {tenant:?} has none of the characters A-Z a-z 0-9 . - and would fall into the shared default \
         graph. Give the tenant an id with at least one of them, or name its graph explicitly"
    )]
    TenantSlug {
        /// The tenant id.
        tenant: String,
    },
    /// No secret in the environment.
    #[error(
        "no auth secret configured: set GRAPH_SERVICE_AUTH_SECRET or name a file of mode 0600 that holds it"
    )]
    NoSecret,
    /// A configuration variable whose value cannot be meant.
    #[error("{name}={text:?} cannot be used: {reason}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// Its value.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A secret file that cannot be used.
    #[error("secret file {} cannot be used: {reason}", path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl ConfigError {
    /// Why, for programs.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Endpoint { .. } | Self::NoScheme { .. } => ErrorCode::EndpointMalformed,
            Self::EndpointJson { .. } => ErrorCode::EndpointListMalformed,
            Self::DuplicateEndpoint { .. } => ErrorCode::EndpointDuplicate,
            Self::NoEndpoints => ErrorCode::EndpointListEmpty,
            Self::TenantSlug { .. } => ErrorCode::TenantSlugEmpty,
            Self::NoSecret => ErrorCode::SecretMissing,
            Self::Setting { .. } => ErrorCode::SettingMalformed,
            Self::SecretFile { .. } => ErrorCode::SecretFileUnusable,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }
}
