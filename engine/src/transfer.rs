//! Snapshots over the wire: exports read in pieces, imports written in pieces. They belong to their connection and
//! end with it; an import that was not committed leaves nothing.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use epistemic_protocol::ErrorCode;
use epistemic_storage::{
    GraphStore,
    graph::Graph,
    service::{self, Imported, ServiceError},
    snapshot::{self, Header, Ledger, SnapshotError, Totals},
};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    memory::{Accounts, Charge, NoRoom, Part},
    quotas::Place,
};

/// Transfers of one connection at a time.
const MAX_TRANSFERS: usize = 4;
/// Pieces that may wait between the two sides.
const PIECES: usize = 2;
const PIECE_BYTES: usize = 256 << 10;
/// What a transfer takes with its thread and its pieces, while no record is large.
const TRANSFER_BYTES: usize = 1 << 20;
/// What one that is received takes besides, until its records are in tables.
const LOADING_BYTES: usize = 10 << 20;
/// Pieces on their way to one that is received are no reason to refuse it room for a record.
const ON_THE_WAY: usize = 4 << 20;
/// Times its size that a large record takes: in storage's form, and in the buffer of its chunk.
const RECORD: usize = 2;

/// The transfers of a connection.
pub(crate) struct Transfers {
    /// Places that all connections share.
    places: Arc<Semaphore>,
    memory: Arc<Accounts>,
    /// Where the connection comes from.
    origin: Arc<str>,
    next: AtomicU64,
    exports: Mutex<HashMap<u64, Export>>,
    imports: Mutex<HashMap<u64, Import>>,
    /// Those that were ended because nobody went on with them.
    ended: Mutex<HashSet<u64>>,
}

/// Since when a transfer is open, and since when it waits for its next piece.
#[derive(Debug, Clone, Copy)]
struct Times {
    opened: Instant,
    used: Instant,
}

impl Times {
    fn now() -> Self {
        let now = Instant::now();
        Self { opened: now, used: now }
    }
}

/// What is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) count: u64,
    /// How long the oldest is open.
    pub(crate) oldest: Duration,
}

struct Export {
    _place: OwnedSemaphorePermit,
    /// What it is of; none of identities and channels.
    graph: Option<Arc<Graph>>,
    times: Times,
    pieces: Receiver<Vec<u8>>,
    rest: Vec<u8>,
    thread: JoinHandle<Result<(), TransferError>>,
    /// What it counts as for its tenant.
    _quota: Option<Place>,
}

struct Import {
    _place: OwnedSemaphorePermit,
    times: Times,
    pieces: SyncSender<Piece>,
    received: u64,
    /// The graph it was opened to replace.
    replaces: Option<String>,
    memory: Held,
    thread: JoinHandle<Result<Committed, TransferError>>,
    /// What it counts as for its tenant.
    _quota: Option<Place>,
}

/// What an import came to.
pub(crate) enum Committed {
    /// A graph, and its name.
    Graph(Header, Totals, String),
    /// Identities and channels.
    Service(Imported),
}

enum Piece {
    Data(Vec<u8>, Charge),
    Finish,
}

/// Why a step of a transfer failed; the transfer is over then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransferError {
    #[error("no such transfer on this connection: {0}")]
    Unknown(u64),
    #[error("transfer {0} was ended because nobody went on with it (--transfer-idle); begin again")]
    Ended(u64),
    #[error("this connection has {MAX_TRANSFERS} transfers already; finish or close one")]
    TooMany,
    #[error(
        "{code}: as many transfers are open as may be (--max-transfers), retry with backoff",
        code = ErrorCode::Busy
    )]
    Busy,
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(
        "{code}: the system gives the server no thread ({0}); nothing was done, retry with backoff",
        code = ErrorCode::Busy
    )]
    NoThread(#[source] io::Error),
    #[error("transfer thread: {0}")]
    Thread(String),
}

