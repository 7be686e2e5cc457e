//! A running shard as a source.

use std::io::Write;

use anyhow::Result;
use epistemic_router::{CallError, Client};
use epistemic_storage::graph::{COMMONS, Changes};
use epistemic_storage::snapshot::{unpack_ledger, verify_newest};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::manifest::Content;
use super::source::{Exported, Source, Told};
use crate::cli::{Count, Counted, Tee};
use crate::remote::{DEADLINE, Download, GraphStats, ShardStatus, call};

/// Graphs of a shard that goes on serving them.
pub(crate) struct ShardSource {
    runtime: Handle,
    client: Client,
    store_id: Option<String>,
}

#[derive(Serialize)]
struct LedgerParams {
    after: u64,
    max_bytes: usize,
}

#[derive(Deserialize)]
struct LedgerAnswer<'a> {
    sequence: u64,
    #[serde(borrow)]
    records: &'a [u8],
}

#[derive(Serialize)]
struct DigestParams {
    /// Nothing, for the whole content.
    after: Option<u64>,
}

#[derive(Deserialize)]
struct DigestAnswer {
    sequence: u64,
    nodes: u64,
    edges: u64,
    vectors: u64,
    digest: String,
}

impl ShardSource {
    /// Asks the shard what it is.
    pub(crate) fn open(runtime: Handle, client: Client) -> Result<Self> {
        let client = client.with_deadline(DEADLINE);
        let status: ShardStatus = runtime.block_on(call(&client, COMMONS, "ShardStatus", &()))?;
        Ok(Self { runtime, client, store_id: status.store_id })
    }
}

impl Source for ShardSource {
    fn place(&self) -> String {
        self.client.endpoint().to_string()
    }

    fn store_id(&self) -> Option<String> {
        self.store_id.clone()
    }

    fn graphs(&self) -> Result<Vec<(String, u64)>> {
        let graphs: Vec<GraphStats> = self.runtime.block_on(call(&self.client, COMMONS, "GraphStats", &()))?;
        let about = |graph: &GraphStats| graph.nodes + graph.edges + graph.sequence;
        Ok(graphs.into_iter().map(|graph| (graph.name.clone(), about(&graph))).collect())
    }

    fn snapshot(&self, graph: &str, out: &mut dyn Write, progress: &mut Told<'_>) -> Result<Exported> {
        let download = self.runtime.block_on(Download::open(self.client.clone(), graph))?;
        let count = Count::default();
        let stream = Tee { from: Counted { stream: download, count: count.clone() }, to: out };
        let (header, totals, newest) =
            verify_newest(stream, &mut |records| progress(count.bytes(), records))?;
        Ok(Exported { header, content: totals.into(), newest })
    }

    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Option<Changes>> {
        let params = LedgerParams { after, max_bytes };
        let answer = match self.runtime.block_on(self.client.call_raw(graph, "LedgerRead", &params)) {
            Err(CallError::Server(text)) if text.starts_with("LEDGER_TRUNCATED:") => return Ok(None),
            answer => answer?,
        };
        let bad = |reason: String| CallError::BadResponse { endpoint: self.client.endpoint().clone(), reason };
        let LedgerAnswer { sequence, records } = rmp_serde::from_slice(&answer)
            .map_err(|error| bad(format!("the result of LedgerRead is not understood: {error}")))?;
        let records = unpack_ledger(records);
        let records = records.ok_or_else(|| bad("the records of LedgerRead are cut off".to_owned()))?;
        Ok(Some(Changes { sequence, records }))
    }

    fn content(&self, graph: &str) -> Result<(u64, Content)> {
        let answer = self.runtime.block_on(call(&self.client, graph, "GraphDigest", &DigestParams { after: None }))?;
        let DigestAnswer { sequence, nodes, edges, vectors, digest } = answer;
        Ok((sequence, Content { nodes, edges, vectors, digest }))
    }
}
