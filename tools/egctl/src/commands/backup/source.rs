//! Opening what is backed up.

use std::path::Path;

use anyhow::Result;
use epistemic_operations::backup::{BackupError, Listing};
use epistemic_operations::hosts::{Directory, DirectoryParty, Party};
use epistemic_operations::remote::{call, heads};
use epistemic_router::status::ShardStatus;
use epistemic_router::{CallError, Client, Endpoint, ErrorCode};
use epistemic_storage::clock;
use epistemic_storage::datadir::Identity;
use epistemic_storage::graph::COMMONS;
use tokio::runtime::Runtime;

use crate::shards::ShardArgs;

/// A place and what it holds.
pub(super) type Opened = (Box<dyn Party>, Listing);

/// A stopped directory or a checkpoint.
pub(super) fn offline(dir: &Path) -> Result<Opened> {
    let (graphs, owner) = Directory::open_read_only(dir)?.into();
    let store_id = Identity::load(dir)?.map(|identity| identity.store_id);
    let listing = Listing::of_directory(&graphs, store_id)?;
    Ok((Box::new(DirectoryParty::new(dir.display().to_string(), graphs, owner)), listing))
}

/// A running shard.
///
/// # Errors
/// It cannot be reached; it hides graphs from the caller.
pub(super) fn online(shards: &ShardArgs, endpoint: &Endpoint, runtime: &Runtime) -> Result<Opened> {
    let listing = runtime.block_on(async {
        let client = shards.connect(endpoint).await?;
        let ahead_ms = clock_ahead_ms(&client).await?;
        match heads(&client).await {
            Ok(heads) => anyhow::Ok(Listing::of_shard(heads, ahead_ms)),
            Err(error) if error.code() == ErrorCode::AccessDenied => {
                let (endpoint, denied) = (endpoint.to_string(), error.to_string());
                Err(BackupError::Hidden { endpoint, denied }.into())
            }
            Err(error) => Err(error.into()),
        }
    })?;
    let party = shards.party(endpoint, runtime.handle())?;
    Ok((Box::new(party), listing))
}

/// By how much the clock of the shard is ahead of ours, to half of the time that asking takes.
async fn clock_ahead_ms(client: &Client) -> Result<Option<i64>, CallError> {
    let asked = clock::unix_ms();
    let status: ShardStatus = call(client, COMMONS, "ShardStatus", &()).await?;
    let ours = asked + clock::unix_ms().saturating_sub(asked) / 2;
    Ok(status.unix_ms.map(|theirs| theirs.cast_signed() - ours.cast_signed()))
}
