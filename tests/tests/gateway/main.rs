//! The gateway over three real shards.

mod access;
mod dashboard;
mod explore;
mod graphs;
mod lists;
mod stop;
mod tier;
mod topology;

use anyhow::Result;
use epistemic_tests::gateway::Gateway;
use epistemic_tests::{ServerBuilder, ServerProcess};

const SECRET: &str = "test-secret";
/// One that cannot be guessed.
const LONG_SECRET: &str = "a-secret-of-the-tests";
const TOPOLOGY: &str = "/api/dashboard/daemon/shards";

/// Three shards on unix sockets, which survive a restart, and a gateway that watches them.
struct Tier {
    shards: Vec<ServerProcess>,
    gateway: Gateway,
}

impl Tier {
    /// Shards that take any graph.
    fn start() -> Result<Tier> {
        Self::start_with(|builder, _| builder)
    }

    /// Shards that know their place, as our compose file has them.
    fn advertising() -> Result<Tier> {
        Self::start_with(|builder, list| {
            let own = endpoint(&builder);
            builder.arg("--advertise").arg(own).arg("--endpoints").arg(list)
        })
    }

    /// Shards with which nothing is wrong, their secret included.
    fn sound() -> Result<Tier> {
        Self::start_under(LONG_SECRET, |builder, _| builder)
    }

    fn start_with(told: impl Fn(ServerBuilder, &str) -> ServerBuilder) -> Result<Tier> {
        Self::start_under(SECRET, told)
    }

    fn start_under(secret: &str, told: impl Fn(ServerBuilder, &str) -> ServerBuilder) -> Result<Tier> {
        let builders: Vec<_> = (0..3).map(|_| ServerProcess::ours().secret(secret)).collect();
        let list = builders.iter().map(endpoint).collect::<Vec<_>>().join(",");
        let shards = builders.into_iter().map(|builder| told(builder, &list).start());
        let shards = shards.collect::<Result<Vec<_>>>()?;
        let gateway = Gateway::start(&list, secret, &[])?;
        Ok(Tier { shards, gateway })
    }

    fn endpoints(&self) -> Vec<String> {
        self.shards.iter().map(|shard| endpoint(&shard.builder())).collect()
    }
}

fn endpoint(builder: &ServerBuilder) -> String {
    format!("unix://{}", builder.socket().display())
}
