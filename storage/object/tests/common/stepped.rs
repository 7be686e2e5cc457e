//! The way of one process to the objects, which stands still from some request on, as a process that is stopped does.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};
use tokio::sync::{Notify, watch};

/// Where the first request that stands still does so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The objects have not seen it.
    Before,
    /// It is done, and the process has not heard of it.
    Behind,
}

/// Objects in memory, as one process reaches them.
#[derive(Debug)]
pub struct Stepped {
    inner: Arc<InMemory>,
    side: Side,
    requests: AtomicUsize,
    stops_at: AtomicUsize,
    thawed: watch::Sender<bool>,
    /// Told when it stands still.
    pub stopped: Notify,
}

impl Stepped {
    pub fn new(inner: &Arc<InMemory>, side: Side) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            side,
            requests: AtomicUsize::new(0),
            stops_at: AtomicUsize::new(usize::MAX),
            thawed: watch::Sender::new(false),
            stopped: Notify::new(),
        })
    }

    /// It stands still after so many further requests.
    pub fn stop_after(&self, requests: usize) {
        self.stops_at.store(self.requests.load(SeqCst) + requests, SeqCst);
    }

    pub fn thaw(&self) {
        self.thawed.send_replace(true);
    }

    async fn step<T>(&self, request: impl Future<Output = T>) -> T {
        let (number, stops_at) = (self.requests.fetch_add(1, SeqCst), self.stops_at.load(SeqCst));
        if number < stops_at {
            return request.await;
        }
        if number == stops_at && self.side == Side::Behind {
            let done = request.await;
            self.stand_still().await;
            return done;
        }
        self.stand_still().await;
        request.await
    }

    async fn stand_still(&self) {
        self.stopped.notify_one();
        // The sender lives as long as this does.
        let _ = self.thawed.subscribe().wait_for(|thawed| *thawed).await;
    }
}

impl std::fmt::Display for Stepped {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "stepped")
    }
}

#[async_trait]
impl ObjectStore for Stepped {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.step(self.inner.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.step(self.inner.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.step(self.inner.get_opts(path, options)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.step(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.step(self.inner.copy_opts(from, to, options)).await
    }
}
