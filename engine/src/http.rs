//! The HTTP listener: Prometheus metrics, health and readiness.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use epistemic_listen::Limits;
use tokio::net::TcpListener;

use crate::{damage::Damage, metrics_page::Page, shard::Shard};

/// Serves until the shard stops. Metrics are answered on every path but `/healthz` and `/readyz`, as ever.
/// At most `connections` at a time; silent and slow clients are let go ([`Limits`]).
pub(crate) async fn serve(shard: Arc<Shard>, listener: TcpListener, page: Page, connections: usize) {
    let (stop, transport) = (shard.stop.clone(), shard.tls.http());
    let routes = Router::new()
        .route("/healthz", get(|| async { ([(header::CONNECTION, "close")], "ok\n") }))
        .route("/readyz", get(ready))
        .with_state(shard)
        .fallback(move || metrics(State(page.clone())));
    let limits = Limits { connections, ..Limits::default() };
    epistemic_listen::http::serve(listener, transport, routes, limits, stop.cancelled()).await;
}

/// 200 while writes are taken, or on a replica while its state is not too old, else 503 with the reason; a line more for each
/// kind of damage. Damage alone is no reason to take a shard away from those who use its sound graphs.
async fn ready(State(shard): State<Arc<Shard>>) -> Response {
    if let Some(reason) = shard.role.unready() {
        let text = format!("not ready: {reason}\n");
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::CONNECTION, "close")], text).into_response();
    }
    // A replica takes no writes as it is.
    let refusal = if shard.role.is_replica() { None } else { shard.graphs.write_refusal() };
    let (status, text) = match refusal {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: no writes are taken: {reason}\n"))
        }
    };
    let text = text + &Damage::of(&shard.graphs, &shard.channels).lines();
    (status, [(header::CONNECTION, "close")], text).into_response()
}

async fn metrics(State(page): State<Page>) -> Response {
    match page.read().await {
        Ok(text) => (
            [
                (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
                (header::CONNECTION, "close"),
            ],
            text,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}
