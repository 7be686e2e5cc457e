//! The client and the router against servers of a few lines.

mod breaker;
mod connection;
mod outage;
mod pool;
mod routing;
mod support;
mod union;
