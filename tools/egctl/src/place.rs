//! Online or offline.

use std::path::PathBuf;

use clap::Args;

use super::shards::ShardArgs;

/// A running shard, or a directory without a server.
#[derive(Args, Debug, Clone)]
pub(super) struct PlaceArgs {
    #[command(flatten)]
    pub(super) shards: ShardArgs,
    /// Work offline on the persist directory of a stopped server; for reading, a checkpoint will do too.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["endpoint", "endpoints"])]
    pub(super) dir: Option<PathBuf>,
}
