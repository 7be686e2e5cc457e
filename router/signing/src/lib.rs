//! Signed requests: the `eg2.` token, which the published clients send from 2.27.1 on.
//!
//! A token says who asks ([`Context`]), when, and with which nonce, and its MAC covers all of that, the id, the graph, the
//! method and the parameters of one request. The parameters are signed in a [canonical form](body), which does not depend
//! on how they were written on the wire.
//!
//! No clock, no randomness and no I/O: who checks tokens also has to look at the time and to remember nonces.

pub mod body;
mod context;
mod token;

pub use body::{BodyError, BodyHash};
pub use context::{ClaimError, Context};
pub use token::{Key, Request, Token, TokenError};

/// What every signed token begins with.
pub const PREFIX: &str = "eg2.";
