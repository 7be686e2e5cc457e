//! An async client for one endpoint.
//!
//! [`handle`] is what callers hold; [`connection`] is the one task that owns the socket, writes requests and
//! hands answers to the callers that wait; [`pulse`] is what the one knows of the other; [`request`], [`response`] and [`frame`] are the bytes.

mod bin;
mod connection;
mod frame;
mod handle;
mod methods;
mod options;
mod pulse;
mod request;
mod response;
mod transport;

pub use bin::Bin;
pub use handle::Client;
pub(crate) use handle::{decode, unpack};
pub(crate) use methods::{is_heavy, is_read, is_union};
pub use options::{ConnectOptions, FOLLOW_MOVES_VAR, FOLLOW_TO_VAR};
pub(crate) use transport::open;
