//! The object that a lease is: read, and replaced on the condition that nobody has replaced it meanwhile.
//!
//! Where objects can be replaced on a condition, it is `owner.json`, and its ETag is the version. Files cannot: there each version is an object of
//! its own, `owner/NUMBER.json`, which is created only if it is not there, and the one with the highest number counts.

use bytes::Bytes;
use epistemic_storage::StoreError;
use futures_util::StreamExt;
use object_store::{Error, ObjectMeta, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};
use tokio::time::timeout;

use super::{Owner, PATIENCE};
use crate::{
    Result,
    error::{of_objects, unusable},
    location::Location,
};

/// The object.
pub(crate) const NAME: &str = "owner.json";
/// Folder of its versions, where it cannot be replaced.
pub(crate) const HISTORY: &str = "owner";

/// Which content was read or written. Two that are the same are of one content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Version {
    /// Of an object that is replaced.
    Tag(UpdateVersion),
    /// Of the object with that number.
    Number(u64),
}

/// Each call asks the object store, and gives up after [`PATIENCE`].
pub(super) struct Register {
    location: Location,
}

impl Register {
    pub(super) fn new(location: Location) -> Self {
        Self { location }
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    /// The newest content, if there is any.
    pub(super) async fn read(&self) -> Result<Option<(Owner, Version)>> {
        self.in_time(async {
            if self.location.replaces { self.read_tagged().await } else { self.read_newest().await }
        })
        .await
    }

    /// Writes `owner` if `seen` is the newest content still, or nothing for `None`. Durable on return; nothing when another one was
    /// faster. After an error it is open whether it was written.
    pub(super) async fn swap(&self, seen: Option<&Version>, owner: &Owner) -> Result<Option<Version>> {
        let text = serde_json::to_vec_pretty(owner).map_err(|error| StoreError::other(error.to_string()))?;
        let text = PutPayload::from(Bytes::from(text));
        self.in_time(async {
            if self.location.replaces {
                let mode = match seen {
                    Some(Version::Tag(version)) => PutMode::Update(version.clone()),
                    Some(Version::Number(_)) | None => PutMode::Create,
                };
                return self.put(NAME, text, mode).await.map(|put| put.map(Version::Tag));
            }
            let before = match seen {
                Some(Version::Number(number)) => *number,
                Some(Version::Tag(_)) | None => 0,
            };
            self.append(before, text).await
        })
        .await
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match timeout(PATIENCE, work).await {
            Ok(done) => done,
            Err(_) => Err(StoreError::Unreachable {
                detail: format!(
                    "'{NAME}' below {}: no answer within {} ms",
                    self.location.url,
                    PATIENCE.as_millis()
                ),
            }),
        }
    }

    async fn read_tagged(&self) -> Result<Option<(Owner, Version)>> {
        let Some((owner, meta)) = self.get(NAME).await? else { return Ok(None) };
        Ok(Some((owner, Version::Tag(UpdateVersion { e_tag: meta.e_tag, version: meta.version }))))
    }

    async fn read_newest(&self) -> Result<Option<(Owner, Version)>> {
        loop {
            let Some(newest) = self.numbers().await?.into_iter().max() else { return Ok(None) };
            // It may be removed by now, for a newer one.
            if let Some((owner, _)) = self.get(&numbered(newest)).await? {
                return Ok(Some((owner, Version::Number(newest))));
            }
        }
    }

    async fn append(&self, before: u64, text: PutPayload) -> Result<Option<Version>> {
        let number = before + 1;
        if self.put(&numbered(number), text, PutMode::Create).await?.is_none() {
            return Ok(None);
        }
        let numbers = self.numbers().await?;
        // Who stood still for long creates a number anew that others have passed and removed.
        if numbers.iter().any(|other| *other > number) {
            return Ok(None);
        }
        for old in numbers.into_iter().filter(|other| *other < number) {
            // One that is left behind is removed by the next.
            let _ = self.location.objects.delete(&self.location.path(&numbered(old))).await;
        }
        Ok(Some(Version::Number(number)))
    }

    async fn numbers(&self) -> Result<Vec<u64>> {
        let mut objects = self.location.objects.list(Some(&self.location.path(HISTORY)));
        let mut numbers = Vec::new();
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| of_objects(&self.location.url, HISTORY, &error))?;
            let name = object.location.filename().and_then(|name| name.strip_suffix(".json"));
            numbers.extend(name.and_then(|name| name.parse::<u64>().ok()));
        }
        Ok(numbers)
    }

    async fn get(&self, name: &str) -> Result<Option<(Owner, ObjectMeta)>> {
        let read = async {
            let found = self.location.objects.get(&self.location.path(name)).await?;
            let meta = found.meta.clone();
            Ok::<_, Error>((found.bytes().await?, meta))
        };
        let (bytes, meta) = match read.await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(of_objects(&self.location.url, name, &error)),
        };
        match serde_json::from_slice(&bytes) {
            Ok(owner) => Ok(Some((owner, meta))),
            Err(error) => Err(unusable(
                &self.location.url,
                format!(
                    "{name} is damaged ({error}): once no server runs on this prefix, delete that object"
                ),
            )),
        }
    }

    async fn put(&self, name: &str, text: PutPayload, mode: PutMode) -> Result<Option<UpdateVersion>> {
        let path = self.location.path(name);
        match self.location.objects.put_opts(&path, text, PutOptions::from(mode)).await {
            Ok(put) => Ok(Some(put.into())),
            // What was to be replaced may be gone.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => {
                Ok(None)
            }
            Err(error) => Err(of_objects(&self.location.url, name, &error)),
        }
    }
}

fn numbered(number: u64) -> String {
    format!("{HISTORY}/{number:020}.json")
}
