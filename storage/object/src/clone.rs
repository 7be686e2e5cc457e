//! Clones: a new store out of a restore point of another, in the time of a few requests. Tables are not copied: the clone reads
//! those of its source, and keeps them there, until its own compactions have replaced them all.
//!
//! The steps, each durable before the next: a manifest of the clone that counts for nothing yet; a checkpoint in the source that
//! keeps the tables; the rest of the log, copied; the manifest once more, whole; `restored.json`; `identity.json`. Without the
//! last one no server opens it, and the same clone made again goes on where the first one ended.

use bytes::Bytes;
use epistemic_storage::{Restored, StoreError};
use futures_util::{StreamExt, TryStreamExt};
use object_store::{Error, ObjectStoreExt, PutPayload};
use slatedb::{Checkpoint, CloneSourceSpec};

use crate::{
    Result,
    error::{of_objects, of_slatedb, unusable},
    identity::{self, DATABASE, Found, Identity, Origin},
    lease::{Claim, LOOK_EVERY, Look},
    location::Location,
    points::{self, admin, patiently},
    runtime::Runtime,
};

const RESTORED: &str = "restored.json";

/// Makes a store below `to`, where nothing may lie but an unfinished clone of the same restore point, out of a restore point of
/// the store below `from`; that may have an owner, which is not disturbed. It has an identity of its own. Both must be in one
/// bucket. Durable on return; blocks for some requests, whatever the size.
///
/// # Errors
/// [`StoreError::BadDirectory`]: there is no such store or restore point, something lies below `to`, or it is in another bucket.
pub fn clone_point(from: &Location, point: &str, to: &Location) -> Result<Identity> {
    if !from.is_beside(to) {
        let wanted = "a clone lies in the bucket of its source, with the same endpoint; to copy a store into another bucket \
                      use egctl backup";
        return Err(unusable(&to.url, wanted));
    }
    if from.prefix.prefix_matches(&to.prefix) || to.prefix.prefix_matches(&from.prefix) {
        return Err(unusable(&to.url, format!("one of it and {} lies within the other", from.url)));
    }
    let (from, point, to) = (from.apart()?, point.to_owned(), to.apart()?);
    Runtime::start()?.wait(async move {
        let source = points::must_be_store(&from).await?;
        let cloning = make(&from, source, &point, &to);
        Box::pin(patiently(&to, cloning)).await
    })?
}

async fn make(from: &Location, source: Identity, point: &str, to: &Location) -> Result<Identity> {
    let checkpoint = points::must_find(from, point).await?;
    match identity::look(to).await? {
        Found::Nothing => {}
        Found::Store(there) => {
            return Err(unusable(
                &to.url,
                format!("it holds the store {}: take an empty prefix", there.store_id),
            ));
        }
        Found::Unnamed if is_begun(from, &checkpoint, to).await? => {}
        Found::Unnamed => {
            return Err(unusable(
                &to.url,
                "a database lies there that is no clone of it: take an empty prefix",
            ));
        }
    }
    let spec = CloneSourceSpec::with_checkpoint(from.path(DATABASE), checkpoint.id);
    let cloned = Box::pin(admin(to).create_clone_builder_from_source(spec).build()).await;
    cloned.map_err(|error| of_slatedb(&to.url, &error))?;
    let taken_ms = u64::try_from(checkpoint.create_time.timestamp_millis()).unwrap_or(0);
    let note = Restored::now(format!("restore point {point} of {}", from.url), Some(taken_ms));
    let text = serde_json::to_vec_pretty(&note).map_err(|error| StoreError::other(error.to_string()))?;
    let noted = to.objects.put(&to.path(RESTORED), PutPayload::from(Bytes::from(text))).await;
    noted.map_err(|error| of_objects(&to.url, RESTORED, &error))?;
    let origin =
        Origin { store_id: source.store_id, url: from.url.clone(), point: point.to_owned(), taken_ms };
    let identity = Identity::new(Some(origin));
    // An attempt whose answer was lost has written it too.
    if identity.write(to).await? || Identity::read(to).await?.as_ref() == Some(&identity) {
        return Ok(identity);
    }
    Err(unusable(&to.url, "another process has made a store there meanwhile"))
}

