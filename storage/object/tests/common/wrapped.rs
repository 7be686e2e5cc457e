//! An object store that does something else than it should.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
};

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    memory::InMemory, path::Path,
};
use tokio::sync::{Notify, watch};

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

/// Which requests stand still before they reach the objects, as those of a frozen process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frozen {
    Nothing,
    /// All but those of log objects: what a process that was thawed does first.
    AllButLog,
    Everything,
}

impl Frozen {
    fn holds(self, path: &Path) -> bool {
        match self {
            Self::Nothing => false,
            Self::AllButLog => !path.as_ref().contains("/wal"),
            Self::Everything => true,
        }
    }
}

/// Objects in memory behind a fault.
#[derive(Debug)]
pub struct Wrapped {
    pub inner: Arc<InMemory>,
    fault: Fault,
    /// Every request fails, as if there were no network.
    pub down: AtomicBool,
    /// Writes that are accepted; those behind them are refused for good, so that who writes ends.
    pub writes_left: AtomicI64,
    pub frozen: watch::Sender<Frozen>,
    /// Told when a write of a log object stands still.
    pub arrived: Notify,
}

impl Wrapped {
    pub fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::default(),
            fault,
            down: AtomicBool::new(false),
            writes_left: AtomicI64::new(i64::MAX),
            frozen: watch::Sender::new(Frozen::Nothing),
            arrived: Notify::new(),
        })
    }

    fn write(&self) -> Result<()> {
        if self.writes_left.fetch_sub(1, SeqCst) > 0 {
            return Ok(());
        }
        Err(Error::NotSupported { source: "the process has ended".into() })
    }

    async fn reach(&self, path: &Path) -> Result<()> {
        // The sender lives as long as this does.
        let _ = self.frozen.subscribe().wait_for(|frozen| !frozen.holds(path)).await;
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
        if self.frozen.borrow().holds(path) && path.as_ref().contains("/wal/") {
            self.arrived.notify_one();
        }
        self.reach(path).await?;
        self.write()?;
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
        self.reach(path).await?;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.reach(path).await?;
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, mut frozen) = (Arc::clone(&self.inner), self.frozen.subscribe());
        let prefix = prefix.cloned();
        let listed = async move {
            let below = prefix.clone().unwrap_or_default();
            let _ = frozen.wait_for(|frozen| !frozen.holds(&below)).await;
            inner.list(prefix.as_ref())
        };
        stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.reach(&prefix.cloned().unwrap_or_default()).await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.reach(from).await?;
        self.write()?;
        self.inner.copy_opts(from, to, options).await
    }
}
