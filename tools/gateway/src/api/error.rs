//! Why a page does not get what it asks for.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Reason;
use crate::clock::unix_ms;

/// The status of the answer, and the words in it.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    reason: Reason,
}

#[derive(Serialize)]
struct Body<'a> {
    now_ms: u64,
    error: &'a Reason,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, text: impl Into<String>) -> Self {
        Self { status, reason: Reason { code: code.to_owned(), text: text.into() } }
    }

    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", text)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "a token is needed: Authorization: Bearer TOKEN")
    }

    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", text)
    }

    /// A request that changes something, or is long, comes from nowhere else.
    pub(crate) fn not_our_page() -> Self {
        Self::forbidden(
            "only a page of this gateway asks this: Origin has to be its own, X-Requested-With: dashboard",
        )
    }

    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", text)
    }

    /// The words of it.
    pub(crate) fn text(&self) -> String {
        self.reason.text.clone()
    }

    /// Something that a viewer cannot do anything about.
    pub(crate) fn internal(text: impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", text.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = super::super::server::json(&Body { now_ms: unix_ms(), error: &self.reason });
        (self.status, body).into_response()
    }
}
