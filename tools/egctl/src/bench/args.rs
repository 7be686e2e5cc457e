//! Command line of `egctl bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use epistemic_router::Endpoint;

/// Drive a server with a closed loop of requests and print throughput, latency and server CPU.
#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(super) command: Option<BenchCommand>,
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) load: LoadArgs,
}

#[derive(Subcommand, Debug)]
pub(super) enum BenchCommand {
    /// Fill an empty graph with nodes and random edges through BatchUpdate, and print how long it took.
    LoadGraph {
        /// Nodes to create, each with a property map of about 100 bytes.
        #[arg(long, default_value_t = 1_000_000)]
        nodes: u64,
        /// Edges to create between random nodes.
        #[arg(long, default_value_t = 1_000_000)]
        edges: u64,
        /// Operations in one BatchUpdate.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
        chunk: u64,
    },
}

/// Where the requests go; common to all bench commands.
#[derive(Args, Debug)]
pub(super) struct Target {
    /// Server to drive: unix:///path or tcp://host:port.
    #[arg(long, global = true, default_value = "unix:///tmp/epistemic-graph.sock")]
    pub(super) endpoint: Endpoint,
    /// File of mode 0600 that holds the secret; without it GRAPH_SERVICE_AUTH_SECRET is read.
    #[arg(long, global = true)]
    pub(super) secret_file: Option<PathBuf>,
    /// Sign each request as this agent; without it tokens are over the id of a request, made before the measured phase.
    #[arg(long, global = true, value_name = "AGENT")]
    pub(super) sign_as: Option<String>,
    /// Graph to use, created when missing.
    #[arg(long, global = true, default_value = "bench")]
    pub(super) graph: String,
    /// How property and batch bytes are sent; Python clients send arrays of integers.
    #[arg(long, global = true, value_enum, default_value_t = PropertyForm::Ints)]
    pub(super) property_form: PropertyForm,
    /// Seed of every random choice.
    #[arg(long, global = true, default_value_t = 1)]
    pub(super) seed: u64,
    /// Print one JSON object instead of the table.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The measured load.
#[derive(Args, Debug)]
pub(super) struct LoadArgs {
    /// Operation to send.
    #[arg(long, value_enum, default_value_t = Op::GetNodeProperties)]
    pub(super) op: Op,
    /// Connections, each with its own window.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) connections: u32,
    /// Requests kept in flight on each connection.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) in_flight: u32,
    /// Seconds measured.
    #[arg(long, default_value_t = 5.0, conflicts_with = "count")]
    pub(super) duration: f64,
    /// Answers measured, instead of a duration.
    #[arg(long)]
    pub(super) count: Option<u64>,
    /// Seconds of the same load before measuring.
    #[arg(long, default_value_t = 1.0)]
    pub(super) warmup: f64,
    /// Nodes that reads choose from; loaded first, with five edges each, when the graph is empty.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) nodes: u64,
    /// Nodes of one request of batch-update and of the batch reads.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) batch: u64,
    /// Process id of the server, on this machine, to measure its CPU time.
    #[arg(long)]
    pub(super) server_pid: Option<u32>,
}

/// Operation sent by the load generator.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// AddNode of a new node with about 100 bytes of properties.
    AddNode,
    /// GetNodeProperties of a random node.
    GetNodeProperties,
    /// GetNeighbors of a random node.
    GetNeighbors,
    /// GetNodePropertiesBatch of --batch nodes.
    GetNodePropertiesBatch,
    /// HasNodesBatch of --batch nodes.
    HasNodesBatch,
    /// BatchUpdate adding --batch new nodes.
    BatchUpdate,
    /// Ping.
    Ping,
    /// 70 % GetNodeProperties, 20 % GetNeighbors, 10 % AddNode.
    Mixed,
}

/// How a `bytes` parameter is encoded.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PropertyForm {
    /// MessagePack bin.
    Bin,
    /// Array of integers 0-255.
    Ints,
}
