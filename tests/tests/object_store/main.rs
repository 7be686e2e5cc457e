//! Shards on object stores: a directory, moto, and a SeaweedFS cluster.

mod backend;
mod outage;
mod shard;
mod takeover;
