//! A graph of a running shard as a stream of snapshot bytes.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use epistemic_router::{CallError, Client};
use epistemic_storage::graph::{COMMONS, Origin};
use epistemic_storage::snapshot::{Header, SnapshotError, Totals, verify};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{DEADLINE, PIECE_BYTES, call};

/// What the shard said when it opened the snapshot.
#[derive(Deserialize)]
struct Opened {
    cursor: u64,
    #[serde(default)]
    nodes: u64,
    #[serde(default)]
    edges: u64,
    #[serde(default)]
    sequence: u64,
    #[serde(default)]
    graph_id: u64,
    #[serde(default)]
    epoch: u64,
}

#[derive(Serialize)]
struct OpenParams {
    without_ledger: bool,
}

#[derive(Serialize)]
struct ReadParams {
    cursor: u64,
    max_bytes: usize,
}

/// Reads a snapshot from a shard, one piece ahead of its reader. Nothing in it is checked here.
///
/// Reading blocks, so it must happen outside the runtime's own threads. A failed call is an [`io::Error`] that
/// carries its [`CallError`].
pub struct Download {
    runtime: Handle,
    client: Client,
    graph: String,
    opened: Opened,
    piece: Bytes,
    next: Option<JoinHandle<Result<Bytes, CallError>>>,
}

impl Download {
    /// Opens a snapshot of `graph` as it is now. Use a connection of its own: it holds the shard's view of the
    /// graph until it is closed.
    pub async fn open(client: Client, graph: &str) -> Result<Self, CallError> {
        Self::open_by(client, graph, "SnapshotOpen", &()).await
    }

    /// As [`Download::open`], without the ledger, which the shard does not read then.
    pub async fn open_without_ledger(client: Client, graph: &str) -> Result<Self, CallError> {
        Self::open_by(client, graph, "SnapshotOpen", &OpenParams { without_ledger: true }).await
    }

    /// Opens a copy of the identities and channels of a shard as they are now. Use a connection of its own.
    pub async fn open_service(client: Client) -> Result<Self, CallError> {
        Self::open_by(client, COMMONS, "ServiceExport", &()).await
    }

    async fn open_by(
        client: Client,
        graph: &str,
        method: &str,
        params: &(impl Serialize + Sync),
    ) -> Result<Self, CallError> {
        let client = client.with_deadline(DEADLINE);
        let opened: Opened = call(&client, graph, method, params).await?;
        let mut download = Self {
            runtime: Handle::current(),
            client,
            graph: graph.to_owned(),
            opened,
            piece: Bytes::new(),
            next: None,
        };
        download.next = Some(download.request());
        Ok(download)
    }

    /// About how many records there are: nodes, edges and, for each change, one of the ledger.
    pub fn records(&self) -> u64 {
        self.opened.nodes + self.opened.edges + self.opened.sequence
    }

    /// The graph that it is of.
    pub fn origin(&self) -> Origin {
        Origin { graph_id: self.opened.graph_id, epoch: self.opened.epoch }
    }

    fn request(&self) -> JoinHandle<Result<Bytes, CallError>> {
        let (client, graph) = (self.client.clone(), self.graph.clone());
        let params = ReadParams { cursor: self.opened.cursor, max_bytes: PIECE_BYTES };
        self.runtime.spawn(async move {
            let result = client.call_raw(&graph, "SnapshotRead", &params).await?;
            bin_content(result).ok_or_else(|| CallError::BadResponse {
                endpoint: client.endpoint().clone(),
                reason: "the result of SnapshotRead is not a bin".to_owned(),
            })
        })
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty()
            && let Some(next) = self.next.take()
        {
            self.piece = self.runtime.block_on(next).map_err(io::Error::other)?.map_err(io::Error::other)?;
            // An empty piece is the end, and the shard has closed the cursor.
            if !self.piece.is_empty() {
                self.next = Some(self.request());
            }
        }
        let length = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// The bytes of a MessagePack bin that fills `value`, not copied.
fn bin_content(mut value: Bytes) -> Option<Bytes> {
    let mut rest: &[u8] = &value;
    let length = rmp::decode::read_bin_len(&mut rest).ok()?;
    let start = value.len() - rest.len();
    value.advance(start);
    (value.len() == length as usize).then_some(value)
}

/// Header, counts and digest of a graph as it is now, computed here from the records that the shard sends. `progress` is told now
/// and then how many were read, on another thread.
pub async fn content(
    client: Client,
    graph: &str,
    progress: impl FnMut(u64) + Send + 'static,
) -> Result<(Header, Totals), SnapshotError> {
    verified(Download::open(client, graph).await, progress).await
}

/// As [`content`], without the ledger, which the shard does not read then.
pub async fn content_without_ledger(
    client: Client,
    graph: &str,
    progress: impl FnMut(u64) + Send + 'static,
) -> Result<(Header, Totals), SnapshotError> {
    verified(Download::open_without_ledger(client, graph).await, progress).await
}

async fn verified(
    opened: Result<Download, CallError>,
    mut progress: impl FnMut(u64) + Send + 'static,
) -> Result<(Header, Totals), SnapshotError> {
    let download = opened.map_err(io::Error::other)?;
    tokio::task::spawn_blocking(move || verify(download, &mut progress)).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_bin_is_taken() {
        let content = |bytes: &'static [u8]| bin_content(Bytes::from_static(bytes));
        assert_eq!(content(b"\xc4\x02hi").unwrap(), "hi");
        assert_eq!(content(b"\xc4\x00").unwrap(), "");
        assert_eq!(content(b"\xc5\x00\x01h").unwrap(), "h");
        for bad in [&b"\xc4\x02h"[..], b"\xc4\x01hi", b"\xa2hi", b"\xc0", b""] {
            assert_eq!(content(bad), None);
        }
    }
}
