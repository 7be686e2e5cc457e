//! A gateway as a child process, on a free port.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use epistemic_tests::ports::free_loopback_addr;
use epistemic_tests::server::START_LIMIT;
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerProcess, binaries, http};

const INTERVAL: Duration = Duration::from_millis(20);

/// Killed when dropped, by its process handle.
pub(super) struct Gateway {
    child: Child,
    addr: SocketAddr,
}

impl Gateway {
    /// Starts it over these shards, which share a secret and listen on TCP, and waits until it is healthy.
    pub(super) fn start(shards: &[ServerProcess]) -> Result<Self> {
        let addr = free_loopback_addr()?;
        let endpoints: Vec<String> = shards.iter().map(endpoint).collect();
        let program = binaries::bin_dir()?.join("epistemic-graph-gateway");
        let child = Command::new(&program)
            .args(["--listen", &addr.to_string()])
            .env("GRAPH_SERVICE_ENDPOINTS", endpoints.join(","))
            .env("GRAPH_SERVICE_AUTH_SECRET", shards.first().map_or("", ServerProcess::secret))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let mut gateway = Self { child, addr };
        let healthy = poll(START_LIMIT, INTERVAL, || {
            if let Some(status) = gateway.child.try_wait()? {
                bail!("the gateway ended: {status}");
            }
            Ok(http::get(addr, "/healthz").ok().filter(|answer| answer.status == 200))
        })?;
        healthy.context("the gateway is not healthy")?;
        Ok(gateway)
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The endpoint of a shard on TCP.
pub(super) fn endpoint(shard: &ServerProcess) -> String {
    format!("tcp://{}", shard.tcp_addr())
}
