//! What to start.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::process::{START_LIMIT, ServerProcess};
use crate::{cgroup::MemoryCgroup, ports::free_loopback_addr, scratch};

/// What to start. Cloned from a running server to start it again.
#[derive(Debug, Clone)]
pub struct ServerBuilder {
    pub(super) program: PathBuf,
    /// Socket and log of the process, and its persist directory unless one was given.
    pub(super) work: Arc<TempDir>,
    pub(super) persist_dir: Option<PathBuf>,
    pub(super) tcp: bool,
    pub(super) metrics: bool,
    pub(super) open_files: Option<u64>,
    /// File of the cgroup that it is to be in.
    pub(super) cgroup: Option<PathBuf>,
    pub(super) secret: Option<String>,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    /// Standard output and error, when they are not the file that is kept.
    pub(super) log: Option<Arc<OwnedFd>>,
}

impl ServerBuilder {
    /// A builder for any program with the flags of the reference server.
    pub fn of_program(program: PathBuf) -> Result<ServerBuilder> {
        let work = Arc::new(scratch::folder()?);
        Ok(ServerBuilder {
            persist_dir: Some(work.path().join("data")),
            program,
            work,
            tcp: false,
            metrics: false,
            open_files: None,
            cgroup: None,
            secret: Some("test-secret".into()),
            args: Vec::new(),
            env: Vec::new(),
            log: None,
        })
    }

    /// The unix socket that the server will listen on.
    pub fn socket(&self) -> PathBuf {
        self.work.path().join("s.sock")
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

    /// Lets the server have so many open files, as `ulimit -n` does.
    pub fn open_files(mut self, limit: u64) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// Starts the server in a cgroup.
    pub fn in_cgroup(mut self, group: &MemoryCgroup) -> Self {
        self.cgroup = Some(group.procs());
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

    /// Sets several.
    pub fn envs<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        all: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.env.extend(all.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Makes this its standard output and error; [`ServerProcess::output`] then has nothing.
    pub fn log_to(mut self, log: impl Into<OwnedFd>) -> Self {
        self.log = Some(Arc::new(log.into()));
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
        let socket = self.socket();
        let output_path = self.work.path().join("output.log");
        let output = match &self.log {
            Some(log) => log.try_clone()?,
            None => {
                let file = fs_err::OpenOptions::new().create(true).append(true).open(&output_path)?;
                file.into_file().into()
            }
        };
        let tcp_addr = self.tcp.then(free_loopback_addr).transpose()?;
        let metrics_addr = self.metrics.then(free_loopback_addr).transpose()?;

        let mut command = match (self.open_files, &self.cgroup) {
            (Some(limit), _) => {
                let mut command = Command::new("prlimit");
                command.arg(format!("--nofile={limit}:{limit}")).arg(&self.program);
                command
            }
            (None, Some(procs)) => {
                let mut command = Command::new("sh");
                command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(procs).arg(&self.program);
                command
            }
            (None, None) => Command::new(&self.program),
        };
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
        command.env_remove("GRAPH_SERVICE_AUTH_SECRET").env_remove("EPISTEMIC_GRAPH_ALLOW_INSECURE");
        if let Some(secret) = &self.secret {
            command.env("GRAPH_SERVICE_AUTH_SECRET", secret);
        }
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("start {}", self.program.display()))?;
        Ok(ServerProcess { child, exit: None, socket, tcp_addr, metrics_addr, output_path, builder: self })
    }
}
