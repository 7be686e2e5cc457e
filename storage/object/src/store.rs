//! The store.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use epistemic_storage::{
    Durability, RestorePoints, Space, Store, StoreError, WriteBatch,
    backend::{BulkLoad, Cursor, GroupLimits, KeyRange, Read, RemoteActivity, ScanOptions, StoreStats},
};
use parking_lot::{Mutex, RwLock};
use slatedb::{CloseReason, Db, SstBlockSize, config::ScanOptions as SlateScan};

use crate::{
    Result,
    bulk::SlateBulk,
    clone, commit,
    error::{fenced, of_slatedb, unusable},
    flusher::{self, Unwritten},
    identity::{self, DATABASE, Found, Identity},
    keys::Stretch,
    location::Location,
    points, probe,
    read::{self, View},
    runtime::Runtime,
    settings,
};

/// Records that a commit removes from a range that may be removed in parts.
const TOMBSTONES: usize = 10_000;
/// Clients that wait for each write are given this time to send the next one, a part of what a commit takes.
const GATHER: Duration = Duration::from_micros(500);
/// How long closing may take. What was acknowledged is durable without it.
const CLOSING: Duration = Duration::from_secs(10);

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for blocks, indexes and filters that were read, bytes.
    pub block_cache_bytes: usize,
    /// After this time without an answer the object store counts as unreachable: further commits are refused, the one that
    /// waits goes on waiting.
    pub unreachable_after: Duration,
    /// That the object store was tried out already ([`SlateStore::try_out`]): it is not a second time.
    pub tried_out: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { block_cache_bytes: 64 << 20, unreachable_after: Duration::from_secs(10), tried_out: false }
    }
}

/// A store below a prefix of an object store, owned by this process until another one opens it. Dropping it closes it, which
/// may take some seconds.
pub struct SlateStore {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) db: Db,
    pub(crate) location: Location,
    identity: Identity,
    url: Arc<str>,
    pub(crate) unreachable_after: Duration,
    /// The newest durable state: what all reads see.
    published: RwLock<View>,
    /// Number of the newest durable commit.
    sequence: AtomicU64,
    pub(crate) unwritten: Arc<Unwritten>,
    /// Held while a commit is written, flushed and published: one state is published after the other.
    commits: Mutex<()>,
    /// Since when a commit waits for the object store.
    waits_since: Mutex<Option<Instant>>,
}

impl SlateStore {
    /// Opens the store at a location and takes it over from an owner that may still run; creates it where nothing is. Replays
    /// the log of the last run; blocks.
    ///
    /// # Errors
    /// [`StoreError::BadDirectory`] when the object store lacks conditional writes, or the location holds something else, a
    /// store of another version, or one that lost its records.
    pub fn open(location: &Location, options: &Options) -> Result<Self> {
        let runtime = Arc::new(Runtime::start()?);
        let (place, how) = (location.clone(), options.clone());
        let (db, identity) = runtime.wait(async move { Box::pin(open(&place, &how)).await })??;
        let url: Arc<str> = location.url().into();
        let snapshot = db.snapshot().map_err(|error| of_slatedb(&url, &error))?;
        let sequence = AtomicU64::new(snapshot.seq());
        let view = View { runtime: Arc::clone(&runtime), snapshot, url: Arc::clone(&url) };
        let unwritten = Arc::new(Unwritten::default());
        // Nobody waits for it: it ends with the database.
        drop(runtime.start_work(flusher::keep_log_short(db.clone(), Arc::clone(&unwritten))));
        Ok(Self {
            runtime,
            db,
            location: location.clone(),
            identity,
            url,
            unreachable_after: options.unreachable_after,
            published: RwLock::new(view),
            sequence,
            unwritten,
            commits: Mutex::new(()),
            waits_since: Mutex::new(None),
        })
    }

