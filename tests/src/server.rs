//! A server as a child process: ours or a reference version, started, asked, killed and restarted.
//!
//! ```no_run
//! use epistemic_tests::ServerProcess;
//!
//! let mut server = ServerProcess::ours().tcp().start()?;
//! server.client()?.create_graph("g")?;
//! server.kill9()?;
//! let server = server.restart()?; // on the same directory
//! # Ok::<(), anyhow::Error>(())
//! ```

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::binaries;
use crate::wait::poll;
use crate::wire::{Client, Endpoint};

/// How long a server may take until it answers its first `Ping`.
pub const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a server may take to exit after SIGTERM.
pub const STOP_LIMIT: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// What to start. Cloned from a running server to start it again.
#[derive(Debug, Clone)]
pub struct ServerBuilder {
    program: PathBuf,
    /// Socket and log of the process, and its persist directory unless one was given.
    work: Arc<TempDir>,
    persist_dir: Option<PathBuf>,
    tcp: bool,
    metrics: bool,
    secret: Option<String>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl ServerBuilder {
    /// A builder for any program with the flags of the reference server.
    pub fn of_program(program: PathBuf) -> Result<ServerBuilder> {
        let work = Arc::new(tempfile::Builder::new().prefix("eg-test-").tempdir()?);
        Ok(ServerBuilder {
            persist_dir: Some(work.path().join("data")),
            program,
            work,
            tcp: false,
            metrics: false,
            secret: Some("test-secret".into()),
            args: Vec::new(),
            env: Vec::new(),
        })
    }

    /// Stores data in `dir` instead of a temporary directory. It is made if missing and never removed.
    pub fn persist_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.persist_dir = Some(dir.into());
        self
    }

    /// Starts without `--persist-dir`.
    pub fn in_memory(mut self) -> Self {
        self.persist_dir = None;
        self
    }

    /// Listens on a free loopback TCP port as well; the unix socket is always there.
    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Serves metrics on a free loopback port.
    pub fn metrics(mut self) -> Self {
        self.metrics = true;
        self
    }

    /// Uses this secret instead of `test-secret`. It travels in the environment.
    pub fn secret(mut self, secret: &str) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Passes no secret, neither in the environment nor otherwise.
    pub fn no_secret(mut self) -> Self {
        self.secret = None;
        self
    }

    /// Adds one argument; call it once per word.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets an environment variable of the server.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Starts the server and waits until it answers `Ping` on every listener.
    pub fn start(self) -> Result<ServerProcess> {
        let mut server = self.spawn()?;
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Starts a server that is expected to exit by itself, and returns how it did and what it wrote.
    pub fn start_expecting_exit(self) -> Result<(ExitStatus, String)> {
        let mut server = self.spawn()?;
        let status = server.wait_for_exit(START_LIMIT)?;
        Ok((status, server.output()))
    }

    /// Starts the process without waiting for it to be ready.
    pub fn spawn(self) -> Result<ServerProcess> {
        let socket = self.work.path().join("s.sock");
        let output_path = self.work.path().join("output.log");
        let output = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&output_path)?
            .into_file();
        let tcp_addr = self.tcp.then(free_loopback_addr).transpose()?;
        let metrics_addr = self.metrics.then(free_loopback_addr).transpose()?;

        let mut command = Command::new(&self.program);
        command.arg("--socket-path").arg(&socket);
        if let Some(dir) = &self.persist_dir {
            fs_err::create_dir_all(dir)?;
            command.arg("--persist-dir").arg(dir);
        }
        if let Some(addr) = tcp_addr {
            command.arg("--tcp-addr").arg(addr.to_string());
        }
        if let Some(addr) = metrics_addr {
            command.arg("--metrics-addr").arg(addr.to_string());
        }
        command
            .env_remove("GRAPH_SERVICE_AUTH_SECRET")
            .env_remove("EPISTEMIC_GRAPH_ALLOW_INSECURE");
        if let Some(secret) = &self.secret {
            command.env("GRAPH_SERVICE_AUTH_SECRET", secret);
        }
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        Ok(ServerProcess {
            child,
            exit: None,
            socket,
            tcp_addr,
            metrics_addr,
            output_path,
            builder: self,
        })
    }
}

/// A running (or ended) server. Dropping it kills the process and removes its temporary directory.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    exit: Option<ExitStatus>,
    socket: PathBuf,
    tcp_addr: Option<SocketAddr>,
    metrics_addr: Option<SocketAddr>,
    output_path: PathBuf,
    builder: ServerBuilder,
}

impl ServerProcess {
    /// Our server, with a temporary persist directory. Panics with the build command when it is not built.
    pub fn ours() -> ServerBuilder {
        binaries::server()
            .and_then(ServerBuilder::of_program)
            .unwrap_or_else(|error| panic!("{error:#}"))
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
        self.metrics_addr
            .expect("this server was started without metrics()")
    }

    /// The persist directory; panics for a server started [`ServerBuilder::in_memory`].
    pub fn persist_dir(&self) -> &Path {
        self.builder
            .persist_dir
            .as_deref()
            .expect("this server was started without a persist directory")
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

    /// Kills the process if it still runs and starts it again with the same settings and directory.
    /// Ports are chosen anew.
    pub fn restart(mut self) -> Result<ServerProcess> {
        self.kill9()?;
        self.builder.clone().start()
    }

    /// The settings of this server, to start another like it. Its temporary directory lives as long as either.
    pub fn builder(&self) -> ServerBuilder {
        self.builder.clone()
    }

    /// Waits until every listener answers `Ping`; an error if the process exits or [`START_LIMIT`] passes.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let mut endpoints = vec![self.unix_endpoint()];
        endpoints.extend(self.tcp_addr.map(Endpoint::Tcp));
        for endpoint in endpoints {
            let ready = poll(START_LIMIT, POLL_INTERVAL, || {
                let pong = Client::connect(&endpoint, self.secret())
                    .and_then(|mut client| client.call("__commons__", "Ping", None));
                if let (Err(_), Some(status)) = (&pong, self.has_exited()?) {
                    bail!(self.describe(&format!("exited with {status} before it was ready")));
                }
                Ok(pong.ok())
            })?;
            if ready.is_none() {
                bail!(self.describe(&format!("{endpoint:?} not ready after {START_LIMIT:?}")));
            }
        }
        Ok(())
    }

    fn describe(&self, what: &str) -> String {
        let program = self.builder.program.display();
        format!(
            "{what} ({program}, pid {})\n--- its output ---\n{}",
            self.pid(),
            self.output()
        )
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

/// A loopback address with a port that was free a moment ago.
pub fn free_loopback_addr() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}
