//! `egctl walkthrough`: the published three-shard example, run for real.
//!
//! * `run` goes through the sections in `start`, `routing`, `topology`, `failure`, `resharding` and `moving`.
//! * `cluster`, `shard`, `process` and `ports` start, stop, kill and restart three servers.
//! * `tenants` is what our client writes; `tools` runs the Python client and `egctl` itself; `http` reads metrics.
//! * `narrator` prints, and remembers every check.

mod args;
mod cluster;
mod failure;
mod http;
mod moving;
mod narrator;
mod ports;
mod process;
mod resharding;
mod routing;
mod run;
mod shard;
mod start;
mod tenants;
mod tools;
mod topology;

pub(crate) use args::WalkthroughArgs;
pub(crate) use run::run;
