//! A running shard as a party of a move.

use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use epistemic_router::status::IdentityStatus;
use epistemic_router::{Bin, CallError, Client, ConnectOptions, Endpoint, Secret};
use epistemic_storage::{
    graph::{COMMONS, Changes, Departure, Fenced, Origin},
    snapshot::{pack_ledger, unpack_ledger},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;
use tokio::runtime::Handle;

use super::party::{Admission, Changed, Content, Export, Look, Party, Refusal, Status};
use crate::remote::{
    DEADLINE, Download, ServiceTaken, batches, call, data_limit, upload_arriving, upload_service,
};

/// How long a step may take that does not read a whole graph. A shard that does not answer in this time stalls: what was
/// asked of it may still be done later, and every step can stand that.
const QUICK: Duration = Duration::from_secs(10);

/// How long a checkpoint may take: it writes the newest changes into tables, and links or reads nothing of size.
const CHECKPOINT: Duration = Duration::from_secs(60);

/// A shard, connected to when it is needed, and again when a connection was lost or an answer did not come in time.
pub struct ShardParty {
    runtime: Handle,
    endpoint: Endpoint,
    secret: Secret,
    options: ConnectOptions,
    client: Mutex<Option<Client>>,
    /// Bytes of data that a request to it can carry.
    data_limit: OnceLock<usize>,
    /// Answers come in the order of their requests, so what must not wait has a connection of its own.
    beside: Mutex<Option<Client>>,
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
    pub fn new(runtime: Handle, endpoint: Endpoint, secret: Secret, options: ConnectOptions) -> Self {
        let options = ConnectOptions { compare_lists: false, ..options };
        let (client, beside) = (Mutex::new(None), Mutex::new(None));
        Self { runtime, endpoint, secret, options, client, data_limit: OnceLock::new(), beside }
    }

    fn data_limit(&self) -> Result<usize> {
        if let Some(limit) = self.data_limit.get() {
            return Ok(*limit);
        }
        let limit = self.runtime.block_on(data_limit(&self.client(&self.client)?))?;
        Ok(*self.data_limit.get_or_init(|| limit))
    }

    fn connect(&self) -> Result<Client> {
        let connected = Client::connect(&self.endpoint, &self.secret, self.options.clone());
        Ok(self.runtime.block_on(connected)?)
    }

    fn client(&self, connection: &Mutex<Option<Client>>) -> Result<Client> {
        let mut open = connection.lock();
        match &*open {
            Some(client) if !client.is_closed() => Ok(client.clone()),
            Some(_) | None => Ok(open.insert(self.connect()?).clone()),
        }
    }

    fn call<T, P>(&self, graph: &str, method: &str, params: &P) -> Result<T>
    where
        T: DeserializeOwned,
        P: Serialize + Sync,
    {
        self.call_on(&self.client, QUICK, graph, method, params)
    }

    /// A call that reads all of the graph.
    fn call_long<T, P>(&self, graph: &str, method: &str, params: &P) -> Result<T>
    where
        T: DeserializeOwned,
        P: Serialize + Sync,
    {
        self.call_on(&self.client, DEADLINE, graph, method, params)
    }

    fn call_on<T, P>(
        &self,
        connection: &Mutex<Option<Client>>,
        deadline: Duration,
        graph: &str,
        method: &str,
        params: &P,
    ) -> Result<T>
    where
        T: DeserializeOwned,
        P: Serialize + Sync,
    {
        let client = self.client(connection)?;
        let answer = self.runtime.block_on(call(&client.with_deadline(deadline), graph, method, params));
        if matches!(answer, Err(CallError::Deadline { .. })) {
            // Every further answer would wait for this one.
            connection.lock().take();
        }
        answer.with_context(|| format!("{method} of graph '{graph}' at '{}'", self.endpoint))
    }

    fn step(&self, graph: &str, method: &str, params: &(impl Serialize + Sync)) -> Result<u64> {
        self.call::<Sequence, _>(graph, method, params).map(|answer| answer.sequence)
    }
}

impl ShardParty {
    fn admission(
        &self,
        graph: &str,
        move_id: &str,
        agreed: &Admission,
        rename: Option<(&str, bool)>,
    ) -> Result<()> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            sequence: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            copy: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            epoch: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            rename: Option<&'a str>,
            replace: bool,
        }
        let Admission { copy, sequence, epoch } = *agreed;
        let (rename, replace) = rename.map_or((None, false), |(name, replace)| (Some(name), replace));
        let params = Params { move_id, sequence, copy, epoch, rename, replace };
        self.step(graph, "MoveAdmit", &params).map(drop)
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

    fn look(&self, graph: &str, move_id: &str) -> Result<Look> {
        self.call(graph, "MoveLook", &MoveId { move_id })
    }

    fn export(&self, graph: &str) -> Result<Export> {
        let stream = self.runtime.block_on(Download::open(self.connect()?, graph))?;
        Ok(Export { origin: stream.origin(), stream: Box::new(stream) })
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
        self.call_long(graph, "GraphDigest", &Params {})
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
        origin: Option<Origin>,
        input: &mut (dyn Read + Send),
        sent: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let client = self.connect()?;
        upload_arriving(&self.runtime, &client, graph, move_id, origin, input, sent).map(drop)
    }

    fn replay(
        &self,
        graph: &str,
        move_id: &str,
        copy: Option<u64>,
        records: &[(u64, Vec<u8>)],
    ) -> Result<u64> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            copy: Option<u64>,
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
            reached = self.step(graph, "MoveReplay", &Params { move_id, copy, records: Bin(&records) })?;
        }
        Ok(reached)
    }

    fn fence(&self, graph: &str, move_id: &str, to: &str, lease_ms: u64) -> Result<Fenced> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            to: &'a str,
            lease_ms: u64,
        }
        #[derive(Deserialize)]
        struct Answer {
            token: u64,
            graph_id: u64,
            epoch: u64,
            sequence: u64,
        }
        let Answer { token, graph_id, epoch, sequence } =
            self.call(graph, "MoveFence", &Params { move_id, to, lease_ms })?;
        Ok(Fenced { token, graph_id, epoch, sequence })
    }

    fn renew(&self, graph: &str, token: u64, lease_ms: u64) -> Result<()> {
        #[derive(Serialize)]
        struct Params {
            token: u64,
            lease_ms: u64,
        }
        let deadline = Duration::from_millis(lease_ms);
        let params = Params { token, lease_ms };
        self.call_on::<String, _>(&self.beside, deadline, graph, "MoveRenew", &params).map(drop)
    }

    fn release(&self, graph: &str, token: u64) -> Result<()> {
        #[derive(Serialize)]
        struct Params {
            token: u64,
        }
        self.call::<String, _>(graph, "MoveRelease", &Params { token }).map(drop)
    }

    fn depart(&self, graph: &str, move_id: &str, departure: &Departure) -> Result<()> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            to: &'a str,
            token: u64,
            graph_id: u64,
            epoch: u64,
            sequence: u64,
        }
        let Departure { ref to, token, graph_id, epoch, sequence } = *departure;
        self.step(graph, "MoveDepart", &Params { move_id, to, token, graph_id, epoch, sequence }).map(drop)
    }

    fn admit(&self, graph: &str, move_id: &str, agreed: &Admission) -> Result<()> {
        self.admission(graph, move_id, agreed, None)
    }

    fn admit_as(
        &self,
        graph: &str,
        move_id: &str,
        agreed: &Admission,
        served: &str,
        replace: bool,
    ) -> Result<()> {
        self.admission(graph, move_id, agreed, Some((served, replace)))
    }

    fn checkpoint(&self) -> Result<()> {
        self.call_on::<String, _>(&self.client, CHECKPOINT, COMMONS, "Checkpoint", &()).map(drop)
    }

    fn drop_records(&self, graph: &str, move_id: &str) -> Result<()> {
        self.step(graph, "MoveDrop", &MoveId { move_id }).map(drop)
    }

    fn refuse(&self, graph: &str, move_id: &str, refusal: Refusal<'_>) -> Result<Look> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            role: &'a str,
            peer: &'a str,
            name_after: &'a str,
        }
        let Refusal { role, peer, name_after } = refusal;
        self.call(
            graph,
            "MoveRefuse",
            &Params { move_id, role: role.name(), peer, name_after: name_after.name() },
        )
    }

    fn come_back(&self, graph: &str, move_id: &str) -> Result<()> {
        self.step(graph, "MoveReturn", &MoveId { move_id }).map(drop)
    }

    fn export_service(&self) -> Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.runtime.block_on(Download::open_service(self.connect()?))?))
    }

    fn import_service(&self, input: &mut (dyn Read + Send)) -> Result<ServiceTaken> {
        upload_service(&self.runtime, &self.connect()?, input)
    }
}
