//! The shards and directories between which graphs move.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use epistemic_router::{ConnectOptions, Endpoint, Secret};
use tokio::runtime::Handle;

use crate::hosts::{Credentials, Directory, DirectoryParty, Party, ShardParty};

/// All places by endpoint. Directories are open for writing, so no server can use them until this is dropped.
pub(super) struct Places {
    running: Option<(Handle, Secret, ConnectOptions)>,
    stopped: HashMap<String, Arc<dyn Party>>,
}

/// The places as one worker uses them: with connections of its own, which are kept.
pub(super) struct Parties<'p> {
    places: &'p Places,
    open: HashMap<String, Arc<dyn Party>>,
}

impl Places {
    /// Opens the directories of those `endpoints` that have one; the others are running shards, connected to later.
    pub(super) fn open(
        endpoints: &BTreeSet<&str>,
        directories: &[(String, PathBuf)],
        credentials: &Credentials,
        runtime: &Handle,
    ) -> Result<Self> {
        let mut stopped: HashMap<String, Arc<dyn Party>> = HashMap::new();
        for (endpoint, path) in
            directories.iter().filter(|(endpoint, _)| endpoints.contains(endpoint.as_str()))
        {
            let (graphs, owner) = Directory::open_writable(path)?.into();
            stopped.insert(endpoint.clone(), Arc::new(DirectoryParty::new(endpoint, graphs, owner)));
        }
        // Without running shards no secret is needed.
        let running = match endpoints.iter().all(|endpoint| stopped.contains_key(*endpoint)) {
            true => None,
            false => Some((runtime.clone(), credentials.secret()?, credentials.options())),
        };
        Ok(Self { running, stopped })
    }

    #[cfg(test)]
    pub(super) fn of(stopped: HashMap<String, Arc<dyn Party>>) -> Self {
        Self { running: None, stopped }
    }

    /// For one worker.
    pub(super) fn parties(&self) -> Parties<'_> {
        Parties { places: self, open: HashMap::new() }
    }
}

impl Parties<'_> {
    /// The party behind an endpoint of the plan.
    pub(super) fn get(&mut self, endpoint: &str) -> Result<Arc<dyn Party>> {
        if let Some(party) = self.places.stopped.get(endpoint).or_else(|| self.open.get(endpoint)) {
            return Ok(Arc::clone(party));
        }
        let Some((runtime, secret, options)) = &self.places.running else {
            anyhow::bail!("no directory is open for '{endpoint}'");
        };
        let party: Arc<dyn Party> = Arc::new(ShardParty::new(
            runtime.clone(),
            Endpoint::parse(endpoint)?,
            secret.clone(),
            options.clone(),
        ));
        self.open.insert(endpoint.to_owned(), Arc::clone(&party));
        Ok(party)
    }
}
