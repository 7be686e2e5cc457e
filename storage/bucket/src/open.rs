//! Opening a bucket.

use std::sync::Arc;

use object_store::{
    BackoffConfig, ClientConfigKey, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key},
};

use crate::credentials::OfTheMachine;

/// Why a bucket cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// One half of a pair of credentials.
    #[error("{given} is set and {missing} is not: set both")]
    HalfCredentials {
        /// The variable that is there.
        given: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// Requests would go in the clear, which was not allowed.
    #[error(
        "the endpoint '{endpoint}' is in the clear: write https://, or set AWS_ALLOW_HTTP=true if nobody on the way may listen"
    )]
    Clear {
        /// The endpoint.
        endpoint: String,
    },
    /// The endpoint is no URL.
    #[error("the endpoint '{endpoint}' is no URL: write https://HOST:PORT (AWS_ENDPOINT)")]
    Endpoint {
        /// The endpoint.
        endpoint: String,
    },
    /// Another mistake.
    #[error(transparent)]
    Other(#[from] object_store::Error),
}

/// Asking a machine for credentials of its own is soon given up: most have none.
const MACHINE: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: std::time::Duration::from_millis(100),
        max_backoff: std::time::Duration::from_secs(1),
        base: 2.0,
    },
    max_retries: 2,
    retry_timeout: std::time::Duration::from_secs(5),
};

/// The bucket of a builder. Asks nothing of it. Requests without credentials fail with [`NoCredentials`](crate::NoCredentials).
///
/// # Errors
/// What is wrong with its endpoint or its credentials, as far as that shows.
pub fn open(builder: AmazonS3Builder) -> Result<AmazonS3, BucketError> {
    // The process has one TLS implementation; a second attempt to name it is refused and fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_set = |key: Key| builder.get_config_value(&key).is_some_and(|value| !value.is_empty());
    const PAIR: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let has = [is_set(Key::AccessKeyId), is_set(Key::SecretAccessKey)];
    match has {
        [true, false] => return Err(BucketError::HalfCredentials { given: PAIR[0], missing: PAIR[1] }),
        [false, true] => return Err(BucketError::HalfCredentials { given: PAIR[1], missing: PAIR[0] }),
        [true, true] | [false, false] => {}
    }
    let is_true = |key: Key| builder.get_config_value(&key).is_some_and(|value| value == "true");
    for endpoint in [Key::Endpoint, Key::S3Endpoint].iter().filter_map(|key| builder.get_config_value(key)) {
        if endpoint.starts_with("http://") && !is_true(Key::Client(ClientConfigKey::AllowHttp)) {
            return Err(BucketError::Clear { endpoint });
        }
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(BucketError::Endpoint { endpoint });
        }
    }
    let others = [
        Key::WebIdentityTokenFile,
        Key::ContainerCredentialsRelativeUri,
        Key::ContainerCredentialsFullUri,
        Key::SkipSignature,
    ];
    let asks_machine =
        has == [false, false] && !others[..3].iter().any(|key| is_set(*key)) && !is_true(Key::SkipSignature);
    if !asks_machine {
        return Ok(builder.build()?);
    }
    let machine = Arc::clone(builder.clone().with_retry(MACHINE).build()?.credentials());
    Ok(builder.with_credentials(Arc::new(OfTheMachine(machine))).build()?)
}
