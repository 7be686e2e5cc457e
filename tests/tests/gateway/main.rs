//! The gateway over three real shards.

mod access;
mod dashboard;
mod topology;

use anyhow::Result;
use epistemic_tests::ServerProcess;
use epistemic_tests::gateway::Gateway;

const SECRET: &str = "test-secret";
const TOPOLOGY: &str = "/api/dashboard/daemon/shards";

/// Three shards on unix sockets, which survive a restart, and a gateway that watches them.
struct Tier {
    shards: Vec<ServerProcess>,
    gateway: Gateway,
}

impl Tier {
    fn start() -> Result<Tier> {
        let start = |_| ServerProcess::ours().start();
        let shards = (0..3).map(start).collect::<Result<Vec<_>>>()?;
        let gateway = Gateway::start(&endpoints(&shards).join(","), SECRET, &[])?;
        Ok(Tier { shards, gateway })
    }

    fn endpoints(&self) -> Vec<String> {
        endpoints(&self.shards)
    }
}

fn endpoints(shards: &[ServerProcess]) -> Vec<String> {
    shards.iter().map(|shard| format!("unix://{}", shard.socket().display())).collect()
}
