//! Where a store lies that is read without its server.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use epistemic_object_store::{Location, SlateReader};
use epistemic_storage::Store;
use epistemic_storage::datadir::DataDir;

use super::must_exist;
use super::stopped::open_store_read_only;

/// Memory for what was read of an object store.
const CACHE_BYTES: usize = 64 << 20;

/// A store that no server is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// The persist directory of a stopped server, or a checkpoint.
    Directory(PathBuf),
    /// A prefix of an object store, which a server may own meanwhile.
    Remote(RemotePlace),
}

impl StorePlace {
    /// Opens the store without changing its data; its catalog may be damaged. The first part is the ownership of a directory.
    ///
    /// # Errors
    /// There is none; a server owns the directory.
    pub fn open_store(&self) -> Result<(Option<DataDir>, Box<dyn Store>)> {
        match self {
            Self::Directory(path) => {
                let (owner, store) = open_store_read_only(path)?;
                Ok((owner, Box::new(store)))
            }
            Self::Remote(remote) => {
                let reader = SlateReader::open(&remote.existing()?, remote.point.as_deref(), CACHE_BYTES)?;
                Ok((None, Box::new(reader)))
            }
        }
    }
}

/// A prefix of an object store, or a restore point of what lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePlace {
    /// As `--store` of its server has it: `s3://BUCKET/PREFIX`, `file:///DIRECTORY`.
    pub url: String,
    /// Name of a restore point; without one it is the newest state.
    pub point: Option<String>,
}

impl RemotePlace {
    /// An URL, with `point=NAME` behind its question mark for a restore point.
    pub fn parse(text: &str) -> Self {
        let Some((url, query)) = text.split_once('?') else {
            return Self { url: text.to_owned(), point: None };
        };
        let mut point = None;
        let mut rest = Vec::new();
        for part in query.split('&') {
            match part.strip_prefix("point=") {
                Some(name) => point = Some(name.to_owned()),
                None => rest.push(part),
            }
        }
        let url = if rest.is_empty() { url.to_owned() } else { format!("{url}?{}", rest.join("&")) };
        Self { url, point }
    }

    /// The prefix, of which nothing is asked; a directory is made when it is missing.
    ///
    /// # Errors
    /// A malformed URL.
    pub fn location(&self) -> Result<Location> {
        Ok(Location::parse(&self.url)?)
    }

    /// The prefix of a store that is to be there: a mistyped directory is not made.
    ///
    /// # Errors
    /// As [`RemotePlace::location`]; there is no such directory.
    pub fn existing(&self) -> Result<Location> {
        if let Some(directory) = self.url.strip_prefix("file://") {
            must_exist(Path::new(directory))?;
        }
        self.location()
    }

    /// The restore point of this name there.
    pub fn at(&self, point: &str) -> Self {
        Self { url: self.url.clone(), point: Some(point.to_owned()) }
    }

    /// The restore point that it has to name.
    ///
    /// # Errors
    /// It names none.
    pub fn must_name_point(&self) -> Result<&str> {
        match &self.point {
            Some(point) => Ok(point),
            None => bail!("name a restore point: {}", self.at("NAME")),
        }
    }
}

impl fmt::Display for RemotePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(point) = &self.point else { return f.write_str(&self.url) };
        let separator = if self.url.contains('?') { '&' } else { '?' };
        write!(f, "{}{separator}point={point}", self.url)
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Remote(remote) => remote.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_point_is_named_behind_the_question_mark() {
        for (text, url, point) in [
            ("s3://b/p", "s3://b/p", None),
            ("s3://b/p?endpoint=http://h:1", "s3://b/p?endpoint=http://h:1", None),
            ("s3://b/p?point=7", "s3://b/p", Some("7")),
            ("s3://b/p?endpoint=http://h:1&point=7", "s3://b/p?endpoint=http://h:1", Some("7")),
            ("file:///d?point=7", "file:///d", Some("7")),
        ] {
            let place = RemotePlace::parse(text);
            assert_eq!((place.url.as_str(), place.point.as_deref()), (url, point));
            assert_eq!(place.to_string(), text);
        }
        let told = RemotePlace::parse("s3://b/p").must_name_point().unwrap_err().to_string();
        assert_eq!(told, "name a restore point: s3://b/p?point=NAME");
    }
}
