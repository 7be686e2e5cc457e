//! The addresses of the gateway.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use epistemic_listen::{Limits, Transport};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::Gateway;
use super::access::{Access, Verdict};
use super::graphs::Wanted;

const PAGE: &str = include_str!("page/index.html");
const LOGIN: &str = include_str!("page/login.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/app.js");

/// Nothing but this page's own files; no frame, no inline script, no other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Bytes of a login form.
const MAX_FORM: usize = 4096;

/// For the requests that have begun when the process is told to stop. Longer than the longest answer takes.
const DRAIN: Duration = Duration::from_secs(4);

type Shared = State<(Arc<Gateway>, Arc<Access>)>;

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
    let guarded = Router::new()
        .route("/", get(|| async { html(StatusCode::OK, PAGE.to_owned()) }))
        .route("/app.js", get(|| async { text("text/javascript; charset=utf-8", SCRIPT.to_owned()) }))
        .route("/metrics", get(metrics))
        .route("/api/dashboard/daemon/shards", get(topology))
        .route("/api/dashboard/shards", get(overview))
        .route("/api/dashboard/graphs", get(graphs))
        .route("/api/dashboard/route", get(route))
        .layer(from_fn_with_state(state.clone(), guard));
    let routes = guarded
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/style.css", get(|| async { text("text/css; charset=utf-8", STYLE.to_owned()) }))
        .route("/login", get(|| async { login_page(StatusCode::OK, "") }).post(login))
        .layer(DefaultBodyLimit::max(MAX_FORM))
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

async fn overview(State((gateway, _)): Shared) -> Response {
    json(&gateway.overview().await)
}

async fn graphs(State((gateway, _)): Shared, Query(wanted): Query<Wanted>) -> Response {
    match gateway.graphs(wanted).await {
        Ok(page) => json(&page),
        Err(reason) => (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response(),
    }
}

async fn route(State((gateway, _)): Shared, Query(names): Query<Vec<(String, String)>>) -> Response {
    json(&gateway.routes(&names))
}

async fn metrics(State((gateway, _)): Shared) -> Response {
    match gateway.metrics().await {
        Ok(page) => text("text/plain; version=0.0.4; charset=utf-8", page),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Lets a request through, or says what is missing: a person gets the form, a program an error.
async fn guard(State((_, access)): Shared, request: Request, next: Next) -> Response {
    let is_page = request.uri().path() == "/";
    if is_page && let Some(shown) = token_in(request.uri().query().unwrap_or_default().as_bytes()) {
        return admit(&access, &shown);
    }
    match access.judge(request.headers()) {
        Verdict::Granted => next.run(request).await,
        Verdict::Unauthorized if is_page => see_other("/login"),
        Verdict::Unauthorized => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            (StatusCode::UNAUTHORIZED, challenge, "a token is needed: Authorization: Bearer TOKEN\n")
                .into_response()
        }
        Verdict::Misdirected => {
            let text = "this gateway has no token and answers only what is addressed to localhost\n";
            (StatusCode::MISDIRECTED_REQUEST, text).into_response()
        }
    }
}

async fn login(State((_, access)): Shared, body: Body) -> Response {
    match to_bytes(body, MAX_FORM).await {
        Ok(form) => admit(&access, &token_in(&form).unwrap_or_default()),
        Err(_) => login_page(StatusCode::PAYLOAD_TOO_LARGE, "This is not a token."),
    }
}

/// Exchanges a token for its cookie.
fn admit(access: &Access, shown: &str) -> Response {
    match access.exchange(shown) {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], see_other("/")).into_response(),
        None => login_page(StatusCode::UNAUTHORIZED, "This is not the token."),
    }
}

fn login_page(status: StatusCode, message: &str) -> Response {
    html(status, LOGIN.replace("{message}", message))
}

fn see_other(place: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

fn token_in(encoded: &[u8]) -> Option<String> {
    form_urlencoded::parse(encoded).find_map(|(key, value)| (key == "token").then(|| value.into_owned()))
}

fn html(status: StatusCode, page: String) -> Response {
    (status, text("text/html; charset=utf-8", page)).into_response()
}

fn text(kind: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

fn json(answer: &impl Serialize) -> Response {
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
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
