//! Credentials that come from nowhere.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::{
    CredentialProvider, Error, Result,
    aws::{AwsCredential, AwsCredentialProvider},
};

/// No credentials were given, and the machine has none of its own. As the source of an [`Error`].
#[derive(Debug, thiserror::Error)]
#[error(
    "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_SKIP_SIGNATURE=true for a bucket that asks for \
     none)"
)]
pub struct NoCredentials {
    /// What asking the machine for its own came to.
    #[source]
    pub machine: Error,
}

/// Credentials of the machine; a failure says that none were given.
#[derive(Debug)]
pub(crate) struct OfTheMachine(pub(crate) AwsCredentialProvider);

#[async_trait]
impl CredentialProvider for OfTheMachine {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>> {
        let found = self.0.get_credential().await;
        found.map_err(|machine| Error::Generic { store: "S3", source: Box::new(NoCredentials { machine }) })
    }
}
