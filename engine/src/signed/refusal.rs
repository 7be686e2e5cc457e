//! Why a request is refused whose sender is not known, in the codes and words of the published servers.

/// What is answered in place of a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Its parameters are not those of its method, or its fields not those of a request.
    #[error("invalid request encoding: {0}")]
    Encoding(String),
    /// The token has another form, its claims do not fit together, or it was used before.
    #[error("Authentication failed")]
    Token,
    /// The MAC is that of another request, or of another secret.
    #[error("Authentication failed: request signature did not verify")]
    Signature,
    /// The token over the id is none of the key that the request names.
    #[error("Authentication failed")]
    WrongToken,
    /// The connection belongs to another key.
    #[error("Authentication failed: this connection belongs to another key; open one for each")]
    OtherKey,
    /// The key of the connection is not what it was; the connection ends.
    #[error(
        "Authentication failed: the key of this connection was retired or changed, or has expired; connect again"
    )]
    Retired,
    /// The time is not that of this server.
    #[error("request timestamp is outside the allowed clock-skew window")]
    Expired,
    /// It is for another deployment.
    #[error("request context audience does not match deployment (expected '{0}')")]
    Audience(String),
    /// It is for another tenant.
    #[error("request context tenant does not match graph tenant")]
    Tenant,
    /// Its scopes are from another policy.
    #[error("request context policy version is not active")]
    Policy,
    /// It is for another server.
    #[error("Authentication failed")]
    Node,
    /// The memory of nonces is full.
    #[error("too many signed requests within the clock-skew window, retry with backoff")]
    TooMany,
    /// The scopes do not hold what the method needs.
    #[error("verified request context lacks required scope '{0}'")]
    Scope(&'static str),
}

impl Refusal {
    /// The code for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Refusal::Encoding(_) => "INVALID_ARGUMENT",
            Refusal::Token | Refusal::WrongToken | Refusal::OtherKey | Refusal::Retired => {
                "AUTHENTICATION_REQUIRED"
            }
            Refusal::Signature => "AUTH_BAD_SIGNATURE",
            Refusal::Expired => "AUTH_EXPIRED",
            Refusal::Audience(_) => "AUTH_AUDIENCE_MISMATCH",
            Refusal::Tenant => "AUTH_TENANT_MISMATCH",
            Refusal::Policy => "AUTH_POLICY_VERSION_MISMATCH",
            Refusal::Node => "NODE_MISMATCH",
            Refusal::TooMany => "BUSY",
            Refusal::Scope(_) => "ACCESS_DENIED",
        }
    }

    /// Whether the token is one that somebody with another secret made.
    pub(crate) fn is_wrong_secret(&self) -> bool {
        matches!(self, Refusal::Signature | Refusal::WrongToken)
    }

    /// Whether the sender has shown that it knows the secret.
    pub(crate) fn is_of_a_friend(&self) -> bool {
        matches!(self, Refusal::Scope(_) | Refusal::TooMany)
    }
}
