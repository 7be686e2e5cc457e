//! Certificates that are renewed, and those that are not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{FileError, ServerTls};

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_secs(10);
/// Warnings begin so long before a certificate ends, and come once in a day.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes files that have changed, at a look now and then and on each `hangup`; warns of a certificate that ends. Servers
/// with the same certificate go together. Never returns.
pub async fn keep(servers: Vec<ServerTls>, mut hangup: Signal) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut warned: Option<Instant> = None;
    loop {
        let asked = tokio::select! {
            _ = looks.tick() => false,
            Some(()) = hangup.recv() => true,
        };
        let looking = servers.clone();
        let looked = spawn_blocking(move || (renew(&looking), looking.first().map(ServerTls::not_after)));
        let Ok((renewed, Some(not_after))) = looked.await else { continue };
        match renewed {
            Ok(true) => {
                tracing::info!(not_after, "the TLS certificate was read again");
                warned = None;
            }
            Ok(false) if asked => tracing::info!("the TLS files are those that are in use"),
            Ok(false) => {}
            Err(error) => tracing::error!("TLS goes on with the files as they were: {error}"),
        }
        if warned.is_none_or(|at| at.elapsed() >= DAY) && warn_of_its_end(not_after) {
            warned = Some(Instant::now());
        }
    }
}

/// Whether there were new files.
fn renew(servers: &[ServerTls]) -> Result<bool, FileError> {
    let looks: Vec<_> = servers.iter().map(ServerTls::reload).collect();
    looks.into_iter().try_fold(false, |renewed, look| Ok(renewed | look?))
}

/// Warns of a certificate that has ended or will soon; whether it did.
fn warn_of_its_end(not_after: u64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_secs(not_after).saturating_sub(now);
    if left.is_zero() {
        tracing::error!("the TLS certificate has expired: clients refuse this server");
    } else if left < SOON {
        let days = left.as_secs() / DAY.as_secs();
        tracing::warn!(
            days,
            "the TLS certificate expires soon: put a new one in its place, it is read by itself"
        );
    }
    left < SOON
}