    /// Tries out whether the object store does what a store on it rests on, on objects that are deleted again. Blocks.
    ///
    /// # Errors
    /// [`StoreError::BadDirectory`], which names what it does not do, or what else lies at the location; an object store that
    /// does not answer.
    pub fn try_out(location: &Location) -> Result<()> {
        let location = location.apart()?;
        Runtime::start()?.wait(async move {
            identity::look(&location).await?;
            probe::probe(&location).await
        })?
    }

    /// The epoch that this opening has claimed: later ones have higher numbers.
    pub fn epoch(&self) -> u64 {
        self.db.manifest().writer_epoch()
    }

    /// Its identity.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    fn view(&self) -> View {
        self.published.read().clone()
    }

    /// Why the database is closed, if it is.
    pub(crate) fn closed(&self) -> Result<()> {
        match self.db.status().close_reason {
            None => Ok(()),
            Some(CloseReason::Fenced) => Err(fenced(&self.url)),
            Some(reason) => {
                Err(StoreError::other(format!("the database at {} is closed: {reason:?}", self.url)))
            }
        }
    }

    pub(crate) fn unreachable(&self, waited: Duration) -> StoreError {
        let mut detail =
            format!("a write to {} has waited for {} s for its answer", self.url, waited.as_secs());
        let begun = Instant::now().checked_sub(waited);
        if let Some(why) = begun.and_then(|begun| self.location.requests.why_no_put(begun)) {
            detail += &format!("; it was refused last with: {why}");
        }
        StoreError::Unreachable { detail }
    }

    /// Writes changes and makes them durable; returns the number of the commit.
    fn write(&self, changes: slatedb::WriteBatch) -> Result<u64> {
        *self.waits_since.lock() = Some(Instant::now());
        let db = self.db.clone();
        let written = self.runtime.wait(write_durably(db, changes));
        *self.waits_since.lock() = None;
        written?.map_err(|error| of_slatedb(&self.url, &error))
    }
}

async fn write_durably(db: Db, changes: slatedb::WriteBatch) -> Result<u64, slatedb::Error> {
    let written = db.write(changes).await?;
    db.flush().await?;
    Ok(written.seqnum())
}

/// What lies there, checked, and opened.
async fn open(location: &Location, options: &Options) -> Result<(Db, Identity)> {
    let found = identity::look(location).await?;
    if found == Found::Unnamed && clone::is_clone(location).await? {
        return Err(unusable(
            &location.url,
            "a clone without identity.json lies there: run the 'egctl checkpoint restore' that was cut off again, or bring that \
             object back",
        ));
    }
    if !options.tried_out {
        probe::probe(location).await?;
    }
    let builder = Db::builder(location.path(DATABASE), Arc::clone(&location.objects))
        .with_settings(settings::settings(location.replaces))
        .with_sst_block_size(SstBlockSize::Block8Kib)
        .with_db_cache(settings::cache(options.block_cache_bytes), 0);
    let db = Box::pin(builder.build()).await.map_err(|error| of_slatedb(&location.url, &error))?;
    let identity = match found {
        Found::Store(identity) => identity,
        Found::Nothing => Identity::create(location).await?,
        Found::Unnamed => {
            if !is_empty(&db).await.map_err(|error| of_slatedb(&location.url, &error))? {
                // It must not look like a store that this process owns.
                let _ = db.close().await;
                return Err(unusable(
                    &location.url,
                    "it has records and no identity.json: bring that object back, it says which store this is",
                ));
            }
            Identity::create(location).await?
        }
    };
    Ok((db, identity))
}

async fn is_empty(db: &Db) -> Result<bool, slatedb::Error> {
    let Stretch { start, end } = Stretch::everything();
    let mut all = db.scan_with_options(start..end, &SlateScan::default()).await?;
    Ok(all.next().await?.is_none())
}

impl Read for SlateStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.view().get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.view().contains(space, key)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.view().multi_get(space, keys)
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.view().multi_contains(space, keys)
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(Box::new(crate::cursor::SlateCursor::new(self.view(), space, &range, options)))
    }
}

