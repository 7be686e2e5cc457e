//! The place of a backup: a directory or a bucket, seen as a flat set of named objects.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutPayload,
};
use tokio::runtime::Handle;

use super::download::Download;
use super::error::BackupRefused;
use super::folder;
use super::upload::Upload;
use crate::encryption::Keys;

/// Objects below one prefix. All methods block, so they must run outside the runtime's own threads.
///
/// What they write is durable on return. Failed requests to a bucket are repeated for some minutes.
#[derive(Clone)]
pub struct Objects {
    runtime: Handle,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    url: String,
    /// The directory, when it is one.
    folder: Option<PathBuf>,
    keys: Arc<Keys>,
}

impl Objects {
    /// Opens `file:///PATH`, `/PATH` or `s3://BUCKET/PREFIX`; a bucket with what the `AWS_` variables say. With `create` a
    /// missing directory is created.
    ///
    /// # Errors
    /// A malformed or unknown URL, one with credentials in it, a missing directory, an unusable `AWS_` variable.
    pub fn open(url: &str, create: bool, runtime: &Handle) -> Result<Self> {
        if let Some(path) = url.strip_prefix("file://").or_else(|| url.starts_with('/').then_some(url)) {
            return Self::open_folder(url, PathBuf::from(path), create, runtime);
        }
        let Some((bucket, prefix)) =
            url.strip_prefix("s3://").map(|rest| rest.split_once('/').unwrap_or((rest, "")))
        else {
            return Err(usage(format!("'{url}' is no backup URL: write file:///PATH or s3://BUCKET/PREFIX")));
        };
        if bucket.is_empty() || bucket.contains(['@', ':', '?', '#']) {
            let message = "write s3://BUCKET/PREFIX; endpoint, region and credentials are taken from AWS_ENDPOINT, AWS_REGION, \
                           AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
            return Err(usage(message.to_owned()));
        }
        let store = epistemic_bucket::open(AmazonS3Builder::from_env().with_bucket_name(bucket));
        let store = store.map_err(|error| usage(format!("cannot use '{url}': {error}")))?;
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(|error| usage(error.to_string()))?;
        Ok(Self::new(Arc::new(store), prefix, url, runtime))
    }

    fn open_folder(url: &str, path: PathBuf, create: bool, runtime: &Handle) -> Result<Self> {
        if !path.is_absolute() {
            return Err(usage(format!("'{url}' is not absolute: write file:///PATH")));
        }
        if create {
            fs_err::create_dir_all(&path)?;
        } else if !path.is_dir() {
            return Err(usage(format!(
                "there is no directory '{}': no backup was made there",
                path.display()
            )));
        }
        let store = LocalFileSystem::new_with_prefix(&path)?.with_automatic_cleanup(true).with_fsync(true);
        Ok(Self { folder: Some(path), ..Self::new(Arc::new(store), Path::default(), url, runtime) })
    }

    /// Objects of any store, for tests of what stands on them.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path, url: &str, runtime: &Handle) -> Self {
        Self {
            runtime: runtime.clone(),
            store,
            prefix,
            url: url.to_owned(),
            folder: None,
            keys: Arc::default(),
        }
    }

    /// The same objects, encrypted and opened with these keys. Without it they are in the clear.
    #[must_use]
    pub fn with_keys(self, keys: Keys) -> Self {
        Self { keys: Arc::new(keys), ..self }
    }

    /// For whom runs are encrypted, and what can be opened.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The URL as it was given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The directory, when the objects are files.
    pub fn folder(&self) -> Option<&PathBuf> {
        self.folder.as_ref()
    }

    fn path(&self, name: &str) -> Path {
        Path::from_iter(self.prefix.parts().chain(Path::from(name).parts()))
    }

    fn name(&self, path: &Path) -> Option<String> {
        let parts: Vec<String> =
            path.prefix_match(&self.prefix)?.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/"))
    }

    /// Writes a small object that must not be there. One with the same bytes is taken for ours: the answer to an earlier
    /// attempt was lost.
    pub fn put_new(&self, name: &str, bytes: Bytes) -> Result<()> {
        match self.create(name, bytes.clone()) {
            Ok(()) => Ok(()),
            Err(error) => match self.get(name) {
                Ok(Some(found)) if found == bytes => Ok(()),
                _ => Err(error).with_context(|| format!("writing '{name}' to {}", self.url)),
            },
        }
    }

    /// Writes a small object that must not be there.
    pub(super) fn create(&self, name: &str, bytes: Bytes) -> io::Result<()> {
        if let Some(folder) = &self.folder {
            return folder::create(&folder.join(name), &bytes);
        }
        let path = self.path(name);
        let write = self.store.put_opts(&path, PutPayload::from(bytes), PutMode::Create.into());
        self.runtime.block_on(write)?;
        Ok(())
    }

    /// Begins an object of many parts. In a directory it is renamed at its end, without a hard link.
    pub(super) fn begin_parts(&self, name: &str) -> io::Result<Box<dyn MultipartUpload>> {
        Ok(self.runtime.block_on(self.store.put_multipart(&self.path(name)))?)
    }

    /// The runtime that requests are made on.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Starts a new object of any size; it is there once `Upload::finish` has returned.
    pub fn upload(&self, name: &str) -> Upload {
        Upload::new(self.clone(), name)
    }

    /// The content of a small object, or nothing when there is none.
    pub fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let path = self.path(name);
        let read = self.runtime.block_on(async { self.store.get(&path).await?.bytes().await });
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading '{name}' from {}", self.url)),
        }
    }

    /// Starts reading an object of any size; nothing when there is none.
    pub fn download(&self, name: &str) -> Result<Option<Download>> {
        self.download_by(name, GetOptions::default())
    }

    /// Starts reading these bytes of an object, or as many of them as it has; nothing when it has none of them.
    pub fn download_range(&self, name: &str, range: Range<u64>) -> Result<Option<Download>> {
        let start = range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let opened = self.download_by(name, options);
        // How a range behind the end is refused differs from store to store.
        if opened.is_err()
            && self.runtime.block_on(self.store.head(&self.path(name))).is_ok_and(|found| found.size <= start)
        {
            return Ok(None);
        }
        opened
    }

    fn download_by(&self, name: &str, options: GetOptions) -> Result<Option<Download>> {
        match Download::open(self.runtime.clone(), Arc::clone(&self.store), &self.path(name), options) {
            Ok(download) => Ok(Some(download)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading '{name}' from {}", self.url)),
        }
    }

    /// All objects below `folder` with their bytes and ages, by name.
    pub fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        use futures_util::TryStreamExt;
        let path = self.path(folder);
        let found: Vec<ObjectMeta> = self
            .runtime
            .block_on(self.store.list(Some(&path)).try_collect())
            .with_context(|| format!("listing '{folder}' of {}", self.url))?;
        let mut listed: Vec<Listed> = found
            .into_iter()
            .filter_map(|meta| {
                let modified_ms = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
                Some(Listed { name: self.name(&meta.location)?, bytes: meta.size, modified_ms })
            })
            .collect();
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// Deletes an object; one that is gone is fine.
    pub fn delete(&self, name: &str) -> Result<()> {
        match self.runtime.block_on(self.store.delete(&self.path(name))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("deleting '{name}' from {}", self.url)),
        }
    }
}

/// An object of a listing.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its name, below the prefix.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// When it was written, Unix milliseconds of the store's clock.
    pub modified_ms: u64,
}

fn usage(message: String) -> anyhow::Error {
    BackupRefused::Url(message).into()
}