fn join<T>(thread: JoinHandle<Result<T, TransferError>>) -> Result<T, TransferError> {
    match thread.join() {
        Ok(result) => result,
        Err(_) => Err(TransferError::Thread("it panicked; see the server's log".into())),
    }
}

impl Transfers {
    pub(crate) fn new(places: Arc<Semaphore>, memory: Arc<Accounts>, origin: Arc<str>) -> Self {
        Self {
            places,
            memory,
            origin,
            next: AtomicU64::new(0),
            exports: Mutex::default(),
            imports: Mutex::default(),
            ended: Mutex::default(),
        }
    }

    /// Room for a new transfer.
    fn room(&self, base: usize) -> Result<Held, TransferError> {
        let mut charge = self.memory.open(Part::Transfers, &self.origin);
        charge.set(base)?;
        let charge = charge.beside(ON_THE_WAY);
        Ok(Arc::new(Mutex::new(Memory { charge, base, refused: None })))
    }

    /// The id of a new transfer, and its place.
    fn id(&self) -> Result<(u64, OwnedSemaphorePermit), TransferError> {
        if self.exports.lock().len() + self.imports.lock().len() >= MAX_TRANSFERS {
            return Err(TransferError::TooMany);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| TransferError::Busy)?;
        Ok((self.next.fetch_add(1, Ordering::Relaxed) + 1, place))
    }

    fn missing(&self, id: u64) -> TransferError {
        if self.ended.lock().contains(&id) { TransferError::Ended(id) } else { TransferError::Unknown(id) }
    }

    /// Ends the transfers that have waited for their next piece for more than `limit`; returns how many.
    pub(crate) fn end_idle(&self, limit: Duration) -> u64 {
        let mut ended = self.ended.lock();
        let before = ended.len();
        let is_idle = |times: &Times| times.used.elapsed() > limit;
        ended.extend(self.exports.lock().extract_if(|_, export| is_idle(&export.times)).map(|(id, _)| id));
        ended.extend(self.imports.lock().extract_if(|_, import| is_idle(&import.times)).map(|(id, _)| id));
        (ended.len() - before) as u64
    }

    /// What waits for its next piece.
    pub(crate) fn open(&self) -> Open {
        let mut opened: Vec<_> = self.exports.lock().values().map(|export| export.times.opened).collect();
        opened.extend(self.imports.lock().values().map(|import| import.times.opened));
        let oldest = opened.iter().map(Instant::elapsed).max().unwrap_or_default();
        Open { count: opened.len() as u64, oldest }
    }

    /// Begins an export of the graph as it is now.
    pub(crate) fn open_export(
        &self,
        graphs: &Arc<GraphStore>,
        graph: Arc<Graph>,
        ledger: Ledger,
        quota: Option<Place>,
    ) -> Result<(u64, Header), TransferError> {
        let (graphs, of) = (Arc::clone(graphs), Arc::clone(&graph));
        let (id, mut export) = self.begin(quota, move |out| {
            Ok(snapshot::export_parts(&graphs, &graph, ledger, out, &mut |_| {}).map(drop)?)
        })?;
        export.graph = Some(of);
        let header = snapshot::inspect(export.rest.as_slice())?;
        self.exports.lock().insert(id, export);
        Ok((id, header))
    }

    /// Begins an export of identities and channels as they are now.
    pub(crate) fn open_service_export(
        &self,
        graphs: &Arc<GraphStore>,
    ) -> Result<(u64, service::Header), TransferError> {
        let graphs = Arc::clone(graphs);
        let (id, export) = self.begin(None, move |out| Ok(service::export(&graphs, out).map(drop)?))?;
        let header = service::inspect(export.rest.as_slice())?;
        self.exports.lock().insert(id, export);
        Ok((id, header))
    }

