//! A running shard as a party of a move.

use std::{io::Read, sync::OnceLock};

use anyhow::{Context, Result, bail};
use epistemic_router::{Bin, Client, ConnectOptions, Endpoint, Secret};
use epistemic_storage::{
    graph::{COMMONS, Changes},
    snapshot::{pack_ledger, unpack_ledger},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;
use tokio::runtime::Handle;

use super::party::{Changed, Content, Party, Status};
use crate::remote::{DEADLINE, Download, IdentityStatus, batches, call, data_limit, upload_arriving};

/// A shard, connected to when it is needed, and again when a connection was lost.
pub(crate) struct ShardParty {
    runtime: Handle,
    endpoint: Endpoint,
    secret: Secret,
    options: ConnectOptions,
    client: Mutex<Option<Client>>,
    /// Bytes of data that a request to it can carry.
    data_limit: OnceLock<usize>,
}

#[derive(Serialize)]
struct MoveId<'a> {
    move_id: &'a str,
}

#[derive(Deserialize)]
struct Sequence {
    sequence: u64,
}

impl ShardParty {
    /// The shard at `endpoint`. Nothing is sent yet. Its methods must be called outside of the runtime's own threads.
    pub(crate) fn new(runtime: Handle, endpoint: Endpoint, secret: Secret, options: ConnectOptions) -> Self {
        let options = ConnectOptions { compare_lists: false, ..options };
        Self { runtime, endpoint, secret, options, client: Mutex::new(None), data_limit: OnceLock::new() }
    }

    fn data_limit(&self) -> Result<usize> {
        if let Some(limit) = self.data_limit.get() {
            return Ok(*limit);
        }
        let limit = self.runtime.block_on(data_limit(&self.client()?))?;
        Ok(*self.data_limit.get_or_init(|| limit))
    }

    fn connect(&self) -> Result<Client> {
        let connected = Client::connect(&self.endpoint, &self.secret, self.options.clone());
        Ok(self.runtime.block_on(connected)?.with_deadline(DEADLINE))
    }

    fn client(&self) -> Result<Client> {
        let mut client = self.client.lock();
        match &*client {
            Some(open) if !open.is_closed() => Ok(open.clone()),
            Some(_) | None => Ok(client.insert(self.connect()?).clone()),
        }
    }

    fn call<T, P>(&self, graph: &str, method: &str, params: &P) -> Result<T>
    where
        T: DeserializeOwned,
        P: Serialize + Sync,
    {
        let client = self.client()?;
        self.runtime
            .block_on(call(&client, graph, method, params))
            .with_context(|| format!("{method} of graph '{graph}' at '{}'", self.endpoint))
    }

    fn step(&self, graph: &str, method: &str, params: &(impl Serialize + Sync)) -> Result<u64> {
        self.call::<Sequence, _>(graph, method, params).map(|answer| answer.sequence)
    }
}

impl Party for ShardParty {
    fn endpoint(&self) -> &str {
        self.endpoint.as_str()
    }

    fn is_guarded(&self) -> Result<bool> {
        let registered: Vec<IdentityStatus> = self.call(COMMONS, "ListIdentities", &())?;
        Ok(!registered.is_empty())
    }

