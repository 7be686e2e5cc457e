//! Three shards, and what belongs to all of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use epistemic_router::{ConnectOptions, Endpoint, EndpointList, Secret, ShardRouter, hrw};
use tempfile::TempDir;

use super::ports::{self, PUBLISHED, SHARDS};
use super::shard::Shard;

const SERVER: &str = "epistemic-graph-server";

/// Three shards under one temporary directory.
pub(super) struct Cluster {
    // Before the directory: the servers end first.
    pub(super) shards: Vec<Shard>,
    /// All shards, running or not.
    pub(super) endpoints: EndpointList,
    pub(super) secret: String,
    pub(super) published_ports: bool,
    program: PathBuf,
    home: TempDir,
}

impl Cluster {
    /// Prepares three shards on free ports with a new secret. Starts nothing.
    pub(super) fn prepare(keep: bool) -> Result<Self> {
        let program = server_program()?;
        let mut home = tempfile::Builder::new().prefix("egctl-walkthrough-").tempdir()?;
        home.disable_cleanup(keep);
        let ports = ports::choose()?;
        let secret = hex::encode(rand::random::<[u8; 32]>());
        let shard = |index: usize| {
            let home = home.path().join(format!("shard-{}", index + 1));
            Shard::new(&program, home, ports.requests[index], ports.metrics[index], &secret)
        };
        let mut shards: Vec<_> = (0..SHARDS).map(shard).collect::<Result<_>>()?;
        let endpoints = EndpointList::new(shards.iter().map(|shard| shard.endpoint.clone()).collect())?;
        for shard in &mut shards {
            shard.endpoints = Some(endpoints.clone());
        }
        let published_ports = ports.requests == PUBLISHED;
        Ok(Self { shards, endpoints, secret, published_ports, program, home })
    }

    /// Prepares one shard more and has the list name it; the graph `stays` keeps its owner. The others do not know of it yet.
    /// Starts nothing.
    pub(super) fn add_shard(&mut self, stays: &str) -> Result<Endpoint> {
        let number = self.shards.len() + 1;
        let home = self.home.path().join(format!("shard-{number}"));
        let (mut shard, after) = loop {
            let (port, metrics_port) = ports::one_more()?;
            let shard = Shard::new(&self.program, home.clone(), port, metrics_port, &self.secret)?;
            let all = self.endpoints.as_slice().iter().chain([&shard.endpoint]).cloned();
            let after = EndpointList::new(all.collect())?;
            if hrw::owner(&after, stays) != &shard.endpoint {
                break (shard, after);
            }
        };
        let joined = shard.endpoint.clone();
        shard.endpoints = Some(after.clone());
        self.endpoints = after;
        self.shards.push(shard);
        Ok(joined)
    }

    /// A folder for files of the walkthrough.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A new client over all shards, without connections yet.
    pub(super) fn router(&self) -> ShardRouter {
        self.router_over(self.endpoints.clone())
    }

    /// A new client over the shards of `endpoints`.
    pub(super) fn router_over(&self, endpoints: EndpointList) -> ShardRouter {
        ShardRouter::new(endpoints, Secret::new(&self.secret), ConnectOptions::default())
    }

    /// The shard of an endpoint.
    pub(super) fn shard(&mut self, endpoint: &Endpoint) -> Result<&mut Shard> {
        let mut shards = self.shards.iter_mut();
        shards
            .find(|shard| shard.endpoint == *endpoint)
            .with_context(|| format!("no shard has the endpoint {endpoint}"))
    }
}

fn server_program() -> Result<PathBuf> {
    let ours = std::env::current_exe().context("the path of this program")?;
    let program = ours.with_file_name(SERVER);
    ensure!(
        program.is_file(),
        "{} is missing; make it with: cargo build --release -p epistemic-engine",
        program.display()
    );
    Ok(program)
}
