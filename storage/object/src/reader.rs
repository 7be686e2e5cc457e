//! Reading a store beside its owner, which goes on and is not asked.

use std::{path::Path, sync::Arc, time::Duration};

use epistemic_storage::{
    Durability, Space, Store, StoreError, WriteBatch,
    backend::{BulkLoad, Cursor, KeyRange, Read, ScanOptions, StoreStats},
};
use slatedb::{
    DbReader, DbReaderBuilder, DbReaderMode,
    config::{CheckpointOptions, DbReaderOptions},
    db_cache::DbCache,
};

use crate::{
    Result,
    cursor::SlateCursor,
    error::of_slatedb,
    identity::{DATABASE, Identity},
    location::Location,
    points::{self, admin, patiently},
    read::{self, View},
    runtime::Runtime,
    settings::{self, READ_HOURS},
};

/// The reader looks for newer states at once unless it is to do so in more years than there are dates: it measures from the
/// first one. It must read one state.
const NEVER: Duration = Duration::from_secs(1_000_000_000_000_000);
/// Attempts to read the very state that was pinned; the owner changes it every few seconds.
const ATTEMPTS: usize = 20;
/// A request is repeated this often before a read fails.
const RETRIES: u32 = 5;
/// How long it may take to let go of the state. It lapses by itself.
const LETTING_GO: Duration = Duration::from_secs(10);

/// A state of a store that nobody changes: what was durable when it was opened, or a restore point. Takes no writes. Its owner
/// goes on and notices nothing.
pub struct SlateReader {
    location: Location,
    view: View<DbReader>,
    identity: Identity,
    /// The checkpoint that keeps the state, if it was made for this.
    pin: Option<uuid::Uuid>,
}

impl SlateReader {
    /// Opens the newest durable state of the store at a location, or its restore point of this name. The newest state is kept
    /// for two hours at most: what takes longer to read may fail. Writes one object, which tells the owner what to keep, unless
    /// it is a restore point. Blocks while the newest part of the log is read.
    ///
    /// # Errors
    /// [`StoreError::BadDirectory`] when there is no store, or no such restore point.
    pub fn open(location: &Location, point: Option<&str>, block_cache_bytes: usize) -> Result<Self> {
        let runtime = Arc::new(Runtime::start()?);
        let location = location.apart()?;
        let (place, point) = (location.clone(), point.map(str::to_owned));
        let opened = runtime.wait(async move {
            let identity = points::must_be_store(&place).await?;
            let opening = open(&place, point.as_deref(), block_cache_bytes);
            let (reader, pin) = Box::pin(patiently(&place, opening)).await?;
            Ok::<_, StoreError>((reader, pin, identity))
        })?;
        let (reader, pin, identity) = opened?;
        let url = location.url().into();
        let view = View { runtime, snapshot: Arc::new(reader), url };
        Ok(Self { location, view, identity, pin })
    }

    /// Its identity.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

async fn open(
    location: &Location,
    point: Option<&str>,
    cache_bytes: usize,
) -> Result<(DbReader, Option<uuid::Uuid>)> {
    let told = |error| of_slatedb(&location.url, &error);
    if let Some(point) = point {
        let checkpoint = points::must_find(location, point).await?;
        let reader = read(location, DbReaderMode::Checkpoint(checkpoint.id), cache_bytes).await?;
        return Ok((reader, None));
    }
    let admin = admin(location);
    for _ in 0..ATTEMPTS {
        let lifetime = Some(Duration::from_secs(READ_HOURS * 60 * 60));
        let options = CheckpointOptions { lifetime, ..CheckpointOptions::default() };
        let pin = admin.create_detached_checkpoint(&options).await.map_err(told)?;
        // With the log behind it, which a reader of the checkpoint would leave out.
        let reader = read(location, DbReaderMode::FollowLatest, cache_bytes).await?;
        if reader.manifest().id() == pin.manifest_id {
            return Ok((reader, Some(pin.id)));
        }
        reader.close().await.map_err(told)?;
        admin.delete_checkpoint(pin.id).await.map_err(told)?;
    }
    Err(StoreError::other(format!(
        "{} changes all the time: its state could not be held in {ATTEMPTS} attempts. Read a restore point",
        location.url
    )))
}

async fn read(location: &Location, mode: DbReaderMode, cache_bytes: usize) -> Result<DbReader> {
    build(location, builder(location, mode, settings::cache(cache_bytes))).await
}

/// A reader that stays with the state that it finds.
pub(crate) fn builder(
    location: &Location,
    mode: DbReaderMode,
    cache: Arc<dyn DbCache>,
) -> DbReaderBuilder<object_store::path::Path> {
    let options = DbReaderOptions {
        manifest_poll_interval: NEVER,
        object_store_max_retries: Some(RETRIES),
        ..DbReaderOptions::default()
    };
    DbReader::builder(location.path(DATABASE), location.objects.clone())
        .with_reader_mode(mode)
        .with_options(options)
        .with_db_cache(cache, 0)
}

pub(crate) async fn build(
    location: &Location,
    builder: DbReaderBuilder<object_store::path::Path>,
) -> Result<DbReader> {
    Box::pin(builder.build()).await.map_err(|error| of_slatedb(&location.url, &error))
}

impl Read for SlateReader {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.view.get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.view.contains(space, key)
    }

    fn multi_get(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.view.multi_get(space, keys)
    }

    fn multi_contains(&self, space: Space, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        self.view.multi_contains(space, keys)
    }

    fn scan<'a>(
        &'a self,
        space: Space,
        range: KeyRange,
        options: ScanOptions,
    ) -> Result<Box<dyn Cursor + 'a>> {
        Ok(Box::new(SlateCursor::new(self.view.clone(), space, &range, options)))
    }
}

impl Store for SlateReader {
    fn read_view(&self) -> Box<dyn Read + '_> {
        Box::new(self.view.clone())
    }

    /// # Errors
    /// Always [`StoreError::ReadOnly`].
    fn commit(&self, _batch: WriteBatch, _durability: Durability) -> Result<()> {
        Err(StoreError::ReadOnly)
    }

    fn accepts_writes(&self) -> Result<()> {
        Err(StoreError::ReadOnly)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn bulk_load(&self) -> Result<Box<dyn BulkLoad + '_>> {
        Err(StoreError::ReadOnly)
    }

    fn checkpoint(&self, _dir: &Path) -> Result<()> {
        Err(StoreError::Unsupported { backend: self.backend(), what: "checkpoint" })
    }

    /// Bytes as tables have them, without what is in the log alone.
    fn stats(&self) -> Result<StoreStats> {
        Ok(StoreStats {
            bytes: points::bytes(&self.view.snapshot.manifest()),
            sequence: self.view.snapshot.status().durable_seq,
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

    fn reads_wait(&self) -> bool {
        true
    }

    fn backend(&self) -> &'static str {
        "slatedb"
    }
}

impl Drop for SlateReader {
    fn drop(&mut self) {
        let (reader, location, pin) = (Arc::clone(&self.view.snapshot), self.location.clone(), self.pin);
        let done = self.view.runtime.start_work(async move {
            // It has nothing to lose.
            let _ = reader.close().await;
            if let Some(pin) = pin {
                let _ = admin(&location).delete_checkpoint(pin).await;
            }
        });
        if done.recv_timeout(LETTING_GO).is_err() {
            tracing::warn!(
                "the object store did not answer in time: {} keeps what was read for up to {READ_HOURS} hours",
                self.location.url
            );
        }
    }
}