impl Store for SlateStore {
    fn read_view(&self) -> Box<dyn Read + '_> {
        Box::new(self.view())
    }

    /// Durable on return, whatever was asked for. Waits as long as the object store does not answer.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when another commit has waited for too long; [`StoreError::Fenced`].
    fn commit(&self, batch: WriteBatch, _durability: Durability) -> Result<()> {
        self.closed()?;
        if batch.is_empty() {
            return Ok(());
        }
        let Some(_one_at_a_time) = self.commits.try_lock_for(self.unreachable_after) else {
            return Err(self.unreachable(self.unreachable_after));
        };
        let changes = commit::changes(&batch, &self.view())?;
        // A range without records leaves nothing to do.
        if changes.is_empty() {
            return Ok(());
        }
        let sequence = self.write(changes)?;
        let snapshot = self.db.snapshot().map_err(|error| of_slatedb(&self.url, &error))?;
        self.published.write().snapshot = snapshot;
        self.sequence.store(sequence, Relaxed);
        self.unwritten.add(batch.bytes() as u64);
        Ok(())
    }

    /// Large: a commit takes as long, and costs as much, with one write as with thousands.
    fn group_limits(&self) -> GroupLimits {
        GroupLimits {
            writes: 16_384,
            bytes: 8 << 20,
            changes: 100_000,
            writes_of_one: 16_384,
            bytes_of_one: 8 << 20,
            gather: GATHER,
        }
    }

    fn accepts_writes(&self) -> Result<()> {
        self.closed()?;
        match self.waits_since.lock().map(|since| since.elapsed()) {
            Some(waited) if waited >= self.unreachable_after => Err(self.unreachable(waited)),
            Some(_) | None => Ok(()),
        }
    }

    fn sync(&self) -> Result<()> {
        self.closed()
    }

    /// # Errors
    /// [`StoreError::Unreachable`] when the object store does not answer in time; it is done later then.
    fn flush(&self) -> Result<()> {
        let (db, unwritten) = (self.db.clone(), Arc::clone(&self.unwritten));
        let written = self.runtime.start_work(async move { unwritten.write(&db).await });
        match written.recv_timeout(self.unreachable_after) {
            Ok(written) => written.map_err(|error| of_slatedb(&self.url, &error)),
            Err(_) => Err(self.unreachable(self.unreachable_after)),
        }
    }

    fn bulk_load(&self) -> Result<Box<dyn BulkLoad + '_>> {
        Ok(Box::new(SlateBulk::new(self)))
    }

    fn checkpoint(&self, _dir: &Path) -> Result<()> {
        Err(StoreError::Unsupported { backend: self.backend(), what: "checkpoint" })
    }

    fn restore_points(&self) -> Option<&dyn RestorePoints> {
        Some(self)
    }

    fn remote_activity(&self) -> Option<RemoteActivity> {
        Some(RemoteActivity {
            requests: self.location.requests.totals(),
            log_objects: self.unwritten.commits(),
        })
    }

    /// Bytes as tables have them, and what is in the log alone.
    fn stats(&self) -> Result<StoreStats> {
        Ok(StoreStats {
            bytes: points::bytes(&self.db.manifest()) + self.unwritten.bytes(),
            sequence: self.sequence.load(Relaxed),
            write_buffer_bytes: self.unwritten.bytes(),
            ..StoreStats::default()
        })
    }

    /// Exact: it reads the range.
    fn size_of(&self, space: Space, range: KeyRange) -> Result<u64> {
        read::size_of(self, space, range)
    }

    fn verify(&self) -> Result<()> {
        read::all(self)
    }

    fn range_removal_limit(&self) -> Option<usize> {
        Some(TOMBSTONES)
    }

    fn reads_wait(&self) -> bool {
        true
    }

    fn backend(&self) -> &'static str {
        "slatedb"
    }
}

impl Drop for SlateStore {
    fn drop(&mut self) {
        let db = self.db.clone();
        let closed = self.runtime.start_work(async move { db.close().await });
        match closed.recv_timeout(CLOSING) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database was not closed in order; nothing acknowledged is lost")
            }
            Err(_) => tracing::warn!("the object store did not answer in time; nothing acknowledged is lost"),
        }
    }
}