    fn status(&self, graph: &str) -> Result<Option<Status>> {
        #[derive(Serialize)]
        struct Params<'a> {
            graph_name: &'a str,
        }
        let rows: Vec<Status> = self.call(graph, "MoveStatus", &Params { graph_name: graph })?;
        Ok(rows.into_iter().next())
    }

    fn export(&self, graph: &str) -> Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.runtime.block_on(Download::open(self.connect()?, graph))?))
    }

    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Changes> {
        #[derive(Serialize)]
        struct Params {
            after: u64,
            max_bytes: usize,
        }
        #[derive(Deserialize)]
        struct Answer {
            sequence: u64,
            #[serde(default)]
            before: Option<ByteBuf>,
            records: ByteBuf,
        }
        let answer: Answer = self.call(graph, "LedgerRead", &Params { after, max_bytes })?;
        let Some(records) = unpack_ledger(&answer.records) else {
            bail!("'{}' sent ledger records of graph '{graph}' that are cut off", self.endpoint);
        };
        // A reader asks for the next ones until it has all: an answer that brings it no further would keep it asking.
        let next = records.iter().map(|(sequence, _)| *sequence).eq(after + 1..=after + records.len() as u64);
        if !next || (records.is_empty() && after < answer.sequence) {
            bail!(
                "'{}' was asked for the changes of graph '{graph}' behind {after} and sent others, or none up to {}",
                self.endpoint,
                answer.sequence
            );
        }
        let before = answer.before.and_then(|digest| digest.into_vec().try_into().ok());
        Ok(Changes { sequence: answer.sequence, before, records })
    }

    fn content(&self, graph: &str) -> Result<Content> {
        #[derive(Serialize)]
        struct Params {}
        self.call(graph, "GraphDigest", &Params {})
    }

    fn changed(&self, graph: &str, after: u64) -> Result<Changed> {
        #[derive(Serialize)]
        struct Params {
            after: u64,
        }
        self.call(graph, "GraphDigest", &Params { after })
    }

    fn arrive(&self, graph: &str, move_id: &str, from: &str) -> Result<()> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            from: &'a str,
        }
        self.step(graph, "MoveArrive", &Params { move_id, from }).map(drop)
    }

    fn fill(
        &self,
        graph: &str,
        move_id: &str,
        input: &mut (dyn Read + Send),
        sent: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let client = self.connect()?;
        upload_arriving(&self.runtime, &client, graph, move_id, input, sent).map(drop)
    }

    fn replay(&self, graph: &str, move_id: &str, records: &[(u64, Vec<u8>)]) -> Result<u64> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            records: Bin<'a>,
        }
        let limit = self.data_limit()?;
        let mut reached = 0;
        for batch in batches(records, limit) {
            let records = pack_ledger(batch);
            if records.len() > limit {
                bail!(
                    "a change of graph '{graph}' has {} bytes, a request to '{}' carries {limit} at most: start that shard \
                     with a larger --max-frame-bytes",
                    records.len(),
                    self.endpoint
                );
            }
            reached = self.step(graph, "MoveReplay", &Params { move_id, records: Bin(&records) })?;
        }
        Ok(reached)
    }

    fn fence(&self, graph: &str, move_id: &str, to: &str, lease_ms: u64) -> Result<u64> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            to: &'a str,
            lease_ms: u64,
        }
        self.step(graph, "MoveFence", &Params { move_id, to, lease_ms })
    }

    fn release(&self, graph: &str, move_id: &str) -> Result<()> {
        self.call::<String, _>(graph, "MoveRelease", &MoveId { move_id }).map(drop)
    }

    fn depart(&self, graph: &str, move_id: &str, to: &str, sequence: u64) -> Result<()> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            to: &'a str,
            sequence: u64,
        }
        self.step(graph, "MoveDepart", &Params { move_id, to, sequence }).map(drop)
    }

    fn admit(&self, graph: &str, move_id: &str, sequence: u64) -> Result<()> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            sequence: u64,
        }
        self.step(graph, "MoveAdmit", &Params { move_id, sequence }).map(drop)
    }

    fn admit_as(&self, graph: &str, move_id: &str, sequence: u64, served: &str, replace: bool) -> Result<()> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            sequence: u64,
            rename: &'a str,
            replace: bool,
        }
        self.step(graph, "MoveAdmit", &Params { move_id, sequence, rename: served, replace }).map(drop)
    }

    fn drop_records(&self, graph: &str, move_id: &str) -> Result<()> {
        self.step(graph, "MoveDrop", &MoveId { move_id }).map(drop)
    }

    fn come_back(&self, graph: &str, move_id: &str) -> Result<()> {
        self.step(graph, "MoveReturn", &MoveId { move_id }).map(drop)
    }
}
