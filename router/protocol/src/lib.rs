//! What clients and servers have to agree on, each thing written down once.
//!
//! * [`placement`]: which shard owns a graph, and which graph a tenant has.
//! * [`Method`]: the operations.
//! * [`TokenKey`]: the tokens of requests that are not signed.
//! * [`ErrorCode`]: why something failed, and what its receiver should do ([`ErrorKind`]).
//! * [`redirect`]: where a graph is that a shard knows and does not serve.
//! * [`standby`]: where the owner of a shard is that a server waits to take over.
//!
//! Pure: no sockets, no files, no clock, no async runtime. The server, the client, the storage and the tools use it, and it
//! uses none of them.

mod config_error;
mod error_code;
mod method;
pub mod placement;
pub mod redirect;
pub mod standby;
mod token;

pub use config_error::ConfigError;
pub use error_code::{ErrorCode, ErrorKind};
pub use method::Method;
pub use token::TokenKey;