    /// Starts the thread of an export and waits for its first bytes.
    fn begin(
        &self,
        quota: Option<Place>,
        work: impl FnOnce(PieceWriter) -> Result<(), TransferError> + Send + 'static,
    ) -> Result<(u64, Export), TransferError> {
        let (id, place) = self.id()?;
        let memory = self.room(TRANSFER_BYTES)?;
        let (sender, pieces) = sync_channel(PIECES);
        let thread = std::thread::Builder::new().name("export".into()).spawn(move || {
            let buffer = Vec::with_capacity(PIECE_BYTES);
            let done = work(PieceWriter { sender, buffer, memory: Arc::clone(&memory) });
            refused_or(done, &memory)
        });
        let thread = thread.map_err(TransferError::NoThread)?;
        let mut export = Export {
            _place: place,
            graph: None,
            _quota: quota,
            times: Times::now(),
            pieces,
            rest: Vec::new(),
            thread,
        };
        match export.pieces.recv() {
            Ok(first) => export.rest = first,
            Err(_) => return Err(join(export.thread).err().unwrap_or(TransferError::Unknown(id))),
        }
        Ok((id, export))
    }

    /// The next bytes of an export, at most `max`; none at its end, which closes it.
    pub(crate) fn read(&self, id: u64, max: usize) -> Result<Vec<u8>, TransferError> {
        let mut export = self.exports.lock().remove(&id).ok_or_else(|| self.missing(id))?;
        if export.rest.is_empty() {
            match export.pieces.recv() {
                Ok(piece) => export.rest = piece,
                Err(_) => return join(export.thread).map(|_| Vec::new()),
            }
        }
        let rest = export.rest.split_off(export.rest.len().min(max.max(1)));
        let piece = std::mem::replace(&mut export.rest, rest);
        export.times.used = Instant::now();
        self.exports.lock().insert(id, export);
        Ok(piece)
    }

    /// The graph that an export is of.
    pub(crate) fn exports(&self, id: u64) -> Option<Arc<Graph>> {
        self.exports.lock().get(&id)?.graph.clone()
    }

    /// Drops an export.
    pub(crate) fn close(&self, id: u64) -> Result<(), TransferError> {
        self.exports.lock().remove(&id).map(drop).ok_or(TransferError::Unknown(id))
    }

    /// Begins an import: starts the thread on which `work` takes in what is written. `replaces` is the graph whose place it is to
    /// take.
    pub(crate) fn open_import(
        &self,
        replaces: Option<String>,
        quota: Option<Place>,
        work: impl FnOnce(PieceReader) -> Result<Committed, TransferError> + Send + 'static,
    ) -> Result<u64, TransferError> {
        let (id, place) = self.id()?;
        let memory = self.room(TRANSFER_BYTES + LOADING_BYTES)?;
        let (pieces, receiver) = sync_channel(PIECES);
        let held = Arc::clone(&memory);
        let thread = std::thread::Builder::new().name("import".into()).spawn(move || {
            let done = work(PieceReader {
                pieces: receiver,
                current: io::Cursor::default(),
                charge: None,
                since: Arc::default(),
                memory: Arc::clone(&memory),
                finished: false,
            });
            refused_or(done, &memory)
        });
        let thread = thread.map_err(TransferError::NoThread)?;
        let import = Import {
            _place: place,
            _quota: quota,
            times: Times::now(),
            pieces,
            received: 0,
            replaces,
            memory: held,
            thread,
        };
        self.imports.lock().insert(id, import);
        Ok(id)
    }

    /// Hands the next bytes to an import; returns how many it has had.
    pub(crate) fn write(&self, id: u64, data: Vec<u8>) -> Result<u64, TransferError> {
        // Refused for want of room it can be sent again.
        let own = self.imports.lock().get(&id).map_or(0, |import| import.memory.lock().charge.bytes());
        let mut charge = self.memory.open(Part::Transfers, &self.origin).beside(own + ON_THE_WAY);
        charge.set(data.len())?;
        let mut import = self.imports.lock().remove(&id).ok_or_else(|| self.missing(id))?;
        import.received += data.len() as u64;
        if import.pieces.send(Piece::Data(data, charge)).is_err() {
            return Err(join(import.thread).err().unwrap_or(TransferError::Unknown(id)));
        }
        let received = import.received;
        import.times.used = Instant::now();
        self.imports.lock().insert(id, import);
        Ok(received)
    }

