//! A stopped persist directory, or a store in memory, as a party of a move.

use std::{
    error::Error,
    io::{self, BufWriter, PipeReader, PipeWriter, Read},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use anyhow::Result;
use epistemic_router::status::{GraphSizes, GraphStats};
use epistemic_storage::{
    Durability, GraphStore,
    channels::{Channels, Keep},
    datadir::{DataDir, create_checkpoint},
    graph::{Changes, Departure, Fenced, Graph, GraphError, MoveOp, MoveView, Op, Origin, Rename},
    identities::Identities,
    service,
    snapshot::{self, ImportTarget},
};

use super::party::{Admission, Changed, Content, Export, Look, Party, Refusal, Status};
use crate::remote::ServiceTaken;

/// Graphs of a store that this process has to itself, under the name of the endpoint that will serve them.
pub struct DirectoryParty {
    endpoint: String,
    graphs: Arc<GraphStore>,
    owner: Option<DataDir>,
}

impl DirectoryParty {
    /// The graphs of `endpoint`, opened for writing, and the lock of their directory, if they have one.
    pub fn new(endpoint: impl Into<String>, graphs: Arc<GraphStore>, owner: Option<DataDir>) -> Self {
        Self { endpoint: endpoint.into(), graphs, owner }
    }

    fn graph(&self, name: &str) -> Result<Arc<Graph>, GraphError> {
        self.graphs.graph_in_any_state(name)
    }

    fn step(&self, graph: &str, step: MoveOp) -> Result<()> {
        self.graphs.write(graph, Op::Move(step))?;
        Ok(())
    }
}

impl Party for DirectoryParty {
    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn is_guarded(&self) -> Result<bool> {
        Ok(Identities::open(&*self.graphs, Durability::Sync)?.any())
    }

    fn status(&self, graph: &str) -> Result<Option<Status>> {
        Ok(self.graph(graph).ok().map(|graph| Status::of(&self.graphs, &graph)))
    }

    fn look(&self, graph: &str, move_id: &str) -> Result<Look> {
        let MoveView { graph, record } = self.graphs.look_at_move(graph, move_id)?;
        let graph = graph.map(|graph| Status::of(&self.graphs, &graph));
        Ok(Look { graph, outcome: record.map(Into::into) })
    }

    fn export(&self, graph: &str) -> Result<Export> {
        let (graphs, graph) = (Arc::clone(&self.graphs), self.graphs.graph(graph)?);
        let origin = Origin { graph_id: graph.id().number(), epoch: graph.epoch() };
        let stream =
            Stream::of(move |writer| Ok(snapshot::export(&graphs, &graph, writer, &mut |_| {}).map(drop)?))?;
        Ok(Export { origin, stream: Box::new(stream) })
    }

    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Changes> {
        Ok(self.graphs.changes(&*self.graph(graph)?, after, max_bytes)?)
    }

    fn content(&self, graph: &str) -> Result<Content> {
        let graph = self.graph(graph)?;
        let (header, totals) = snapshot::content_digest_of(&self.graphs, &graph)?;
        Ok(Content {
            graph_id: graph.id().number(),
            sequence: header.sequence,
            nodes: totals.nodes,
            edges: totals.edges,
            ledger: totals.ledger,
            vectors: totals.vectors,
            bytes: totals.bytes,
            digest: totals.digest,
        })
    }

    fn changed(&self, graph: &str, after: u64) -> Result<Changed> {
        let graph = self.graph(graph)?;
        let changed = self.graphs.tail_digest(&graph, after)?;
        let state = changed.counters;
        Ok(Changed {
            graph_id: graph.id().number(),
            sequence: state.sequence,
            nodes: state.nodes,
            edges: state.edges,
            vectors: state.vectors,
            digest: changed.digest,
        })
    }

    fn arrive(&self, graph: &str, move_id: &str, from: &str) -> Result<()> {
        self.step(graph, MoveOp::Arrive { move_id: move_id.into(), from: from.into() })
    }

    fn fill(
        &self,
        graph: &str,
        move_id: &str,
        origin: Option<Origin>,
        input: &mut (dyn Read + Send),
        sent: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let (name, move_id) = (Some(graph.to_owned()), Some(move_id.to_owned()));
        let target = ImportTarget { name, replace: false, move_id, origin };
        let mut counted = Counting { input, bytes: 0, sent };
        snapshot::import(&self.graphs, &mut counted, &target, &mut |_| {})?;
        Ok(())
    }

    fn replay(
        &self,
        graph: &str,
        move_id: &str,
        copy: Option<u64>,
        records: &[(u64, Vec<u8>)],
    ) -> Result<u64> {
        self.step(graph, MoveOp::Replay { move_id: move_id.into(), copy, records: records.to_vec() })?;
        Ok(self.graph(graph)?.counters().sequence)
    }

    fn fence(&self, graph: &str, move_id: &str, to: &str, lease_ms: u64) -> Result<Fenced> {
        Ok(self.graphs.fence(graph, move_id, to, Duration::from_millis(lease_ms))?)
    }

    fn renew(&self, graph: &str, token: u64, lease_ms: u64) -> Result<()> {
        Ok(self.graphs.renew_fence(graph, token, Duration::from_millis(lease_ms))?)
    }

    fn release(&self, graph: &str, token: u64) -> Result<()> {
        self.graphs.unfence(graph, token);
        Ok(())
    }

    fn depart(&self, graph: &str, move_id: &str, departure: &Departure) -> Result<()> {
        self.step(graph, MoveOp::Depart { move_id: move_id.into(), departure: departure.clone() })
    }

    fn admit(&self, graph: &str, move_id: &str, agreed: &Admission) -> Result<()> {
        let Admission { copy, sequence, epoch } = *agreed;
        self.step(graph, MoveOp::Admit { move_id: move_id.into(), copy, sequence, epoch, rename: None })
    }

    fn admit_as(
        &self,
        graph: &str,
        move_id: &str,
        agreed: &Admission,
        served: &str,
        replace: bool,
    ) -> Result<()> {
        let Admission { copy, sequence, epoch } = *agreed;
        let rename = Some(Rename { name: served.into(), replace });
        self.step(graph, MoveOp::Admit { move_id: move_id.into(), copy, sequence, epoch, rename })
    }

    fn checkpoint(&self) -> Result<()> {
        let Some(owner) = &self.owner else { return Ok(()) };
        // The server that opens the directory thins them out.
        create_checkpoint(owner, self.graphs.store(), usize::MAX)?;
        Ok(())
    }

    fn drop_records(&self, graph: &str, move_id: &str) -> Result<()> {
        self.step(graph, MoveOp::Drop { move_id: move_id.into() })
    }

    fn refuse(&self, graph: &str, move_id: &str, refusal: Refusal<'_>) -> Result<Look> {
        let Refusal { role, peer, name_after } = refusal;
        self.step(graph, MoveOp::Refuse { move_id: move_id.into(), role, peer: peer.into(), name_after })?;
        self.look(graph, move_id)
    }

    fn come_back(&self, graph: &str, move_id: &str) -> Result<()> {
        self.step(graph, MoveOp::Return { move_id: move_id.into() })
    }

    fn export_service(&self) -> Result<Box<dyn Read + Send>> {
        let graphs = Arc::clone(&self.graphs);
        Ok(Box::new(Stream::of(move |writer| Ok(service::export(&graphs, writer).map(drop)?))?))
    }

    fn import_service(&self, input: &mut (dyn Read + Send)) -> Result<ServiceTaken> {
        // What is there is kept, whatever the server will keep of it.
        let keep = Keep { messages: u64::MAX, bytes: u64::MAX };
        let identities = Identities::open(&*self.graphs, Durability::Sync)?;
        let channels = Channels::open(&*self.graphs, keep, Durability::Sync)?;
        let wanted = service::Wanted { identities: true, channels: true };
        let all = |_: &str, _: &_| Ok(());
        let (_, _, taken) = service::import(&identities, &channels, input, wanted, all)?;
        let service::Imported { identities, other_identities, channels, other_channels } = taken;
        Ok(ServiceTaken { identities, other_identities, channels, other_channels })
    }
}

/// A graph of an open store as `GraphStats` lists it. With `sizes` it blocks on disk.
pub fn stats_of(graphs: &GraphStore, graph: &Graph, sizes: bool) -> GraphStats {
    // Damage that is found on the way shows as quarantine.
    let changed_ms = if sizes { graphs.changed_ms(graph).ok().flatten() } else { None };
    let sizes = if sizes { graphs.sizes_of(graph).ok() } else { None };
    let sizes = sizes.map(|sizes| {
        let epistemic_storage::graph::GraphSizes { nodes, edges, labels, ledger, vectors } = sizes;
        GraphSizes { nodes, edges, labels, ledger, vectors }
    });
    let state = graph.counters();
    GraphStats {
        name: graph.name().to_string(),
        kind: graph.kind().name().to_owned(),
        owner: graph.owner().map(|owner| owner.to_string()),
        tenant: graph.tenant().map(str::to_owned),
        nodes: state.nodes,
        edges: state.edges,
        sequence: state.sequence,
        ledger_from: Some(state.complete_from),
        ledger_keep: graph.ledger_keep().map(|keep| keep.to_string()),
        quarantined: graph.quarantined().map(str::to_owned),
        bytes: sizes.map(|sizes| sizes.total()),
        sizes,
        changed_ms,
    }
}

/// The reading end of an export on a thread of its own. At the end of the stream it tells what became of the export.
pub(crate) struct Stream {
    /// Closed before the end of the thread is waited for.
    reader: Option<PipeReader>,
    thread: Option<JoinHandle<Result<(), Failed>>>,
}

/// Why an export came to nothing.
pub(crate) type Failed = Box<dyn Error + Send + Sync>;

impl Stream {
    /// Begins the export.
    pub(crate) fn of(
        export: impl FnOnce(BufWriter<PipeWriter>) -> Result<(), Failed> + Send + 'static,
    ) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let thread = std::thread::Builder::new()
            .name("export".into())
            .spawn(move || export(BufWriter::with_capacity(256 << 10, writer)))?;
        Ok(Self { reader: Some(reader), thread: Some(thread) })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.as_mut().map_or(Ok(0), |reader| reader.read(buffer))?;
        if count == 0
            && !buffer.is_empty()
            && let Some(thread) = self.thread.take()
        {
            let done = thread.join().map_err(|_| io::Error::other("the export panicked"))?;
            done.map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

/// The export ends at its next write when nobody reads on. The store must not be in use when the process ends.
impl Drop for Stream {
    fn drop(&mut self) {
        self.reader = None;
        if let Some(thread) = self.thread.take() {
            // Nobody asked for the end of the stream.
            let _ = thread.join();
        }
    }
}

struct Counting<'i> {
    input: &'i mut (dyn Read + Send),
    bytes: u64,
    sent: &'i mut dyn FnMut(u64),
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes += count as u64;
        (self.sent)(self.bytes);
        Ok(count)
    }
}
