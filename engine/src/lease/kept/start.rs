//! Getting the lease at a start.

use std::net::SocketAddr;

use epistemic_object_store::{
    Identity, Location, SlateStore,
    lease::{Claim, LOOK_EVERY, Lease, Look, Owner, Taken},
};
use rustix::system::uname;

use crate::{config::Config, expected_store::Expected};

/// What a start has come to before the store is opened.
#[expect(clippy::large_enum_variant, reason = "there is one of them in a process")]
pub(crate) enum Claimed {
    /// Nobody else can have the store.
    Alone,
    /// The lease is this process's.
    Lease(Lease),
    /// It is to wait for the lease.
    Standby(Claim),
}

/// A start that found the store with another server.
#[derive(Debug, thiserror::Error)]
#[error(
    "the store at {url} is served by {owner}, which renews its lease: stop that server or hand the shard over (egctl shard \
     hand-over); start this one with --standby to wait for it, or with --take-over to take the store from it"
)]
pub(crate) struct OwnedByAnother {
    url: String,
    owner: Owner,
}

/// Gets the lease of `--store`, or the claim of a stand-by to it. Blocks for some seconds when another process has or had it.
///
/// # Errors
/// [`OwnedByAnother`]; what the location lacks, or is not.
pub(crate) fn claim(config: &Config, expected: &Expected) -> anyhow::Result<Claimed> {
    // Nobody else sees this one.
    let Some(url) = config.store.as_ref().filter(|url| *url != "memory:") else { return Ok(Claimed::Alone) };
    let location = Location::parse(url)?;
    // Nothing is written to a place that this server may not open in the end.
    let found = Identity::load(&location)?.map(|identity| identity.store_id);
    expected.compare(found, location.url())?;
    SlateStore::try_out(&location)?;
    let claim = Claim::new(&location, &own_endpoint(config))?;
    if config.lease.standby {
        return Ok(Claimed::Standby(claim));
    }
    if config.lease.take_over {
        return Ok(Claimed::Lease(claim.take_over()?));
    }
    wait(claim, location.url().to_owned()).map(Claimed::Lease)
}

/// Takes the lease once its last owner is known to be gone.
fn wait(mut claim: Claim, url: String) -> anyhow::Result<Lease> {
    let mut waits = false;
    loop {
        match claim.look()? {
            Look::Free(_) => match claim.take() {
                Taken::Yes(lease) => return Ok(lease),
                Taken::No(other) => claim = other,
                Taken::Open(_, error) => return Err(error.into()),
            },
            Look::Held { by, renewed: true } => return Err(OwnedByAnother { url, owner: by }.into()),
            Look::Held { by, renewed: false } => {
                if !waits {
                    tracing::info!(
                        "the last owner of the store was {by}: waiting until its lease has run out"
                    );
                    waits = true;
                }
                claim.pause(LOOK_EVERY);
            }
        }
    }
}

/// Where clients reach this process.
fn own_endpoint(config: &Config) -> String {
    if let Some(endpoint) = &config.lease.own_endpoint {
        return endpoint.clone();
    }
    let Some(address) = config.tcp_addr() else { return format!("unix://{}", config.socket().display()) };
    match address.parse::<SocketAddr>() {
        Ok(parsed) if parsed.ip().is_unspecified() => {
            format!("tcp://{}:{}", uname().nodename().to_string_lossy(), parsed.port())
        }
        Ok(_) | Err(_) => format!("tcp://{address}"),
    }
}
