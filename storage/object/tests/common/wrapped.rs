//! An object store that does something else than it should.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    memory::InMemory, path::Path,
};
use tokio::sync::Notify;

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing, unless it is told to.
    None,
    /// Creates an object that is there.
    CreatesTwice,
    /// Replaces an object that has changed.
    ReplacesChanged,
    /// Looks first and creates afterwards.
    LooksFirst,
}

/// Objects in memory behind a fault.
#[derive(Debug)]
pub struct Wrapped {
    pub inner: Arc<InMemory>,
    fault: Fault,
    /// Every request fails, as if there were no network.
    pub down: AtomicBool,
    /// Writes of log objects stand still before they reach the store, as those of a frozen process.
    pub frozen: AtomicBool,
    /// How it is told that one of them has arrived, and how it goes on.
    pub arrived: Notify,
    pub thawed: Notify,
}

impl Wrapped {
    pub fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::default(),
            fault,
            down: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            arrived: Notify::new(),
            thawed: Notify::new(),
        })
    }

    fn up(&self) -> Result<()> {
        if self.down.load(SeqCst) {
            return Err(Error::Generic { store: "wrapped", source: "no route to host".into() });
        }
        Ok(())
    }
}

impl std::fmt::Display for Wrapped {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "wrapped")
    }
}

#[async_trait]
impl ObjectStore for Wrapped {
    async fn put_opts(&self, path: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if self.frozen.load(SeqCst) && path.as_ref().contains("/wal/") {
            self.arrived.notify_one();
            self.thawed.notified().await;
        }
        self.up()?;
        match (self.fault, &options.mode) {
            (Fault::CreatesTwice, PutMode::Create) | (Fault::ReplacesChanged, PutMode::Update(_)) => {
                options.mode = PutMode::Overwrite;
            }
            (Fault::LooksFirst, PutMode::Create) => {
                if self.inner.head(path).await.is_ok() {
                    return Err(Error::AlreadyExists { path: path.to_string(), source: "there".into() });
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                options.mode = PutMode::Overwrite;
            }
            _ => {}
        }
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.up()?;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.up()?;
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.up()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.up()?;
        self.inner.copy_opts(from, to, options).await
    }
}
