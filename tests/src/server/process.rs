//! A started server.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::builder::ServerBuilder;
use crate::binaries;
use crate::wait::poll;
use crate::wire::{Client, Endpoint};

/// How long a server may take until it answers its first `Ping`.
pub const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a server may take to exit after SIGTERM.
pub const STOP_LIMIT: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A running (or ended) server. Dropping it kills the process and removes its temporary directory.
#[derive(Debug)]
pub struct ServerProcess {
    pub(super) child: Child,
    pub(super) exit: Option<ExitStatus>,
    pub(super) socket: PathBuf,
    pub(super) tcp_addr: Option<SocketAddr>,
    pub(super) metrics_addr: Option<SocketAddr>,
    pub(super) output_path: PathBuf,
    pub(super) builder: ServerBuilder,
}

impl ServerProcess {
    /// Our server, with a temporary persist directory. Panics with the build command when it is not built.
    pub fn ours() -> ServerBuilder {
        binaries::server().and_then(ServerBuilder::of_program).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The server of a reference version, such as `"0.31.0"`. Panics with the install command when it is missing.
    pub fn reference(version: &str) -> ServerBuilder {
        binaries::reference_server(version)
            .and_then(ServerBuilder::of_program)
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The unix socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The unix socket as an endpoint.
    pub fn unix_endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.socket.clone())
    }

    /// The TCP address; panics unless the server was built with [`ServerBuilder::tcp`].
    pub fn tcp_addr(&self) -> SocketAddr {
        self.tcp_addr.expect("this server was started without tcp()")
    }

    /// The metrics address; panics unless the server was built with [`ServerBuilder::metrics`].
    pub fn metrics_addr(&self) -> SocketAddr {
        self.metrics_addr.expect("this server was started without metrics()")
    }

    /// The persist directory; panics for a server started [`ServerBuilder::in_memory`].
    pub fn persist_dir(&self) -> &Path {
        self.builder.persist_dir.as_deref().expect("this server was started without a persist directory")
    }

    /// The secret, empty when there is none.
    pub fn secret(&self) -> &str {
        self.builder.secret.as_deref().unwrap_or("")
    }

    /// A new connection to the unix socket.
    pub fn client(&self) -> Result<Client> {
        let endpoint = self.unix_endpoint();
        Client::connect(&endpoint, self.secret()).with_context(|| self.describe("connect to the unix socket"))
    }

    /// A new connection to the TCP port.
    pub fn tcp_client(&self) -> Result<Client> {
        let endpoint = Endpoint::Tcp(self.tcp_addr());
        Client::connect(&endpoint, self.secret()).with_context(|| self.describe("connect to the TCP port"))
    }

    /// Everything the process wrote to stdout and stderr so far, restarts included.
    pub fn output(&self) -> String {
        let bytes = fs_err::read(&self.output_path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Changes how many files the running server may have open; those that are open stay so.
    pub fn limit_open_files(&self, limit: u64) -> Result<()> {
        let status = Command::new("prlimit")
            .arg(format!("--pid={}", self.pid()))
            .arg(format!("--nofile={limit}:"))
            .status()?;
        if status.success() { Ok(()) } else { bail!("prlimit: {status}") }
    }

    /// Sends SIGKILL and waits until the process is gone.
    pub fn kill9(&mut self) -> Result<()> {
        if self.exit.is_none() {
            self.child.kill()?;
            self.exit = Some(self.child.wait()?);
        }
        Ok(())
    }

    /// Sends SIGTERM and waits for the exit, at most [`STOP_LIMIT`].
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        if self.exit.is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        }
        self.wait_for_exit(STOP_LIMIT)
    }

    /// Waits until the process has exited by itself.
    pub fn wait_for_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        match poll(limit, POLL_INTERVAL, || self.has_exited())? {
            Some(status) => Ok(status),
            None => bail!(self.describe(&format!("still running after {limit:?}"))),
        }
    }

    /// The exit status if the process has ended.
    pub fn has_exited(&mut self) -> Result<Option<ExitStatus>> {
        if self.exit.is_none() {
            self.exit = self.child.try_wait()?;
        }
        Ok(self.exit)
    }

    /// Kills the process (SIGKILL) if it still runs and starts it again with the same settings and directory.
    /// Ports are chosen anew.
    pub fn restart(mut self) -> Result<ServerProcess> {
        self.kill9()?;
        self.builder.clone().start()
    }

    /// The settings of this server, to start another like it. Its temporary directory lives as long as either.
    pub fn builder(&self) -> ServerBuilder {
        self.builder.clone()
    }

    /// Waits until every listener answers `Ping` and the metrics port accepts; an error if the process exits
    /// or [`START_LIMIT`] passes.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let answers = |endpoint: &Endpoint, secret: &str| {
            Client::connect(endpoint, secret)
                .and_then(|mut client| client.call("__commons__", "Ping", None))
                .is_ok()
        };
        self.wait_for("the unix socket", |server| answers(&server.unix_endpoint(), server.secret()))?;
        if let Some(addr) = self.tcp_addr {
            self.wait_for("the TCP port", |server| answers(&Endpoint::Tcp(addr), server.secret()))?;
        }
        if let Some(addr) = self.metrics_addr {
            self.wait_for("the metrics port", |_| TcpStream::connect(addr).is_ok())?;
        }
        Ok(())
    }

    fn wait_for(&mut self, what: &str, is_there: impl Fn(&Self) -> bool) -> Result<()> {
        let found = poll(START_LIMIT, POLL_INTERVAL, || {
            if is_there(self) {
                return Ok(Some(()));
            }
            match self.has_exited()? {
                Some(status) => bail!(self.describe(&format!("exited with {status} before it was ready"))),
                None => Ok(None),
            }
        })?;
        found.with_context(|| self.describe(&format!("{what} not ready after {START_LIMIT:?}")))
    }

    fn describe(&self, what: &str) -> String {
        let program = self.builder.program.display();
        format!("{what} ({program}, pid {})\n--- its output ---\n{}", self.pid(), self.output())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if let Err(error) = self.kill9() {
            eprintln!("could not stop the server {}: {error}", self.pid());
        }
        if std::thread::panicking() {
            eprintln!("{}", self.describe("server of the failed test"));
        }
    }
}
