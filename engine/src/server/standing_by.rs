//! A server that stands by: it listens from its start on, and answers who serves the shard. What answers is a shard without records,
//! so that tokens, TLS, bounds, metrics and health are those of any other.

use std::{pin::Pin, sync::Arc};

use epistemic_storage::{GraphStore, MemoryStore};
use tokio_util::task::TaskTracker;

use super::{Phase, Server, listen_on, open_shard, watch_files};
use crate::{
    audit::AuditMode,
    config::Config,
    lease::{Claim, Ended, Lease, Role, Standby},
    listen::Listeners,
    open_store::Opened,
    ownership::Ownership,
    tls::Tls,
};

/// How the time as a stand-by ended.
pub(super) enum Stood {
    /// This process is the owner now, and listens.
    Owner(Lease, Listeners),
    /// It was told to stop.
    Stopped,
}

impl Server<'_> {
    /// Answers who the owner is until this process is, or until it is told to stop. Connections that are open then are closed:
    /// their clients connect again, and wait until the store is open.
    pub(super) fn stand_by<S: Future<Output = &'static str>>(
        &self,
        claim: Claim,
        told: Pin<&mut S>,
        enters: &impl Fn(Phase),
    ) -> anyhow::Result<Stood> {
        let (budget, auth) = (&self.start.budget, &self.start.auth);
        let config = without_records(&self.start.config);
        let standby = Standby::start(claim)?;
        let opened = Opened::alone(GraphStore::open(MemoryStore::new())?);
        let ownership = Ownership::of(&config).map_err(anyhow::Error::msg)?;
        let role = Role::Standby(Arc::clone(&standby.waiting));
        let around = (ownership, None, Tls::open(&config.tls)?, role);
        let (shard, commit_thread) =
            open_shard(&config, budget, opened, self.shares, auth, around, self.log)?;
        // It ends with the shard, and has nothing to commit.
        drop(commit_thread);
        self.runtime.block_on(async {
            watch_files(&shard)?;
            let listeners = Listeners::bind(&config, self.umask).await?;
            let connections = TaskTracker::new();
            listen_on(listeners.try_clone()?, &config, self.shares, &shard, &connections)?;
            tracing::info!("standing by");
            enters(Phase::StandingBy);
            let stopped = async {
                tokio::select! {
                    why = told => tracing::info!("{why}: standing by no more"),
                    () = shard.stop.cancelled() => tracing::info!("Shutdown was asked for: standing by no more"),
                }
            };
            let ended = standby.until(stopped).await;
            shard.shut_down();
            Ok::<_, anyhow::Error>(match ended {
                Ended::Owner(lease) => Stood::Owner(lease, listeners),
                Ended::Stopped => Stood::Stopped,
            })
        })
    }
}

/// The flags of a shard that has nothing to keep an account of.
fn without_records(config: &Config) -> Config {
    let mut config = config.clone();
    config.quotas = None;
    (config.audit.audit_log, config.audit.audit) = (None, AuditMode::BestEffort);
    config
}
