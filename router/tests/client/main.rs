//! The client and the router against servers of a few lines.

#![expect(clippy::unwrap_used, reason = "what a test did not expect fails it")]

mod breaker;
mod connection;
mod lists;
mod moves;
mod outage;
mod pool;
mod routing;
mod signing;
mod standby;
mod support;
mod union;
