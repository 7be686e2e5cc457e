//! Counts what is asked of an object store. What its client repeats by itself, three times at most, is one request here; what
//! SlateDB repeats after that is counted each time.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use async_trait::async_trait;
use epistemic_storage::backend::RemoteRequests;
use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart, path::Path,
};
use parking_lot::Mutex;

/// Entries that one request lists at most.
const PAGE: u64 = 1000;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Get,
    Head,
    Put,
    List,
    Delete,
    Copy,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Get, Self::Head, Self::Put, Self::List, Self::Delete, Self::Copy];

    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Put => "put",
            Self::List => "list",
            Self::Delete => "delete",
            Self::Copy => "copy",
        }
    }
}

#[derive(Debug, Default)]
struct Count {
    requests: AtomicU64,
    errors: AtomicU64,
    bytes: AtomicU64,
}

/// All requests of one location.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    counts: [Count; Kind::ALL.len()],
    /// When the last PUT failed, and why.
    failed_put: Mutex<Option<(Instant, String)>>,
}

impl Requests {
    /// Their numbers until now, by kind.
    pub(crate) fn totals(&self) -> Vec<RemoteRequests> {
        let total = |(kind, count): (Kind, &Count)| RemoteRequests {
            kind: kind.name(),
            requests: count.requests.load(Relaxed),
            errors: count.errors.load(Relaxed),
            bytes: count.bytes.load(Relaxed),
        };
        Kind::ALL.into_iter().zip(&self.counts).map(total).collect()
    }

    fn add<T>(&self, kind: Kind, answer: &Result<T>, bytes: impl FnOnce(&T) -> u64) {
        let count = &self.counts[kind as usize];
        count.requests.fetch_add(1, Relaxed);
        match answer {
            Ok(answer) => {
                count.bytes.fetch_add(bytes(answer), Relaxed);
            }
            // Answers to what was asked.
            Err(
                Error::NotFound { .. }
                | Error::AlreadyExists { .. }
                | Error::Precondition { .. }
                | Error::NotModified { .. },
            ) => {}
            Err(error) => {
                count.errors.fetch_add(1, Relaxed);
                if kind == Kind::Put {
                    *self.failed_put.lock() = Some((Instant::now(), epistemic_bucket::told(error)));
                }
            }
        }
    }

    /// Why the last PUT failed, if one has since then.
    pub(crate) fn why_no_put(&self, since: Instant) -> Option<String> {
        self.failed_put.lock().as_ref().filter(|(at, _)| *at >= since).map(|(_, why)| why.clone())
    }
}

/// An object store whose requests are counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) requests: Arc<Requests>,
}

impl Counted {
    /// Counts the entries of a list as the pages that they come in.
    fn pages(
        &self,
        listed: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let requests = Arc::clone(&self.requests);
        requests.add(Kind::List, &Ok(()), |()| 0);
        let mut entries = 0;
        let counted = listed.inspect(move |entry| {
            entries += 1;
            match entry {
                Ok(_) if entries % PAGE == 0 => requests.add(Kind::List, &Ok(()), |()| 0),
                Ok(_) => {}
                Err(_) => {
                    requests.counts[Kind::List as usize].errors.fetch_add(1, Relaxed);
                }
            }
        });
        counted.boxed()
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let bytes = payload.content_length() as u64;
        let answer = self.inner.put_opts(path, payload, options).await;
        self.requests.add(Kind::Put, &answer, |_| bytes);
        answer
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let answer = self.inner.put_multipart_opts(path, options).await;
        self.requests.add(Kind::Put, &answer, |_| 0);
        Ok(Box::new(CountedUpload { inner: answer?, requests: Arc::clone(&self.requests) }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let kind = if options.head { Kind::Head } else { Kind::Get };
        let answer = self.inner.get_opts(path, options).await;
        let received = |found: &GetResult| found.range.end - found.range.start;
        self.requests.add(kind, &answer, |found| if kind == Kind::Get { received(found) } else { 0 });
        answer
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let requests = Arc::clone(&self.requests);
        let deleted = self.inner.delete_stream(paths);
        deleted.inspect(move |answer| requests.add(Kind::Delete, answer, |_| 0)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let answer = self.inner.list_with_delimiter(prefix).await;
        self.requests.add(Kind::List, &answer, |_| 0);
        answer
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let answer = self.inner.copy_opts(from, to, options).await;
        self.requests.add(Kind::Copy, &answer, |()| 0);
        answer
    }
}

/// An upload in parts, each of which is a request.
#[derive(Debug)]
struct CountedUpload {
    inner: Box<dyn MultipartUpload>,
    requests: Arc<Requests>,
}

#[async_trait]
impl MultipartUpload for CountedUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let (bytes, requests) = (part.content_length() as u64, Arc::clone(&self.requests));
        self.inner.put_part(part).inspect(move |answer| requests.add(Kind::Put, answer, |()| bytes)).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let answer = self.inner.complete().await;
        self.requests.add(Kind::Put, &answer, |_| 0);
        answer
    }

    async fn abort(&mut self) -> Result<()> {
        let answer = self.inner.abort().await;
        self.requests.add(Kind::Delete, &answer, |()| 0);
        answer
    }
}

#[cfg(test)]
mod tests {
    use object_store::{ObjectStoreExt, memory::InMemory};

    use super::*;

    fn of(requests: &Requests, kind: Kind) -> (u64, u64, u64) {
        let totals = requests.totals();
        let found = totals.iter().find(|total| total.kind == kind.name()).unwrap();
        (found.requests, found.errors, found.bytes)
    }

    #[tokio::test]
    async fn requests_are_counted_by_kind_and_refusals_are_no_errors() {
        let requests = Arc::new(Requests::default());
        let objects = Counted { inner: Arc::new(InMemory::new()), requests: Arc::clone(&requests) };
        let (one, none) = (Path::from("a/1"), Path::from("a/2"));
        objects.put(&one, PutPayload::from_static(b"12345")).await.unwrap();
        let again =
            objects.put_opts(&one, PutPayload::from_static(b"x"), object_store::PutMode::Create.into());
        again.await.unwrap_err();
        objects.get(&one).await.unwrap();
        objects.get_range(&one, 1..3).await.unwrap();
        objects.get(&none).await.unwrap_err();
        objects.head(&one).await.unwrap();
        objects.copy(&one, &none).await.unwrap();
        let listed: Vec<_> = objects.list(None).collect().await;
        objects.delete(&one).await.unwrap();
        assert_eq!(listed.len(), 2);
        let kinds = [Kind::Put, Kind::Get, Kind::Head, Kind::Copy, Kind::List, Kind::Delete];
        let expected = [(2, 0, 5), (3, 0, 7), (1, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0)];
        assert_eq!(kinds.map(|kind| of(&requests, kind)), expected);
    }
}
