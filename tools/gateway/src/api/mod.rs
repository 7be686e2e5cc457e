//! What the pages of the dashboard ask. Each answer says when it was made and how old is what it says of each shard
//! (`docs/dashboard.md`).
//!
//! * `tier` is all shards, `row` what is said of each, `notes` what is wrong with it; `shard` is one of them, with its hour.
//! * `graphs` is a page of all graphs (`cursor`: where it ended), `graph` one of them, `moves` what goes on between shards.
//! * `explore` is what is in a graph, `actions` what an operator can do.

pub(super) mod actions;
mod cursor;
mod error;
pub(super) mod explore;
pub(super) mod graph;
pub(super) mod graphs;
pub(super) mod moves;
mod notes;
mod row;
pub(super) mod shard;
pub(super) mod tier;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) use self::error::ApiError;
use super::Gateway;
use super::clock::unix_ms;
use super::watch::Watched;

/// What a handler gives.
pub(super) type Answered<T> = Result<Answer<T>, ApiError>;

/// An answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer<T> {
    now_ms: u64,
    /// The shards that it is of.
    of: Vec<Source>,
    #[serde(flatten)]
    body: T,
}

/// How old is what is said of a shard.
#[derive(Debug, Serialize)]
struct Source {
    /// Its place in the endpoint list, from 1 on.
    shard: usize,
    /// Since it answered last; absent while it never did.
    age_ms: Option<u64>,
    /// Why it does not answer now.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Reason>,
}

/// Why something is not there: a code for programs, a sentence for people.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Reason {
    pub(super) code: String,
    pub(super) text: String,
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        super::server::json(&self)
    }
}

/// The query of a request; what does not fit is told in the words of all errors.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(wanted)| Self(wanted)).map_err(|error| ApiError::bad_request(error.body_text()))
    }
}

/// The JSON that a request sends.
fn body<T: DeserializeOwned>(text: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(text)
        .map_err(|error| ApiError::bad_request(format!("the body is not as it has to be: {error}")))
}

impl Gateway {
    /// An answer about these shards, by their places in the list.
    fn answer<T>(&self, shards: impl IntoIterator<Item = usize>, body: T) -> Answer<T> {
        let of = shards.into_iter().filter_map(|place| Some(Source::of(place + 1, self.shards.get(place)?)));
        Answer { now_ms: unix_ms(), of: of.collect(), body }
    }

    /// The place in the list of the shard of that number.
    fn place(&self, number: usize) -> Result<usize, ApiError> {
        let place = number.checked_sub(1).filter(|place| *place < self.shards.len());
        place.ok_or_else(|| {
            ApiError::not_found(format!("there is no shard {number}: the list has {}", self.shards.len()))
        })
    }
}

impl Source {
    fn of(shard: usize, watched: &Watched) -> Self {
        let age = watched.known().map(|known| known.at.elapsed().as_millis() as u64);
        Self { shard, age_ms: age, error: watched.trouble() }
    }
}
