//! A running shard as a target.

use std::io::Read;

use anyhow::Result;
use epistemic_router::{Bin, Client};
use epistemic_storage::graph::COMMONS;
use epistemic_storage::snapshot::pack_ledger;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::manifest::Content;
use super::source::Source;
use super::source_shard::ShardSource;
use super::target::{At, Target};
use crate::remote::{Becomes, DEADLINE, call, upload};

/// Bytes of ledger records in a request, but for the last record.
const REPLAY_BYTES: usize = 8 << 20;

/// Graphs of a shard that goes on serving the others.
pub(crate) struct ShardTarget {
    runtime: Handle,
    client: Client,
    source: ShardSource,
}

#[derive(Serialize)]
struct StatusParams<'a> {
    graph_name: &'a str,
}

#[derive(Deserialize)]
struct Row {
    standing: String,
    nodes: u64,
    edges: u64,
    #[serde(default)]
    move_id: Option<String>,
}

#[derive(Serialize)]
struct ArriveParams<'a> {
    move_id: &'a str,
    from: &'a str,
}

#[derive(Serialize)]
struct ReplayParams<'a> {
    move_id: &'a str,
    records: Bin<'a>,
}

#[derive(Serialize)]
struct AdmitParams<'a> {
    move_id: &'a str,
    sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rename: Option<&'a str>,
    replace: bool,
}

#[derive(Serialize)]
struct DropParams<'a> {
    move_id: &'a str,
}

#[derive(Deserialize)]
struct Stepped {
    #[serde(rename = "sequence")]
    _sequence: u64,
}

impl ShardTarget {
    /// Asks the shard what it is.
    pub(crate) fn open(runtime: Handle, client: Client) -> Result<Self> {
        let client = client.with_deadline(DEADLINE);
        let source = ShardSource::open(runtime.clone(), client.clone())?;
        Ok(Self { runtime, client, source })
    }

    fn step<P: Serialize + Sync>(&self, graph: &str, method: &str, params: &P) -> Result<()> {
        let _: Stepped = self.runtime.block_on(call(&self.client, graph, method, params))?;
        Ok(())
    }
}

impl Target for ShardTarget {
    fn place(&self) -> String {
        self.client.endpoint().to_string()
    }

    fn at(&self, name: &str) -> Result<At> {
        let params = StatusParams { graph_name: name };
        let rows: Vec<Row> = self.runtime.block_on(call(&self.client, COMMONS, "MoveStatus", &params))?;
        Ok(match rows.into_iter().next() {
            None => At::Free,
            Some(Row { standing, nodes, edges, .. }) if standing == "served" => {
                At::Served { empty: nodes == 0 && edges == 0 }
            }
            Some(Row { standing, move_id: Some(move_id), .. }) if standing == "arriving" => {
                At::Arriving { move_id }
            }
            Some(_) => At::Free,
        })
    }

    fn arrive(&self, name: &str, move_id: &str) -> Result<()> {
        self.step(name, "MoveArrive", &ArriveParams { move_id, from: "a backup" })
    }

    fn fill(
        &self,
        name: &str,
        move_id: &str,
        input: &mut dyn Read,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        upload(&self.runtime, &self.client, name, Becomes::Arriving { move_id }, input, progress)?;
        Ok(())
    }

    fn replay(&self, name: &str, move_id: &str, records: Vec<(u64, Vec<u8>)>) -> Result<()> {
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take_while(|(_, record)| {
                let fits = bytes < REPLAY_BYTES;
                bytes += record.len();
                fits
            });
            let (now, later) = rest.split_at(fitting.count());
            let packed = pack_ledger(now);
            self.step(name, "MoveReplay", &ReplayParams { move_id, records: Bin(&packed) })?;
            rest = later;
        }
        Ok(())
    }

    fn content(&self, name: &str) -> Result<(u64, Content)> {
        self.source.content(name)
    }

    fn admit(&self, name: &str, move_id: &str, sequence: u64, served: &str, replace: bool) -> Result<()> {
        let rename = (name != served).then_some(served);
        self.step(name, "MoveAdmit", &AdmitParams { move_id, sequence, rename, replace })
    }

    fn give_up(&self, name: &str, move_id: &str) -> Result<()> {
        self.step(name, "MoveDrop", &DropParams { move_id })
    }
}