    /// The graph that an import is to replace, where its name was given.
    pub(crate) fn replaces(&self, id: u64) -> Option<String> {
        self.imports.lock().get(&id)?.replaces.clone()
    }

    /// Ends an import: the graph is checked as a whole, durable and visible on return, or refused.
    pub(crate) fn commit(&self, id: u64) -> Result<Committed, TransferError> {
        let import = self.imports.lock().remove(&id).ok_or_else(|| self.missing(id))?;
        // When the thread has given up already, its result says why.
        let _ = import.pieces.send(Piece::Finish);
        join(import.thread)
    }

    /// Drops an import and what it received.
    pub(crate) fn abort(&self, id: u64) -> Result<(), TransferError> {
        self.imports.lock().remove(&id).map(drop).ok_or(TransferError::Unknown(id))
    }
}

/// What a transfer holds, and why it got no more.
struct Memory {
    charge: Charge,
    /// While no record is large.
    base: usize,
    refused: Option<NoRoom>,
}

type Held = Arc<Mutex<Memory>>;

impl Memory {
    /// Makes the charge one for a record of so many bytes.
    fn hold_record(&mut self, bytes: usize) -> io::Result<()> {
        let large = if bytes > PIECE_BYTES { RECORD * bytes } else { 0 };
        self.charge.set(self.base + large).map_err(|no_room| {
            self.refused = Some(no_room);
            io::Error::other(no_room)
        })
    }
}

/// The outcome of a transfer; the lack of room as such, not as a failed read or write.
fn refused_or<T>(done: Result<T, TransferError>, memory: &Held) -> Result<T, TransferError> {
    match memory.lock().refused {
        Some(no_room) if done.is_err() => Err(no_room.into()),
        _ => done,
    }
}

struct PieceWriter {
    sender: SyncSender<Vec<u8>>,
    buffer: Vec<u8>,
    memory: Held,
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A large record goes out in several pieces: what waits for a slow reader stays small.
        let taken = bytes.len().min(PIECE_BYTES - self.buffer.len());
        if bytes.len() > PIECE_BYTES {
            self.memory.lock().hold_record(bytes.len())?;
        }
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE_BYTES));
        self.sender.send(piece).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// What is written to an import, as it arrives.
pub(crate) struct PieceReader {
    pieces: Receiver<Piece>,
    current: io::Cursor<Vec<u8>>,
    /// For the current piece.
    charge: Option<Charge>,
    /// Bytes read since a record was last given out.
    since: Arc<AtomicUsize>,
    memory: Held,
    finished: bool,
}

impl PieceReader {
    /// Bytes read since a record was last given out: to be set to 0 then, so that their room is given back.
    pub(crate) fn since_record(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.since)
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.current.read(buffer)?;
            if count > 0 || self.finished || buffer.is_empty() {
                let since = self.since.fetch_add(count, Ordering::Relaxed) + count;
                let mut memory = self.memory.lock();
                // The buffer of chunks does not shrink.
                if since > PIECE_BYTES && memory.base + RECORD * since > memory.charge.bytes() {
                    memory.hold_record(since)?;
                }
                return Ok(count);
            }
            match self.pieces.recv() {
                Ok(Piece::Data(data, charge)) => {
                    self.current = io::Cursor::new(data);
                    self.charge = Some(charge);
                }
                Ok(Piece::Finish) => self.finished = true,
                Err(_) => {
                    return Err(io::Error::new(
                        io::ErrorKind::ConnectionAborted,
                        "the import was aborted before it was committed",
                    ));
                }
            }
        }
    }
}
