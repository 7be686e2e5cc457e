//! Restore points: checkpoints of SlateDB that have a name. Each keeps the objects that it needs.

use std::{sync::Arc, time::Duration};

use epistemic_storage::{RestorePoint, RestorePoints, StoreError};
use futures_util::{StreamExt, TryStreamExt, stream};
use slatedb::{
    Checkpoint, VersionedManifest,
    admin::Admin,
    config::{CheckpointOptions, CheckpointScope},
};

use crate::{
    Result,
    error::{of_slatedb, unusable},
    identity::{self, DATABASE, Found, Identity},
    location::Location,
    runtime::Runtime,
    store::SlateStore,
};

/// Manifests that are read at a time.
const AT_ONCE: usize = 32;
/// The database asks again without end; what is done beside a server is given up after this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The restore points of the store at a location, oldest first, whether a server owns it or not. Blocks.
///
/// # Errors
/// There is no store; an object store that does not answer.
pub fn list_points(location: &Location) -> Result<Vec<RestorePoint>> {
    beside(location, |place| async move { list(&place).await })
}

/// Gives up the restore point of this name, whether a server owns the store or not; one that is not there is fine. What
/// nothing else needs is removed by the owner later. Durable on return; blocks.
///
/// # Errors
/// As [`list_points`].
pub fn delete_point(location: &Location, name: &str) -> Result<()> {
    let name = name.to_owned();
    beside(location, |place| async move { delete(&place, &name).await })
}

/// Work on the store at a location that is no matter of its owner.
pub(crate) fn beside<T, W>(location: &Location, work: impl FnOnce(Location) -> W) -> Result<T>
where
    T: Send + 'static,
    W: Future<Output = Result<T>> + Send + 'static,
{
    let place = location.apart()?;
    let work = work(place.clone());
    Runtime::start()?.wait(async move {
        must_be_store(&place).await?;
        patiently(&place, work).await
    })?
}

/// Work that is given up when the object store does not answer.
pub(crate) async fn patiently<T>(location: &Location, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(StoreError::other(format!(
            "{} has not answered for {} s: look at the object store, and at what the credentials allow",
            location.url,
            PATIENCE.as_secs()
        ))),
    }
}

/// The identity of the store that lies there.
pub(crate) async fn must_be_store(location: &Location) -> Result<Identity> {
    match identity::look(location).await? {
        Found::Store(identity) => Ok(identity),
        Found::Unnamed => Err(unusable(
            &location.url,
            "it has a database and no identity.json: it is being made, or it lost that object, which says which store it is",
        )),
        Found::Nothing => Err(unusable(&location.url, "it holds no store")),
    }
}

pub(crate) fn admin(location: &Location) -> Admin {
    Admin::builder(location.path(DATABASE), location.objects.clone()).build()
}

/// The checkpoint of a restore point; none without one of this name.
pub(crate) async fn find(location: &Location, name: &str) -> Result<Option<Checkpoint>> {
    let found = admin(location).list_checkpoints(Some(name)).await;
    Ok(found.map_err(|error| of_slatedb(&location.url, &error))?.pop())
}

/// The checkpoint of a restore point that has to be there.
pub(crate) async fn must_find(location: &Location, name: &str) -> Result<Checkpoint> {
    find(location, name).await?.ok_or_else(|| {
        let url = &location.url;
        unusable(url, format!("it has no restore point '{name}' (egctl checkpoint list --store {url})"))
    })
}

pub(crate) async fn list(location: &Location) -> Result<Vec<RestorePoint>> {
    let told = |error| of_slatedb(&location.url, &error);
    let checkpoints = admin(location).list_checkpoints(None).await.map_err(told)?;
    let described = checkpoints.into_iter().map(|checkpoint| describe(location.clone(), checkpoint));
    let described: Vec<_> = stream::iter(described).buffered(AT_ONCE).try_collect().await?;
    let mut points: Vec<RestorePoint> = described.into_iter().flatten().collect();
    points.sort_by(|a, b| (a.created_ms, &a.name).cmp(&(b.created_ms, &b.name)));
    Ok(points)
}

/// The restore point that a checkpoint is; none for those of readers and clones, which have no name, and for one that was
/// deleted meanwhile. Reads its manifest.
async fn describe(location: Location, checkpoint: Checkpoint) -> Result<Option<RestorePoint>> {
    let Some(name) = checkpoint.name else { return Ok(None) };
    let manifest = admin(&location).read_manifest(Some(checkpoint.manifest_id)).await;
    let manifest = manifest.map_err(|error| of_slatedb(&location.url, &error))?;
    Ok(manifest.map(|manifest| RestorePoint {
        name,
        created_ms: u64::try_from(checkpoint.create_time.timestamp_millis()).unwrap_or(0),
        sequence: manifest.last_l0_seq(),
        bytes: bytes(&manifest),
    }))
}

pub(crate) async fn delete(location: &Location, name: &str) -> Result<()> {
    let Some(checkpoint) = find(location, name).await? else { return Ok(()) };
    let deleted = admin(location).delete_checkpoint(checkpoint.id).await;
    deleted.map_err(|error| of_slatedb(&location.url, &error))
}

/// Bytes of all tables of a state; an estimate.
pub(crate) fn bytes(manifest: &VersionedManifest) -> u64 {
    manifest.all_sst_views().map(|table| table.estimate_size()).sum()
}

/// Those of the owner. Work that waits for the object store for too long goes on and is not waited for.
impl SlateStore {
    fn in_time<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.closed()?;
        match self.runtime.start_work(work).recv_timeout(self.unreachable_after) {
            Ok(done) => done,
            Err(_) => Err(self.unreachable(self.unreachable_after)),
        }
    }
}

impl RestorePoints for SlateStore {
    fn create(&self, name: &str) -> Result<RestorePoint> {
        let (db, place, unwritten) = (self.db.clone(), self.location.clone(), Arc::clone(&self.unwritten));
        let name = name.to_owned();
        self.in_time(async move {
            let told = |error| of_slatedb(&place.url, &error);
            unwritten.write(&db).await.map_err(told)?;
            let options = CheckpointOptions { name: Some(name.clone()), ..CheckpointOptions::default() };
            db.create_checkpoint(CheckpointScope::All, &options).await.map_err(told)?;
            let made = must_find(&place, &name).await?;
            let made = describe(place, made).await?;
            made.ok_or_else(|| StoreError::other(format!("restore point '{name}' was made and is gone")))
        })
    }

    fn list(&self) -> Result<Vec<RestorePoint>> {
        let place = self.location.clone();
        self.in_time(async move { list(&place).await })
    }

    fn delete(&self, name: &str) -> Result<()> {
        let (place, name) = (self.location.clone(), name.to_owned());
        self.in_time(async move { delete(&place, &name).await })
    }
}
