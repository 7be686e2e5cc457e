//! A call whose result has a type.

use epistemic_router::{CallError, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// [`Client::call`] with the result decoded into `T`.
///
/// # Errors
/// As [`Client::call`]; [`CallError::BadResponse`] when the result is no `T`.
pub async fn call<T, P>(client: &Client, graph: &str, method: &str, params: &P) -> Result<T, CallError>
where
    T: DeserializeOwned,
    P: Serialize + Sync + ?Sized,
{
    let result = client.call_raw(graph, method, params).await?;
    rmp_serde::from_slice(&result).map_err(|error| CallError::BadResponse {
        endpoint: client.endpoint().clone(),
        reason: format!("the result of {method} is not understood: {error}"),
    })
}
