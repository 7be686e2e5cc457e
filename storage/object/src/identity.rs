//! `identity.json`: the prefix knows what it is.

use bytes::Bytes;
use epistemic_storage::{StoreError, clock};
use futures_util::StreamExt;
use object_store::{Error, ObjectStoreExt, PutMode, PutPayload};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    error::{of_objects, unusable},
    location::Location,
    probe::PROBES,
    runtime::Runtime,
};

/// Folder of the database below the prefix.
pub(crate) const DATABASE: &str = "db";
pub(crate) const NAME: &str = "identity.json";
/// Version of the layout below the prefix, `keys.rs` included.
const FORMAT_VERSION: u32 = 1;
/// Release of SlateDB that this one reads what it wrote. Its format is compatible between neighbouring releases only, so a newer
/// one lists this one here and writes its own name once it has read everything.
const SLATEDB: &str = "0.18";

/// Identity of a store on an object store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Version of the layout below the prefix.
    pub format_version: u32,
    /// Random UUID given at creation.
    pub store_id: String,
    /// Creation time, Unix milliseconds.
    pub created_ms: u64,
    /// Release of SlateDB that the database is in the format of.
    pub slatedb: String,
    /// What it is a clone of, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloned: Option<Origin>,
}

/// The restore point that a clone was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The store it is of.
    pub store_id: String,
    /// Where that lay.
    pub url: String,
    /// Name of the restore point.
    pub point: String,
    /// When it was taken, Unix milliseconds.
    pub taken_ms: u64,
}

impl Identity {
    /// A new one.
    pub(crate) fn new(cloned: Option<Origin>) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            store_id: uuid::Uuid::new_v4().to_string(),
            created_ms: clock::unix_ms(),
            slatedb: SLATEDB.to_owned(),
            cloned,
        }
    }

    /// The identity of the store at a location, or `None` when there is none. Reads one object; blocks.
    ///
    /// # Errors
    /// A damaged object, another format version, an object store that does not answer.
    pub fn load(location: &Location) -> Result<Option<Self>> {
        let location = location.apart()?;
        Runtime::start()?.wait(async move { Self::read(&location).await })?
    }

    pub(crate) async fn read(location: &Location) -> Result<Option<Self>> {
        let read = async { location.objects.get(&location.path(NAME)).await?.bytes().await };
        let bytes = match read.await {
            Ok(bytes) => bytes,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(of_objects(&location.url, NAME, &error)),
        };
        let identity: Self = serde_json::from_slice(&bytes).map_err(|error| {
            unusable(&location.url, format!("{NAME} is damaged, or of another version: {error}"))
        })?;
        if identity.format_version != FORMAT_VERSION {
            return Err(unusable(
                &location.url,
                format!(
                    "it has format version {}, this server reads version {FORMAT_VERSION}; use the server version that wrote it",
                    identity.format_version
                ),
            ));
        }
        if identity.slatedb != SLATEDB {
            return Err(unusable(
                &location.url,
                format!(
                    "its database is in the format of SlateDB {}, this server reads that of {SLATEDB}; use the server version \
                     that wrote it",
                    identity.slatedb
                ),
            ));
        }
        Ok(Some(identity))
    }

    /// Writes a new identity, for a database that nothing was acknowledged of yet. Durable on return. When another process was
    /// faster, that one's: this process is fenced by then, or fences it.
    pub(crate) async fn create(location: &Location) -> Result<Self> {
        let identity = Self::new(None);
        if identity.write(location).await? {
            return Ok(identity);
        }
        // An earlier attempt of ours whose answer was lost, or another process.
        Self::read(location)
            .await?
            .ok_or_else(|| unusable(&location.url, format!("{NAME} was there and is gone")))
    }

    /// Writes it where there is none; false when there is one. Durable on return.
    pub(crate) async fn write(&self, location: &Location) -> Result<bool> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| StoreError::other(error.to_string()))?;
        let (path, payload) = (location.path(NAME), PutPayload::from(Bytes::from(text)));
        match location.objects.put_opts(&path, payload, PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(of_objects(&location.url, NAME, &error)),
        }
    }
}

/// What lies below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A store.
    Store(Identity),
    /// A database without an identity: a creation that ended halfway, or a store that lost its identity.
    Unnamed,
    /// Nothing.
    Nothing,
}

/// Looks at what lies below a prefix before anything is opened or created there: the engine would make an empty database of
/// what has lost its records.
///
/// # Errors
/// [`StoreError::BadDirectory`] when an identity is there and no records are, or something else is.
pub(crate) async fn look(location: &Location) -> Result<Found> {
    let manifest = first_below(location, &format!("{DATABASE}/manifest")).await?;
    match (Identity::read(location).await?, manifest) {
        (Some(identity), Some(_)) => Ok(Found::Store(identity)),
        (Some(identity), None) => Err(unusable(
            &location.url,
            format!(
                "it is the store {} and its database is gone ('{DATABASE}/manifest' has no object): nothing was created. Bring \
                 the objects back, or take another prefix",
                identity.store_id
            ),
        )),
        (None, Some(_)) => Ok(Found::Unnamed),
        (None, None) => match first_below(location, "").await? {
            Some(other) => Err(unusable(
                &location.url,
                format!(
                    "'{other}' lies there, which is of no store: take a prefix of its own for each shard"
                ),
            )),
            None => Ok(Found::Nothing),
        },
    }
}

/// Some object below `name`, but for those of a probe that was cut off.
async fn first_below(location: &Location, name: &str) -> Result<Option<String>> {
    let (below, probes) = (location.path(name), location.path(PROBES));
    let mut objects = location.objects.list(Some(&below));
    while let Some(object) = objects.next().await {
        let object = object.map_err(|error| of_objects(&location.url, name, &error))?;
        if !object.location.prefix_matches(&probes) {
            return Ok(Some(object.location.to_string()));
        }
    }
    Ok(None)
}
