//! The addresses of the gateway.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use epistemic_listen::{Limits, Transport};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::Gateway;
use super::access::Access;
use super::{api, pages, sign_in};

/// Nothing but this page's own files; no frame, no inline script, no other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Bytes of the ids of a drawing.
const MAX_IDS: usize = 1 << 20;

/// For the requests that have begun when the process is told to stop. Longer than the longest answer takes.
const DRAIN: Duration = Duration::from_secs(4);

pub(super) type Shared = State<(Arc<Gateway>, Arc<Access>)>;

/// Descriptors that are kept for the connections to shards and the program's own files.
const OWN_DESCRIPTORS: u64 = 64;

/// Connections at a time: half of what the limit of open files leaves, so that looks at shards always find theirs.
fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(4096);
    (limit.saturating_sub(OWN_DESCRIPTORS) / 2).clamp(8, 1024) as usize
}

/// Serves until `stop` comes. Then it takes no further connections, and answers what it has begun to read for [`DRAIN`] at
/// most. Silent and slow clients are let go ([`Limits`]).
pub(super) async fn serve(
    listener: TcpListener,
    transport: Transport,
    gateway: Arc<Gateway>,
    access: Access,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let state = (gateway, Arc::new(access));
    let pages =
        pages::PAGES.into_iter().fold(Router::new(), |pages, path| pages.route(path, get(pages::shell)));
    let guarded = pages
        .route("/metrics", get(metrics))
        .route("/api/dashboard/daemon/shards", get(topology))
        .route("/api/tier", get(api::tier::tier))
        .route("/api/shard", get(api::shard::shard))
        .route("/api/shard/series", get(api::shard::series))
        .route("/api/graphs", get(api::graphs::graphs))
        .route("/api/graph", get(api::graph::graph))
        .route("/api/graph/ledger", get(api::graph::ledger))
        .route("/api/moves", get(api::moves::moves))
        .route("/api/where", get(api::moves::place))
        .route("/api/explore/search", get(api::explore::search))
        .route("/api/explore/node", get(api::explore::node))
        .route("/api/explore/neighbours", get(api::explore::neighbours))
        .route("/api/explore/path", get(api::explore::path))
        .route("/api/explore/blast", get(api::explore::blast))
        // 2,000 ids are longer than any other request.
        .route("/api/explore/edges", post(api::explore::edges).layer(DefaultBodyLimit::max(MAX_IDS)))
        .route("/api/checkpoint", post(api::actions::checkpoint))
        .route("/api/moves/cancel", post(api::actions::cancel))
        .route("/api/signposts/forget", post(api::actions::forget))
        .fallback(get(pages::file))
        .layer(from_fn_with_state(state.clone(), sign_in::guard));
    let routes = guarded
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/login", get(sign_in::form).post(sign_in::login))
        .route("/logout", post(sign_in::logout))
        .layer(DefaultBodyLimit::max(sign_in::MAX_FORM))
        .layer(from_fn(harden))
        .with_state(state);
    let (told, stopping) = oneshot::channel();
    let stop = async move {
        stop.await;
        // Nobody listens when serving has failed already.
        let _ = told.send(());
    };
    let drained = async move {
        if stopping.await.is_err() {
            return pending().await;
        }
        sleep(DRAIN).await;
    };
    let limits = Limits { connections: connections(), ..Limits::default() };
    tokio::select! {
        () = epistemic_listen::http::serve(listener, transport, routes, limits, stop) => {}
        () = drained => tracing::warn!("requests were unanswered {DRAIN:?} after the signal"),
    }
}

async fn topology(State((gateway, _)): Shared) -> Response {
    json(&gateway.topology().await)
}

async fn metrics(State((gateway, _)): Shared) -> Response {
    match gateway.metrics().await {
        Ok(page) => text("text/plain; version=0.0.4; charset=utf-8", page),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn text(kind: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

pub(super) fn json(answer: &impl Serialize) -> Response {
    match serde_json::to_string(answer) {
        Ok(body) => text("application/json", body),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Headers of every answer.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // Files of the dashboard say themselves how long they are good.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
