//! Where a store lies: a prefix of a bucket, a directory, or memory.

use std::{path::PathBuf, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ObjectStore, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem, memory::InMemory,
    path::Path,
};

use crate::{
    Result,
    counted::{Counted, Requests},
    error::unusable,
};

/// A request that failed is repeated this often before SlateDB, which repeats without end, hears of it. Both pause for a second
/// at most, so that all goes on soon after an outage.
const RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(1),
        base: 2.0,
    },
    max_retries: 3,
    retry_timeout: Duration::from_secs(30),
};

/// A prefix of an object store. Clones are the same place.
#[derive(Debug, Clone)]
pub struct Location {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    pub(crate) url: String,
    /// Whether it can replace an object on the condition that it is unchanged. Files cannot.
    pub(crate) replaces: bool,
    /// What was asked of `objects`.
    pub(crate) requests: Arc<Requests>,
    /// What tells two object stores from each other: paths of one mean nothing in the other.
    among: Arc<str>,
    /// The whole URL of a bucket, for another client of it.
    bucket: Option<String>,
}

impl Location {
    /// `s3://BUCKET/PREFIX`, with endpoint, region and credentials as the `AWS_` variables have them; `?endpoint=URL` and
    /// `?region=NAME` come before the variables. `file:///DIRECTORY`, which is created when it is missing; each write is
    /// synced. `memory:`, new and empty, for tests. Nothing is asked of the object store.
    ///
    /// # Errors
    /// [`epistemic_storage::StoreError::BadDirectory`] for a malformed or unknown URL, one with credentials in it, or an
    /// unusable variable.
    pub fn parse(url: &str) -> Result<Self> {
        if url == "memory:" {
            return Ok(Self::of(Arc::new(InMemory::new()), "", url, true));
        }
        if let Some(directory) = url.strip_prefix("file://") {
            return Self::directory(url, PathBuf::from(directory));
        }
        let Some(rest) = url.strip_prefix("s3://") else {
            return Err(unusable(url, "write s3://BUCKET/PREFIX, file:///DIRECTORY or memory:"));
        };
        Self::bucket(url, rest)
    }

    /// A prefix of any object store, for tests and for embedders with a client of their own. `replaces` says whether it can
    /// replace an object on the condition that it is unchanged.
    pub fn of(objects: Arc<dyn ObjectStore>, prefix: &str, url: &str, replaces: bool) -> Self {
        let among = format!("{:p}", Arc::as_ptr(&objects)).into();
        Self::at(objects, Path::from(prefix), url, replaces, among)
    }

    fn at(inner: Arc<dyn ObjectStore>, prefix: Path, url: &str, replaces: bool, among: Arc<str>) -> Self {
        let requests = Arc::<Requests>::default();
        let objects = Arc::new(Counted { inner, requests: Arc::clone(&requests) });
        Self { objects, prefix, url: url.to_owned(), replaces, requests, among, bucket: None }
    }

    /// The same place, with connections of its own. Those to a bucket end with the runtime that made them, and would be in the way of
    /// the next one. What is asked over them is counted together.
    pub(crate) fn apart(&self) -> Result<Self> {
        let Some(url) = &self.bucket else { return Ok(self.clone()) };
        let other = Self::parse(url)?;
        let requests = Arc::clone(&self.requests);
        let objects = Arc::new(Counted { inner: other.objects, requests: Arc::clone(&requests) });
        Ok(Self { objects, requests, ..self.clone() })
    }

    /// Whether both are prefixes of one bucket, or directories of one machine.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.among == other.among
    }

    /// The URL, without what stands behind a question mark.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn directory(url: &str, directory: PathBuf) -> Result<Self> {
        if !directory.is_absolute() {
            return Err(unusable(url, "the directory is not absolute: write file:///DIRECTORY"));
        }
        fs_err::create_dir_all(&directory).map_err(|error| unusable(url, error.to_string()))?;
        // A path that leads to one file from wherever it is named: a clone has paths of its source.
        let prefix =
            Path::from_filesystem_path(&directory).map_err(|error| unusable(url, error.to_string()))?;
        let files = LocalFileSystem::new().with_fsync(true);
        Ok(Self::at(Arc::new(files), prefix, url, false, "file://".into()))
    }

    fn bucket(url: &str, rest: &str) -> Result<Self> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() || bucket.contains(['@', ':', '#']) {
            return Err(unusable(
                url,
                "write s3://BUCKET/PREFIX; credentials are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ));
        }
        let told = format!("s3://{place}");
        let prefix =
            Path::parse(prefix.trim_matches('/')).map_err(|error| unusable(&told, error.to_string()))?;
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(RETRY);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            builder = match &*name {
                "endpoint" => builder.with_allow_http(value.starts_with("http://")).with_endpoint(value),
                "region" => builder.with_region(value),
                _ => {
                    return Err(unusable(
                        &told,
                        format!("'{name}' is not known behind '?': endpoint and region are"),
                    ));
                }
            };
        }
        // The process has one TLS implementation; a second attempt to name it is refused and fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let objects = builder.build().map_err(|error| unusable(&told, error.to_string()))?;
        let among = format!("s3://{bucket}?{query}").into();
        Ok(Self { bucket: Some(url.to_owned()), ..Self::at(Arc::new(objects), prefix, &told, true, among) })
    }

    /// The path of an object below the prefix.
    pub(crate) fn path(&self, name: &str) -> Path {
        Path::from_iter(self.prefix.parts().chain(Path::from(name).parts()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        Location::parse(url).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn urls_are_taken_apart() {
        let bucket =
            Location::parse("s3://graphs/tier/shard-2/?endpoint=http://127.0.0.1:8333&region=eu-x-1")
                .unwrap();
        assert_eq!((bucket.url(), bucket.replaces), ("s3://graphs/tier/shard-2/", true));
        assert_eq!(bucket.path("db/wal/1").as_ref(), "tier/shard-2/db/wal/1");
        assert_eq!(Location::parse("s3://graphs").unwrap().path("a").as_ref(), "a");
        let folder = tempfile::tempdir().unwrap();
        let directory = Location::parse(&format!("file://{}/new", folder.path().display())).unwrap();
        assert!(!directory.replaces && folder.path().join("new").is_dir());
        let apart = bucket.apart().unwrap();
        assert_eq!((apart.url(), apart.path("a")), (bucket.url(), bucket.path("a")));
        assert!(apart.is_beside(&bucket) && Arc::ptr_eq(&apart.requests, &bucket.requests));
        let [other, elsewhere] =
            ["s3://graphs/x?endpoint=http://127.0.0.1:8333&region=eu-x-1", "s3://graphs/x"]
                .map(|url| Location::parse(url).unwrap());
        assert!(bucket.is_beside(&other) && !bucket.is_beside(&elsewhere) && !bucket.is_beside(&directory));
        assert!(!Location::parse("memory:").unwrap().is_beside(&Location::parse("memory:").unwrap()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (url, word) in [
            ("gs://graphs/x", "s3://BUCKET/PREFIX"),
            ("s3:///x", "s3://BUCKET/PREFIX"),
            ("s3://key:secret@graphs/x", "AWS_ACCESS_KEY_ID"),
            ("s3://graphs/x?secret=y", "'secret' is not known"),
            ("file://graphs", "not absolute"),
        ] {
            assert!(refusal(url).contains(word), "{}", refusal(url));
        }
    }
}
