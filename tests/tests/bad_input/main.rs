//! Bad input: broken frames, wrong tokens, malformed requests, odd names and overload. Each is answered with a clear
//! error or costs its sender the connection, and a [`bystander::Bystander`] on the same server notices nothing.

mod bystander;
mod deadlines;
mod frames;
mod heavy;
mod limits;
mod messages;
mod names;
mod neighbours;
mod overload;
mod pipelining;
mod silent;
mod strangers;
mod tokens;

use anyhow::{Context, Result};
use epistemic_tests::wire::params;
use epistemic_tests::{Endpoint, ServerProcess, Value};

const MIB: u64 = 1 << 20;

/// Both listeners of a server built with `tcp()`.
fn endpoints(server: &ServerProcess) -> [Endpoint; 2] {
    [server.unix_endpoint(), Endpoint::Tcp(server.tcp_addr())]
}

/// The parameters of an operation on one node.
fn node(id: &str) -> Option<Value> {
    params([("node_id", id.into())])
}

/// A field of `/proc/PID/status` in bytes: `VmRSS` is the resident memory now, `VmHWM` at its highest.
fn memory(server: &ServerProcess, field: &str) -> Result<u64> {
    let status = fs_err::read_to_string(format!("/proc/{}/status", server.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let text =
        line.and_then(|line| line.trim().strip_suffix(" kB")).context("no such field in /proc/PID/status")?;
    Ok(text.parse::<u64>()? * 1024)
}
