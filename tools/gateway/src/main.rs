//! `epistemic-graph-gateway`: the shard tier over HTTP, for people, monitoring and the callers of the topology.
//! It only reads.
//!
//! * `command` is the command line, `shards` its flags that name shards, `program` the life of the process.
//! * `server` is the routes, `access` who may use them.
//! * `watch` asks every shard once a second, whoever looks and however many; `probe` is one such question, `rate` what
//!   two answers say together.
//! * `owners` compares who serves which graph.
//! * `topology`, `metrics`, `overview`, `graphs` and `route` are the answers; `page/` is the dashboard.

mod access;
mod command;
mod graphs;
mod metrics;
mod overview;
mod owners;
mod probe;
mod program;
mod rate;
mod route;
mod server;
mod shards;
#[cfg(test)]
mod tests;
mod topology;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;

use epistemic_logging::LogWriter;
use epistemic_router::ShardRouter;
use owners::Owners;
use watch::Watched;

/// What every request shares.
#[derive(Debug)]
struct Gateway {
    /// Knows where graphs belong. Makes no call: each shard is asked through its own router.
    placement: ShardRouter,
    default_graph: String,
    /// In the order of the endpoint list.
    shards: Vec<Arc<Watched>>,
    /// Graphs that two of them serve, or none.
    owners: Arc<Owners>,
    /// The log of the process, to tell what it drops.
    log: Option<LogWriter>,
}

fn main() -> ExitCode {
    command::main()
}
