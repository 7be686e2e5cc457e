//! Asks the shard of a graph for its process id, with endpoints and secret from the environment:
//!
//! ```sh
//! GRAPH_SERVICE_ENDPOINTS=unix:///tmp/e.sock GRAPH_SERVICE_AUTH_SECRET=s cargo run --example ask_shard
//! ```

#![expect(clippy::print_stdout, reason = "a program for people and for tests/autostart.rs")]

use epistemic_router::ShardRouter;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = ShardRouter::from_env()?;
    match router.call("g", "ShardStatus", &()).await {
        Ok(status) => println!("pid={}", status["pid"]),
        Err(error) => println!("error={} {error}", error.code()),
    }
    Ok(())
}
