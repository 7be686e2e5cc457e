//! Objects in memory whose requests fail when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// Fails one request.
#[derive(Debug, Default)]
pub(super) struct Faulty {
    inner: InMemory,
    plan: Arc<Plan>,
}

/// Which one.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Requests until the one that fails; below zero none does.
    pub(super) left: AtomicI64,
    /// 1 when that request is carried out all the same and its answer is lost.
    pub(super) lost: AtomicI64,
}

enum Fate {
    Done,
    Failed,
    Lost,
}

impl Plan {
    fn fate(&self) -> Fate {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            0 if self.lost.load(Ordering::SeqCst) == 1 => Fate::Lost,
            0 => Fate::Failed,
            _ => Fate::Done,
        }
    }

    async fn apply<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        match self.fate() {
            Fate::Done => request.await,
            Fate::Failed => Err(injected()),
            Fate::Lost => {
                request.await?;
                Err(injected())
            }
        }
    }
}

fn injected() -> Error {
    Error::Generic { store: "faulty", source: "injected".into() }
}

impl Faulty {
    pub(super) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan)
    }
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.plan.apply(self.inner.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.plan.apply(self.inner.put_multipart_opts(path, options)).await?;
        Ok(Box::new(FaultyUpload { inner, plan: Arc::clone(&self.plan) }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.plan.apply(self.inner.get_opts(path, options)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.plan.fate() {
            Fate::Done | Fate::Lost => self.inner.delete_stream(paths),
            Fate::Failed => stream::once(async { Err(injected()) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.plan.fate() {
            Fate::Done => self.inner.list(prefix),
            Fate::Failed | Fate::Lost => stream::once(async { Err(injected()) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.plan.apply(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.plan.apply(self.inner.copy_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    plan: Arc<Plan>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let part = self.inner.put_part(data);
        let plan = Arc::clone(&self.plan);
        Box::pin(async move { plan.apply(part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let plan = Arc::clone(&self.plan);
        plan.apply(self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
