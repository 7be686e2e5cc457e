//! Sending a snapshot to a running shard.

use std::io::Read;

use anyhow::{Context, Result, ensure};
use epistemic_router::{Bin, CallError, Client};
use epistemic_storage::graph::{COMMONS, Origin};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{DEADLINE, PIECE_BYTES, call, data_limit};

#[derive(Serialize)]
struct OpenParams<'a> {
    graph_name: &'a str,
    replace: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    move_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_epoch: Option<u64>,
}

#[derive(Deserialize)]
struct Opened {
    upload: u64,
}

#[derive(Serialize)]
struct WriteParams<'a> {
    upload: u64,
    data: Bin<'a>,
}

#[derive(Deserialize)]
struct Written {
    received: u64,
}

#[derive(Serialize)]
struct ServiceParams {
    identities: bool,
    channels: bool,
}

#[derive(Serialize)]
struct CommitParams {
    upload: u64,
}

#[derive(Deserialize)]
struct Restored {
    graph: String,
    digest: String,
}

/// What a place took of a copy of identities and channels, as `RestoreCommit` tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTaken {
    /// Agents that are registered now and were not.
    pub identities: u64,
    /// Agents that were registered otherwise already; they stay as they are.
    pub other_identities: Vec<String>,
    /// Channels that are open now and were not.
    pub channels: u64,
    /// Channels that were open already; they stay as they are.
    pub other_channels: Vec<String>,
}

/// Sends a snapshot and has the shard install it as the graph `name`, in place of one of that name when `replace`.
/// Visible as a whole and durable on return; on an error the shard is as before. Returns the content digest as the
/// shard computed it. `progress` is told the bytes sent. Blocks, so it must run outside the runtime's own threads.
pub fn upload(
    runtime: &Handle,
    client: &Client,
    name: &str,
    replace: bool,
    input: impl Read,
    progress: &mut dyn FnMut(u64),
) -> Result<String> {
    let params = OpenParams { graph_name: name, replace, move_id: None, origin_id: None, origin_epoch: None };
    send(runtime, client, &params, input, progress)
}

/// [`upload`] into the graph that arrives by the move `move_id`; it is not served yet on return.
pub fn upload_arriving(
    runtime: &Handle,
    client: &Client,
    name: &str,
    move_id: &str,
    origin: Option<Origin>,
    input: impl Read,
    progress: &mut dyn FnMut(u64),
) -> Result<String> {
    let (origin_id, origin_epoch) = origin.map(|origin| (origin.graph_id, origin.epoch)).unzip();
    let params =
        OpenParams { graph_name: name, replace: false, move_id: Some(move_id), origin_id, origin_epoch };
    send(runtime, client, &params, input, progress)
}

/// Sends a copy of identities and channels, and has the shard add what it does not have. Durable on return. Blocks, so it
/// must run outside the runtime's own threads.
pub fn upload_service(runtime: &Handle, client: &Client, input: impl Read) -> Result<ServiceTaken> {
    let params = ServiceParams { identities: true, channels: true };
    send_by(runtime, client, "ServiceImport", &params, input, &mut |_| {})
}

/// As [`upload_service`], identities alone.
pub fn upload_identities(runtime: &Handle, client: &Client, input: impl Read) -> Result<ServiceTaken> {
    let params = ServiceParams { identities: true, channels: false };
    send_by(runtime, client, "ServiceImport", &params, input, &mut |_| {})
}

fn send(
    runtime: &Handle,
    client: &Client,
    params: &OpenParams<'_>,
    input: impl Read,
    progress: &mut dyn FnMut(u64),
) -> Result<String> {
    let name = params.graph_name;
    let Restored { graph, digest } = send_by(runtime, client, "RestoreOpen", params, input, progress)?;
    ensure!(graph == name, "the shard restored it as {graph:?}, not as {name:?}");
    Ok(digest)
}

fn send_by<T: DeserializeOwned>(
    runtime: &Handle,
    client: &Client,
    method: &str,
    params: &(impl Serialize + Sync),
    mut input: impl Read,
    progress: &mut dyn FnMut(u64),
) -> Result<T> {
    let client = client.with_deadline(DEADLINE);
    let piece_bytes = runtime.block_on(data_limit(&client))?.min(PIECE_BYTES);
    let Opened { upload } = runtime.block_on(call(&client, COMMONS, method, params))?;
    let mut sent = 0;
    let mut in_flight: Option<JoinHandle<Result<Written, CallError>>> = None;
    loop {
        let mut piece = Vec::with_capacity(piece_bytes);
        input.by_ref().take(piece_bytes as u64).read_to_end(&mut piece)?;
        if let Some(answer) = in_flight.take() {
            let Written { received } = runtime.block_on(answer).context("sending a piece")??;
            ensure!(received == sent, "the shard has {received} bytes of {sent} sent");
            progress(sent);
        }
        if piece.is_empty() {
            break;
        }
        sent += piece.len() as u64;
        let client = client.clone();
        in_flight = Some(runtime.spawn(async move {
            let data = Bin(&piece);
            call(&client, COMMONS, "RestoreWrite", &WriteParams { upload, data }).await
        }));
    }
    let params = CommitParams { upload };
    Ok(runtime.block_on(call(&client, COMMONS, "RestoreCommit", &params))?)
}
