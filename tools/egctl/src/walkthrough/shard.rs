//! One shard: a server process with its directory.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use epistemic_router::{Client, ConnectOptions, Endpoint, EndpointList, SECRET_VAR, Secret};
use epistemic_storage::graph::COMMONS;
use tokio::time::{Instant, sleep};

use super::process::Process;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// A shard that runs or is stopped; its directory stays.
pub(super) struct Shard {
    pub(super) endpoint: Endpoint,
    pub(super) metrics_port: u16,
    pub(super) data: PathBuf,
    /// The list it is started with, once that is known.
    pub(super) endpoints: Option<EndpointList>,
    program: PathBuf,
    port: u16,
    home: PathBuf,
    secret: String,
    process: Option<Process>,
}

impl Shard {
    /// A shard that listens on `port` and keeps everything under `home`, which is created. Not started.
    pub(super) fn new(
        program: &Path,
        home: PathBuf,
        port: u16,
        metrics_port: u16,
        secret: &str,
    ) -> Result<Self> {
        fs_err::create_dir_all(&home)?;
        Ok(Self {
            endpoint: Endpoint::parse(&format!("tcp://localhost:{port}"))?,
            metrics_port,
            data: home.join("data"),
            endpoints: None,
            program: program.to_owned(),
            port,
            home,
            secret: secret.to_owned(),
            process: None,
        })
    }

    /// The arguments of its server.
    pub(super) fn arguments(&self) -> Vec<String> {
        let place = self
            .endpoints
            .iter()
            .flat_map(|list| [("--advertise", self.endpoint.to_string()), ("--endpoints", list.to_string())]);
        [
            ("--tcp-addr", format!("127.0.0.1:{}", self.port)),
            ("--socket-path", self.home.join("s.sock").display().to_string()),
            ("--persist-dir", self.data.display().to_string()),
            ("--metrics-addr", format!("127.0.0.1:{}", self.metrics_port)),
        ]
        .into_iter()
        .chain(place)
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }

    /// Starts the server and waits until it answers; returns its process id and how long that took.
    pub(super) async fn start(&mut self) -> Result<(u32, Duration)> {
        let began = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(self.arguments()).env(SECRET_VAR, &self.secret);
        let name = format!("the server of {}", self.endpoint);
        let mut process = Process::spawn(command, &name, &self.home.join("server.log"))?;
        loop {
            if let Some(status) = process.has_exited()? {
                bail!("{name} ended with {status} before it was ready; it wrote:\n{}", process.output()?);
            }
            match self.ping().await {
                Ok(()) => break,
                Err(error) if began.elapsed() > START_LIMIT => {
                    return Err(error).with_context(|| format!("{name} is not ready after {START_LIMIT:?}"));
                }
                Err(_) => sleep(POLL).await,
            }
        }
        let pid = process.pid();
        self.process = Some(process);
        Ok((pid, began.elapsed()))
    }

    /// A new connection.
    pub(super) async fn client(&self) -> Result<Client> {
        let secret = Secret::new(&self.secret);
        Ok(Client::connect(&self.endpoint, &secret, ConnectOptions::default()).await?)
    }

    async fn ping(&self) -> Result<()> {
        let pong = self.client().await?.call(COMMONS, "Ping", &()).await?;
        ensure!(pong.as_str() == Some("pong"), "Ping was answered with {pong}");
        Ok(())
    }

    /// Stops the server with SIGTERM and waits for its end. None when it does not run.
    pub(super) async fn stop(&mut self) -> Result<Option<ExitStatus>> {
        let Some(mut process) = self.process.take() else {
            return Ok(None);
        };
        process.terminate()?;
        Ok(Some(process.exit(STOP_LIMIT).await?))
    }

    /// Kills the server with SIGKILL.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }
}
