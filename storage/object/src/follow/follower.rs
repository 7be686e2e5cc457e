//! Looking for newer states.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use epistemic_storage::{StoreError, backend::Read, graph::Graph};
use object_store::{Error, ObjectStoreExt};
use parking_lot::RwLock;
use slatedb::{DbReader, DbReaderMode, db_cache::DbCache};

use super::{
    log::Log,
    state::{Opened, State},
    store::FollowedStore,
};
use crate::{
    Result,
    error::{of_objects, unusable},
    identity::{DATABASE, Identity},
    lease::{self, Owner},
    location::Location,
    points,
    read::View,
    reader,
    runtime::Runtime,
    settings,
};

/// A state is opened anew after this time, though nothing was committed: the owner merges tables, and removes the old ones
/// hours later.
const REOPENED_EVERY: Duration = Duration::from_secs(10);
/// How long the object store may take to say whether there is anything new.
const LOOK: Duration = Duration::from_secs(2);
/// How long it may take to open a state. Parts of the log that are in tables are removed after a minute.
const OPENING: Duration = Duration::from_secs(20);

/// Follows a store. Its calls block, and give up after a while when the object store does not answer.
pub struct Follower {
    runtime: Arc<Runtime>,
    location: Location,
    identity: Identity,
    cache: Arc<dyn DbCache>,
    log: Arc<Log>,
    published: Arc<RwLock<Arc<State>>>,
    /// The last object of the log that the published state has.
    applied: Arc<AtomicU64>,
    reopened: Instant,
}

/// A newer state that was opened, and is not published yet.
pub struct Newer {
    opened: Arc<Opened>,
    published: Arc<RwLock<Arc<State>>>,
    applied: Arc<AtomicU64>,
    last: u64,
}

impl Newer {
    /// Its records.
    pub fn records(&self) -> &dyn Read {
        &self.opened.0
    }

    /// From now on all new reads are of it. Those graphs were deleted or replaced since the state before: who has one reads it as it
    /// was there.
    pub fn publish(&self, gone: &[Arc<Graph>]) {
        let mut published = self.published.write();
        *published = Arc::new(published.next(Arc::clone(&self.opened), gone));
        self.applied.store(self.last, SeqCst);
    }
}

impl Follower {
    /// Opens the newest durable state of the store at a location. `block_cache_bytes` of memory are for blocks that were read.
    ///
    /// # Errors
    /// [`StoreError::BadDirectory`] when there is no store.
    pub fn open(location: &Location, block_cache_bytes: usize) -> Result<(Self, FollowedStore)> {
        let runtime = Arc::new(Runtime::start()?);
        let log = Arc::new(Log::new(location)?);
        let cache = settings::cache(block_cache_bytes);
        let (place, shared, blocks) = (location.clone(), Arc::clone(&log), Arc::clone(&cache));
        let (identity, reader) = runtime.wait(async move {
            let identity = points::must_be_store(&place).await?;
            let opening = Box::pin(open(&place, shared, blocks));
            Ok::<_, StoreError>((identity, points::patiently(&place, opening).await?))
        })??;
        let view =
            View { runtime: Arc::clone(&runtime), snapshot: Arc::new(reader), url: location.url().into() };
        let state = State::first(Arc::new(Opened(view)));
        let published = Arc::new(RwLock::new(Arc::new(state)));
        let store = FollowedStore {
            published: Arc::clone(&published),
            requests: Arc::clone(&location.requests),
            log: Arc::clone(&log),
        };
        let (location, applied) = (location.clone(), Arc::new(AtomicU64::new(log.last())));
        let follower =
            Self { runtime, location, identity, cache, log, published, applied, reopened: Instant::now() };
        Ok((follower, store))
    }

    /// The identity of the store.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Looks for a newer state. Nothing, when the published one had everything that was durable when this was called.
    ///
    /// # Errors
    /// The object store does not answer; the store is another one by now. The next call tries again.
    pub fn look(&mut self) -> Result<Option<Newer>> {
        let reopen = self.reopened.elapsed() >= REOPENED_EVERY;
        if !reopen && !self.has_grown()? {
            return Ok(None);
        }
        let begun = Instant::now();
        let (place, log, cache) = (self.location.clone(), Arc::clone(&self.log), Arc::clone(&self.cache));
        let store_id = self.identity.store_id.clone();
        let opening = async move {
            must_be_the_same(&place, &store_id).await?;
            Box::pin(open(&place, log, cache)).await
        };
        let reader = self.in_time(OPENING, opening)?;
        // One object may have come while it was opened, which it has or not: then the next look finds out.
        let (manifest, sequence) = (reader.manifest().id(), reader.status().durable_seq);
        let url: Arc<str> = self.location.url().into();
        let view = View { runtime: Arc::clone(&self.runtime), snapshot: Arc::new(reader), url };
        let opened = Arc::new(Opened(view));
        let (published, applied) = (Arc::clone(&self.published), Arc::clone(&self.applied));
        let newer = Newer { opened, published, applied, last: self.log.last() };
        let (old_manifest, old_sequence) = {
            let state = Arc::clone(&self.published.read());
            let old = &state.newest.0.snapshot;
            (old.manifest().id(), old.status().durable_seq)
        };
        if sequence < old_sequence || manifest < old_manifest {
            return Err(unusable(
                &self.location.url,
                format!(
                    "its newest state ({manifest}, {sequence}) is older than the one that is read ({old_manifest}, {old_sequence})"
                ),
            ));
        }
        self.reopened = begun;
        if sequence == old_sequence {
            newer.publish(&[]);
            return Ok(None);
        }
        Ok(Some(newer))
    }

    /// Who has the lease of the store, if anybody does.
    ///
    /// # Errors
    /// The object store does not answer, or the object is damaged.
    pub fn owner(&self) -> Result<Option<Owner>> {
        let place = self.location.clone();
        self.in_time(LOOK, async move { lease::newest(place).await })
    }

    /// Whether the log has an object behind those that the published state has.
    fn has_grown(&self) -> Result<bool> {
        let next = self.applied.load(SeqCst) + 1;
        let place = self.location.clone();
        self.in_time(LOOK, async move {
            let name = format!("{DATABASE}/wal/{next:020}.sst");
            match place.objects.head(&place.path(&name)).await {
                Ok(_) => Ok(true),
                Err(Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(of_objects(&place.url, &name, &error)),
            }
        })
    }

    fn in_time<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let done = self.runtime.wait(async move { tokio::time::timeout(limit, work).await })?;
        done.unwrap_or_else(|_| {
            let detail = format!("{}: no answer within {} s", self.location.url, limit.as_secs());
            Err(StoreError::Unreachable { detail })
        })
    }
}

async fn open(location: &Location, log: Arc<Log>, cache: Arc<dyn DbCache>) -> Result<DbReader> {
    let builder = reader::builder(location, DbReaderMode::FollowLatest, cache).with_wal_reader(log);
    reader::build(location, builder).await
}

/// Another store may have been put in its place: its log would be taken for the rest of this one's.
async fn must_be_the_same(location: &Location, store_id: &str) -> Result<()> {
    let found = Identity::read(location).await?;
    match found {
        Some(found) if found.store_id == store_id => Ok(()),
        Some(found) => Err(unusable(
            &location.url,
            format!(
                "it holds the store {} now, and {store_id} was followed: start this server anew",
                found.store_id
            ),
        )),
        None => Err(unusable(&location.url, format!("the store {store_id} has no identity.json any more"))),
    }
}
