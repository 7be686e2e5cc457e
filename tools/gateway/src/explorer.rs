//! Calls that show what is in a graph: a few at a time for each shard, not for long, and ended when nobody waits for them.

use std::time::Duration;

use axum::http::StatusCode;
use epistemic_router::{CallError, ErrorCode, RouterError, ShardRouter};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::api::ApiError;
use super::watch::Watched;

/// Calls at a time, for each shard.
pub(super) const AT_A_TIME: usize = 4;
/// For the wait for a place, the connection and the answer together.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// Calls one method on a graph of this shard. Each call has a connection of its own, which is closed when the caller is gone: by that
/// the shard knows that it may stop.
pub(super) async fn ask(
    shard: &Watched,
    graph: &str,
    method: &str,
    params: &(impl Serialize + Sync),
) -> Result<Value, ApiError> {
    must_serve(shard, method)?;
    let until = Instant::now() + DEADLINE;
    let late = |_| {
        let text = format!("{} has not answered for {} s", shard.endpoint, DEADLINE.as_secs());
        ApiError::new(StatusCode::GATEWAY_TIMEOUT, "TIMEOUT", text)
    };
    let _place = timeout_at(until, shard.explorers.acquire()).await.map_err(|_| {
        let text = format!("{AT_A_TIME} requests to this shard are under way already; try again");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", text)
    })?;
    let router = shard.own_router();
    // It is given up from here: a deadline of the router would count against the shard, which is slow with this one call alone.
    let call = call(&router, graph, method, params, 2 * DEADLINE);
    timeout_at(until, call).await.map_err(late)?
}

/// The answer as JSON, or the words of the shard.
pub(super) async fn call(
    router: &ShardRouter,
    graph: &str,
    method: &str,
    params: &(impl Serialize + Sync),
    deadline: Duration,
) -> Result<Value, ApiError> {
    let answer = router.with_deadline(deadline).call_raw(graph, method, params).await;
    let bytes = answer.map_err(|error| refused(&error))?;
    rmp_serde::from_slice(&bytes).map_err(|error| {
        ApiError::new(
            StatusCode::BAD_GATEWAY,
            "BAD_RESPONSE",
            format!("the answer of {method} is not understood: {error}"),
        )
    })
}

/// Fails for a method that a shard of an earlier version does not have.
pub(super) fn must_serve(shard: &Watched, method: &str) -> Result<(), ApiError> {
    let known = shard.known();
    let Some(health) = known.as_ref().map(|known| &known.answer.health).filter(|health| health.lacks(method))
    else {
        return Ok(());
    };
    let text = format!("not reported by version {}", health.version);
    Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "NOT_REPORTED", text))
}

/// What a page is told when a call comes to nothing.
fn refused(error: &RouterError) -> ApiError {
    let code = error.code();
    let status = if code == ErrorCode::NotFound {
        StatusCode::NOT_FOUND
    } else if code == ErrorCode::AccessDenied {
        StatusCode::FORBIDDEN
    } else if [ErrorCode::Busy, ErrorCode::Quota].contains(&code) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if matches!(error, RouterError::Call(CallError::Server(_))) {
        StatusCode::CONFLICT
    } else {
        StatusCode::BAD_GATEWAY
    };
    ApiError::new(status, code.name(), error.to_string())
}
