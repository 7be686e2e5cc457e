//! Stand-bys make themselves known: each writes an object of its own again and again, and the owner looks which ones change.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use epistemic_storage::StoreError;
use futures_util::StreamExt;
use object_store::{ObjectMeta, ObjectStoreExt, PutPayload, path::Path};
use serde::Serialize;

use super::{Owner, clock};
use crate::{Result, error::of_objects, location::Location};

/// Folder of their objects.
pub(crate) const FOLDER: &str = "standby";
/// Time between two announcements, and between two looks at them.
pub(super) const EVERY: Duration = Duration::from_secs(3);
/// A stand-by that was silent for this time counts no more.
const SILENT: Duration = Duration::from_secs(10);
/// How long a look at them may take: a renewal waits for it.
pub(super) const LOOK_PATIENCE: Duration = Duration::from_millis(500);
/// The object of one that was silent for this time is removed.
const GONE: Duration = Duration::from_secs(60);

/// A stand-by that was seen to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standby {
    /// Random UUID of the process.
    pub id: String,
    /// Where it listens.
    pub endpoint: String,
    /// Machine, for people.
    pub host: String,
    /// Process there, for people.
    pub pid: u32,
}

/// Says that this stand-by runs. Durable on return.
pub(super) async fn announce(location: &Location, me: &Owner) -> Result<()> {
    let text = serde_json::to_vec_pretty(me).map_err(|error| StoreError::other(error.to_string()))?;
    let path = location.path(&object_of(&me.id));
    match location.objects.put(&path, PutPayload::from(Bytes::from(text))).await {
        Ok(_) => Ok(()),
        Err(error) => Err(of_objects(&location.url, FOLDER, &error)),
    }
}

/// Removes what a stand-by has said.
pub(super) async fn withdraw(location: &Location, id: &str) -> Result<()> {
    let path = location.path(&object_of(id));
    location.objects.delete(&path).await.map_err(|error| of_objects(&location.url, FOLDER, &error))
}

fn object_of(id: &str) -> String {
    format!("{FOLDER}/{id}.json")
}

/// What the owner remembers of their objects.
#[derive(Default)]
pub(super) struct Roll {
    seen: HashMap<Path, Sighting>,
}

struct Sighting {
    /// ETag, and the time of change as the object store tells it: compared with themselves only.
    tag: (Option<String>, i64),
    /// When it was last seen to change; never, for one that was there at the first look.
    changed: Option<Duration>,
    first: Duration,
    standby: Option<Standby>,
}

impl Roll {
    /// Looks which stand-bys run. Removes the objects of those that are gone for long.
    pub(super) async fn call(&mut self, location: &Location) -> Result<Vec<Standby>> {
        let mut objects = location.objects.list(Some(&location.path(FOLDER)));
        let mut there = Vec::new();
        while let Some(object) = objects.next().await {
            there.push(object.map_err(|error| of_objects(&location.url, FOLDER, &error))?);
        }
        self.seen.retain(|path, _| there.iter().any(|object| object.location == *path));
        let now = clock::now();
        let mut running = Vec::new();
        for object in there {
            if self.has_changed(&object, now) {
                let read = async { location.objects.get(&object.location).await?.bytes().await };
                let bytes = read.await.map_err(|error| of_objects(&location.url, FOLDER, &error))?;
                if let (Ok(owner), Some(sighting)) =
                    (serde_json::from_slice::<Owner>(&bytes), self.seen.get_mut(&object.location))
                {
                    let Owner { id, endpoint, host, pid, .. } = owner;
                    sighting.standby = Some(Standby { id, endpoint, host, pid });
                }
            }
            let Some(sighting) = self.seen.get(&object.location) else { continue };
            let silent_for = now.saturating_sub(sighting.changed.unwrap_or(sighting.first));
            if silent_for >= GONE {
                // The next look tries again.
                let _ = location.objects.delete(&object.location).await;
            } else if sighting.changed.is_some() && silent_for < SILENT {
                running.extend(sighting.standby.clone());
            }
        }
        running.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(running)
    }

    fn has_changed(&mut self, object: &ObjectMeta, now: Duration) -> bool {
        let tag = (object.e_tag.clone(), object.last_modified.timestamp_millis());
        let Some(sighting) = self.seen.get_mut(&object.location) else {
            let new = Sighting { tag, changed: None, first: now, standby: None };
            self.seen.insert(object.location.clone(), new);
            return false;
        };
        if sighting.tag == tag {
            return false;
        }
        (sighting.tag, sighting.changed) = (tag, Some(now));
        true
    }
}
