//! `epistemic-graph-gateway` as a child process, over any shards.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::http::{Answer, get};
use crate::ports::free_loopback_addr;
use crate::{binaries, wait};

const LIMIT: Duration = Duration::from_secs(30);

/// A running gateway. Dropping it kills the process.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    addr: SocketAddr,
}

impl Gateway {
    /// Starts one on a free loopback port that watches `endpoints`, and waits until it answers. Its breakers heal
    /// within a second.
    pub fn start(endpoints: &str, secret: &str, args: &[&str]) -> Result<Gateway> {
        Self::start_program(command(endpoints, secret)?, args)
    }

    /// The same with a command of the caller's, from [`command`].
    pub fn start_program(mut command: Command, args: &[&str]) -> Result<Gateway> {
        let addr = free_loopback_addr()?;
        command.arg("--listen").arg(addr.to_string()).args(args).stdin(Stdio::null());
        let mut gateway = Gateway { child: command.spawn()?, addr };
        let ready = wait::poll(LIMIT, Duration::from_millis(5), || {
            ensure!(gateway.child.try_wait()?.is_none(), "the gateway exited");
            Ok(get(addr, "/healthz").ok())
        })?;
        ready.context("the gateway does not answer")?;
        Ok(gateway)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends SIGTERM and waits for nothing.
    pub fn terminate(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }

    /// Waits until the process has exited by itself.
    pub fn wait_for_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let ended = wait::poll(limit, Duration::from_millis(5), || self.child.try_wait())?;
        ended.with_context(|| format!("the gateway still runs after {limit:?}"))
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Result<Answer> {
        get(self.addr, path)
    }

    /// The JSON of `GET path`.
    pub fn json(&self, path: &str) -> Result<Value> {
        let answer = self.get(path)?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
        Ok(serde_json::from_str(&answer.body)?)
    }

    /// Waits until the JSON of `path` is as wanted.
    pub fn wait_for(&self, path: &str, mut is_there: impl FnMut(&Value) -> bool) -> Result<Value> {
        let found = wait::poll(LIMIT, Duration::from_millis(20), || {
            Ok::<_, anyhow::Error>(Some(self.json(path)?).filter(|answer| is_there(answer)))
        })?;
        found.with_context(|| format!("{path} never became as wanted: {:?}", self.json(path)))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            eprintln!("could not stop the gateway {}: {error}", self.child.id());
        }
    }
}

/// The program with this tier in its environment, to be given flags.
pub fn command(endpoints: &str, secret: &str) -> Result<Command> {
    let mut command = Command::new(binaries::gateway()?);
    for variable in ["KG_DEFAULT_GRAPH", "GRAPH_AFFINITY_GROUPS", "RUST_LOG", "ENGINE_BREAKER_THRESHOLD"] {
        command.env_remove(variable);
    }
    command.env("GRAPH_SERVICE_ENDPOINTS", endpoints).env("GRAPH_SERVICE_AUTH_SECRET", secret);
    command.env("ENGINE_BREAKER_COOLDOWN", "1");
    Ok(command)
}

/// Writes a file that only its owner may read.
pub fn private_file(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs_err::write(path, text)?;
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// The same in place of the one that is there, if any: whoever reads it finds the old text or the new one.
pub fn replace_private_file(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    private_file(&new, text)?;
    Ok(fs_err::rename(new, path)?)
}
