//! Whether an object store does what a store on it rests on. That one process owns a prefix is decided by who creates an object:
//! an object store that ignores the condition, or checks it without being atomic, has two owners, and says nothing.

use std::sync::Arc;

use epistemic_bucket::told;
use epistemic_storage::StoreError;
use futures_util::future::join_all;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion, path::Path,
};

use crate::{Result, error::unusable, location::Location};

/// Folder of the objects below the prefix.
pub(crate) const PROBES: &str = "probe";
/// Creators of one object at the same time.
const RACERS: usize = 4;

/// Tries out what is needed, on objects that are deleted again.
///
/// # Errors
/// [`StoreError::BadDirectory`], which names what the object store does not do; an object store that does not answer.
pub(crate) async fn probe(location: &Location) -> Result<()> {
    let name = |what: &str| location.path(&format!("{PROBES}/{}-{what}", uuid::Uuid::new_v4()));
    let probe = Probe { location, objects: Arc::clone(&location.objects) };
    let (single, raced) = (name("create"), name("race"));
    let outcome = async {
        probe.creates_once(&single).await?;
        if location.replaces {
            probe.replaces_what_is_unchanged(&single).await?;
        }
        probe.has_one_winner(&raced).await
    }
    .await;
    for path in [single, raced] {
        // One that is left behind disturbs nobody.
        let _ = location.objects.delete(&path).await;
    }
    outcome
}

struct Probe<'l> {
    location: &'l Location,
    objects: Arc<dyn ObjectStore>,
}

impl Probe<'_> {
    async fn put(&self, path: &Path, text: &'static str, mode: PutMode) -> Result<Option<UpdateVersion>> {
        let put =
            self.objects.put_opts(path, PutPayload::from_static(text.as_bytes()), PutOptions::from(mode));
        match put.await {
            Ok(put) => Ok(Some(put.into())),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(None),
            Err(error @ (Error::NotImplemented { .. } | Error::NotSupported { .. })) => {
                Err(self.lacks(&format!("it does not know conditional writes ({error})")))
            }
            Err(error) => Err(StoreError::other(format!(
                "{} cannot be written to: {}",
                self.location.url,
                told(&error)
            ))),
        }
    }

    async fn expect(&self, path: &Path, text: &'static str) -> Result<()> {
        let read = async { self.objects.get(path).await?.bytes().await };
        let found = read.await.map_err(|error| {
            StoreError::other(format!("{} cannot be read from: {}", self.location.url, told(&error)))
        })?;
        if found == text.as_bytes() {
            return Ok(());
        }
        Err(self.lacks("an object that was refused was written all the same, or one that was written reads as an older one"))
    }

    async fn creates_once(&self, path: &Path) -> Result<()> {
        if self.put(path, "first", PutMode::Create).await?.is_none() {
            return Err(self.lacks("it refused to create an object that was not there"));
        }
        if self.put(path, "second", PutMode::Create).await?.is_some() {
            return Err(self.lacks(
                "it created an object twice (PUT with If-None-Match: * must be refused when the object is there)",
            ));
        }
        self.expect(path, "first").await
    }

    async fn replaces_what_is_unchanged(&self, path: &Path) -> Result<()> {
        let head = self.objects.head(path).await;
        let head =
            head.map_err(|error| StoreError::other(format!("{}: {}", self.location.url, told(&error))))?;
        let wrong =
            UpdateVersion { e_tag: Some("\"00000000000000000000000000000000\"".to_owned()), version: None };
        if self.put(path, "wrong", PutMode::Update(wrong)).await?.is_some() {
            return Err(self.lacks(
                "it replaced an object that had changed (PUT with If-Match must be refused when the ETag is another one)",
            ));
        }
        self.expect(path, "first").await?;
        let right = UpdateVersion { e_tag: head.e_tag, version: head.version };
        if self.put(path, "third", PutMode::Update(right)).await?.is_none() {
            return Err(
                self.lacks("it refused to replace an object that had not changed (PUT with If-Match)")
            );
        }
        self.expect(path, "third").await
    }

    async fn has_one_winner(&self, path: &Path) -> Result<()> {
        let racers = (0..RACERS).map(|_| self.put(path, "raced", PutMode::Create));
        let mut winners = 0;
        for raced in join_all(racers).await {
            winners += usize::from(raced?.is_some());
        }
        if winners == 1 {
            return Ok(());
        }
        Err(self.lacks(&format!(
            "{winners} of {RACERS} creators of one object were told that they had created it: its conditional writes are \
             not atomic"
        )))
    }

    fn lacks(&self, what: &str) -> StoreError {
        unusable(
            &self.location.url,
            format!(
                "{what}. Without that two servers could own the store and lose each other's writes, so it is not used: take an \
                 object store with atomic conditional writes (docs/object-store.md names some)"
            ),
        )
    }
}
