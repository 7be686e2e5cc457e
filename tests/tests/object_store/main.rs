//! Shards on object stores: a directory, moto, and a SeaweedFS cluster.

mod backend;

mod migration;
mod operations;
mod outage;
mod replica;
mod shard;
mod takeover;
