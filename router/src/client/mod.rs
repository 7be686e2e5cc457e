//! An async client for one endpoint.
//!
//! [`handle`] is what callers hold; [`connection`] is the one task that owns the socket, writes requests and
//! hands answers to the callers that wait; [`request`], [`response`] and [`frame`] are the bytes.

mod bin;
mod connection;
mod frame;
mod handle;
mod options;
mod request;
mod response;
mod transport;

pub use bin::Bin;
pub use handle::Client;
pub use options::ConnectOptions;
pub(crate) use transport::open;