/// Whether the database there, which has no identity, reads tables of another one.
pub(crate) async fn is_clone(location: &Location) -> Result<bool> {
    let manifest = admin(location).read_manifest(None).await;
    let manifest = manifest.map_err(|error| of_slatedb(&location.url, &error))?;
    Ok(manifest.is_some_and(|manifest| !manifest.initialized() || !manifest.external_dbs().is_empty()))
}

/// Whether what lies there is a clone of this very restore point that nobody has opened yet.
async fn is_begun(from: &Location, checkpoint: &Checkpoint, to: &Location) -> Result<bool> {
    let there = admin(to).read_manifest(None).await.map_err(|error| of_slatedb(&to.url, &error))?;
    let kept = admin(from).read_manifest(Some(checkpoint.manifest_id)).await;
    let kept = kept.map_err(|error| of_slatedb(&from.url, &error))?;
    let (Some(there), Some(kept)) = (there, kept) else { return Ok(false) };
    let source = from.path(DATABASE).to_string();
    let is_of_it = there
        .external_dbs()
        .iter()
        .any(|source_of| source_of.path == source && source_of.source_checkpoint_id == checkpoint.id);
    // Who opens it to write counts this up.
    Ok(is_of_it && there.writer_epoch() == kept.writer_epoch())
}

/// Removes a store that is a clone: first what it has its source keep, last its identity. Made again it goes on where it ended.
/// Blocks while all objects are deleted, and before for up to 3 s, to see whether a server runs on it.
///
/// # Errors
/// [`StoreError::BadDirectory`] when it is no clone, or has an owner.
pub fn discard_clone(location: &Location) -> Result<()> {
    match Identity::load(location)? {
        Some(Identity { cloned: Some(_), .. }) => {}
        Some(_) => return Err(unusable(&location.url, "it is no clone: nothing was deleted")),
        None => return Err(unusable(&location.url, "it holds no store")),
    }
    has_no_owner(location)?;
    let place = location.apart()?;
    Runtime::start()?.wait(async move {
        let deleted = Box::pin(admin(&place).delete_db(true)).await;
        deleted.map_err(|error| of_slatedb(&place.url, &error))?;
        let named = place.path(identity::NAME);
        let told = |error: Error| of_objects(&place.url, "", &error);
        let all = place.objects.list(Some(&place.prefix)).map_ok(|object| object.location);
        let last = named.clone();
        let rest = all.try_filter(move |path| std::future::ready(*path != last)).boxed();
        place.objects.delete_stream(rest).try_collect::<Vec<_>>().await.map_err(told)?;
        place.objects.delete(&named).await.map_err(told)
    })?
}

fn has_no_owner(location: &Location) -> Result<()> {
    let mut claim = Claim::new(location, "")?;
    loop {
        match claim.look()? {
            Look::Free(_) => return Ok(()),
            Look::Held { by, renewed: true } => {
                let detail = format!("{by} serves it: nothing was deleted. Stop that server first");
                return Err(unusable(&location.url, detail));
            }
            Look::Held { renewed: false, .. } => claim.pause(LOOK_EVERY),
        }
    }
}

/// The note that a store is a clone, until [`settle_restored`]; one that is damaged says so too, without the particulars. Blocks.
///
/// # Errors
/// An object store that does not answer.
pub fn restored(location: &Location) -> Result<Option<Restored>> {
    let place = location.apart()?;
    Runtime::start()?.wait(async move {
        let read = async { place.objects.get(&place.path(RESTORED)).await?.bytes().await };
        match read.await {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).unwrap_or_else(|_| Restored::unknown()))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(of_objects(&place.url, RESTORED, &error)),
        }
    })?
}

/// Removes that note: its names were compared with the other shards. Durable on return; blocks.
///
/// # Errors
/// As [`restored`].
pub fn settle_restored(location: &Location) -> Result<()> {
    let place = location.apart()?;
    Runtime::start()?.wait(async move {
        match place.objects.delete(&place.path(RESTORED)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(of_objects(&place.url, RESTORED, &error)),
        }
    })?
}
