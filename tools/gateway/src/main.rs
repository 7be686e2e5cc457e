//! `epistemic-graph-gateway`: the shard tier over HTTP, for people, monitoring and the callers of the topology.
//! It reads; the few things that it does need the token of an operator.
//!
//! * `command` is the command line, `shards` its flags that name shards, `program` the life of the process.
//! * `server` is the routes, `access` who may use them, `sign_in` how they show it.
//! * `watch` asks every shard once a second, whoever looks and however many; `probe` is one such question, `rate` what
//!   two answers say together.
//! * `owners` compares who serves which graph.
//! * `topology` and `metrics` are answers for programs, `graphs` asks all shards for theirs, and `route` is where names go.
//! * `api` is the answers for the dashboard, which `pages` serves: its files are in `page/`. `series` is the last hour of a shard,
//!   `moves` what it says of moves, `sized` what graphs take, `backups` what is known of backups; `explorer` looks into graphs.

mod access;
mod api;
mod backups;
mod clock;
mod command;
mod explorer;
mod graphs;
mod growth;
mod metrics;
mod moves;
mod owners;
mod pages;
mod probe;
mod program;
mod rate;
mod route;
mod series;
mod server;
mod shards;
mod sign_in;
mod sized;
#[cfg(test)]
mod tests;
mod topology;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;

use backups::BackupFile;
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
    /// When it began to look, Unix milliseconds.
    started_ms: u64,
    /// The identity that it asks with.
    agent_id: Option<String>,
    /// Whether it may show what is in graphs.
    explore: bool,
    backups: Option<BackupFile>,
}

fn main() -> ExitCode {
    command::main()
}
