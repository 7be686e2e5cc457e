//! Finding channels: a shard has those that were opened on it.

use std::sync::Arc;

use std::path::Path;

use anyhow::Result;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_router::{Client, Endpoint};
use epistemic_storage::Durability;
use epistemic_storage::channels::Channels;
use epistemic_storage::channels::Keep;
use epistemic_storage::graph::COMMONS;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::exit::{Exit, Failure};
use crate::shards::{Answers, ShardArgs};

/// A channel, as `ListChannels` lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Channel {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Number of members.
    pub(super) members: u64,
}

/// A message, as `GetChannelMessages` tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) sender: String,
    pub(super) payload: String,
    /// Unix seconds.
    pub(super) timestamp: u64,
}

/// The channels of a stopped directory, or of a checkpoint.
pub(super) fn offline(dir: &Path) -> Result<(Directory, Channels)> {
    let directory = Directory::open_read_only(dir)?;
    let keep = Keep { messages: u64::MAX, bytes: u64::MAX };
    let channels = Channels::open(Arc::clone(&directory.graphs), keep, Durability::Sync)?;
    Ok((directory, channels))
}

/// The channels of an open store.
pub(super) fn listed(channels: &Channels) -> Result<Vec<Channel>> {
    let channel = |channel: epistemic_storage::channels::Listed| Channel {
        id: channel.id,
        kind: channel.kind.name().to_owned(),
        members: channel.members as u64,
    };
    Ok(channels.list(None)?.into_iter().map(channel).collect())
}

/// A connection to the one shard that has this channel.
///
/// # Errors
/// None has it, or several have; a shard fails while no other has it.
pub(super) fn find(shards: &ShardArgs, id: &str, runtime: &Runtime) -> Result<(Client, Channel)> {
    let answers: Answers<Vec<Channel>> = runtime.block_on(shards.ask_all("ListChannels"))?;
    let mut found: Vec<(&Endpoint, &Channel)> = Vec::new();
    for (endpoint, answer) in &answers.0 {
        found.extend(
            answer.iter().flatten().filter(|channel| channel.id == id).map(|channel| (endpoint, channel)),
        );
    }
    match found.as_slice() {
        [(endpoint, channel)] => Ok((runtime.block_on(shards.connect(endpoint))?, (*channel).clone())),
        [] => {
            answers.failure()?;
            let message = format!("no shard that was asked shows channel {}", shown(id));
            Err(Failure::new(Exit::Failed, message).into())
        }
        several => {
            let places: Vec<_> = several.iter().map(|(endpoint, _)| endpoint.as_str()).collect();
            let message = format!(
                "several shards have channel {}: {}; name one with --endpoint",
                shown(id),
                places.join(", ")
            );
            Err(Failure::new(Exit::Usage, message).into())
        }
    }
}

#[derive(Serialize)]
struct Of<'a> {
    channel_id: &'a str,
}

/// The members of a channel.
pub(super) fn members(client: &Client, id: &str, runtime: &Runtime) -> Result<Vec<String>> {
    let params = Of { channel_id: id };
    Ok(runtime.block_on(call(client, COMMONS, "GetChannelMembers", &params))?)
}
