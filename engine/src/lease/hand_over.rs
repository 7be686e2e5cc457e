//! The planned hand-over: an orderly stop of the owner, when a stand-by is there to go on.

use std::time::Instant;

use epistemic_protocol::ErrorCode;
use serde::Deserialize;
use serde_json::json;

use super::Role;
use crate::{
    request::{error::OpError, service::ServiceCall},
    wire::{OrNone, json::value},
};

/// `ShardHandOver`, which takes none as well
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ShardHandOver {
    /// Also when no stand-by was seen: nobody serves the shard then until one is started.
    #[serde(default)]
    force: bool,
}

/// `ShardHandOver`. Writes of tables what is in the log alone, so that the next owner has nothing to replay; then asks the server to
/// drain and stop, which gives the lease back. Blocks.
pub(crate) fn hand_over(
    call: &ServiceCall<'_>,
    OrNone(ShardHandOver { force }): OrNone<ShardHandOver>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let shard = call.shard;
    let Role::Owner(lease) = &shard.role else {
        let text = "this shard has a directory of its own, which no other server could go on with; only a shard with --store can \
                    be handed over";
        return Err(OpError::Refused(ErrorCode::Unsupported, text.into()));
    };
    let standbys = lease.standbys();
    if standbys.is_empty() && !force {
        let text = "ShardHandOver: no stand-by of this shard was seen; start one with --standby (it shows within ten seconds), or \
                    force it: nobody serves the shard then";
        return Err(OpError::Text(text.into()));
    }
    let begun = Instant::now();
    if let Err(error) = shard.graphs.store().flush() {
        tracing::warn!(%error, "the newest changes stay in the log, which the next owner replays");
    }
    tracing::info!(flush_ms = begun.elapsed().as_millis(), "the shard is handed over");
    value(out, &json!({"owner": lease.owner(), "standbys": standbys}));
    shard.shut_down();
    Ok(())
}
