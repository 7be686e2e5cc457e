//! Where a copy of a graph is, and reading it.

use std::fmt;
use std::io::{self, PipeWriter, Read};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use epistemic_operations::encryption::{Keys, StoredSnapshot};
use epistemic_operations::hosts::{Directory, RemotePlace, StorePlace};
use epistemic_operations::remote::Download;
use epistemic_router::Endpoint;
use epistemic_storage::graph::Graph;
use epistemic_storage::snapshot::{CompareError, SnapshotError, export};
use tokio::runtime::Runtime;

use crate::shards::CredentialArgs;

/// A copy of a graph.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A snapshot file.
    File(PathBuf),
    /// A graph in a directory or on an object store.
    Store(StorePlace, String),
    /// A graph of a running shard.
    Shard(Endpoint, String),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::File(path.into()));
        }
        let Some((place, graph)) = text.split_once('#') else {
            if ["dir:", "store:", "tcp://", "unix://"].iter().any(|scheme| text.starts_with(scheme)) {
                return Err(format!("name the graph: {text}#GRAPH"));
            }
            return Ok(Self::File(text.into()));
        };
        if let Some(path) = place.strip_prefix("dir:") {
            return Ok(Self::Store(StorePlace::Directory(path.into()), graph.to_owned()));
        }
        if let Some(url) = place.strip_prefix("store:") {
            return Ok(Self::Store(StorePlace::Remote(RemotePlace::parse(url)), graph.to_owned()));
        }
        if place.starts_with("tcp://") || place.starts_with("unix://") {
            let endpoint = Endpoint::parse(place).map_err(|error| error.to_string())?;
            return Ok(Self::Shard(endpoint, graph.to_owned()));
        }
        let forms = "dir:PATH#GRAPH, store:URL#GRAPH, tcp://HOST:PORT#GRAPH or unix://PATH#GRAPH";
        Err(format!("a graph is given as {forms}, a file as file:FILE"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Store(StorePlace::Directory(path), graph) => write!(f, "dir:{}#{graph}", path.display()),
            Self::Store(StorePlace::Remote(remote), graph) => write!(f, "store:{remote}#{graph}"),
            Self::Shard(endpoint, graph) => write!(f, "{endpoint}#{graph}"),
        }
    }
}

/// An open copy.
enum Opened {
    Stream(Box<dyn Read + Send>),
    Graph(Arc<Directory>, Arc<Graph>),
}

/// Two open copies.
pub(super) struct Sources {
    opened: [Opened; 2],
    names: [String; 2],
}

impl Sources {
    /// Opens both. A store that both are in is opened once.
    pub(super) fn open(
        sources: [&Source; 2],
        credentials: &CredentialArgs,
        keys: &Keys,
        runtime: &Runtime,
    ) -> Result<Self> {
        let mut store: Option<(StorePlace, Arc<Directory>)> = None;
        let mut open = |source: &Source| -> Result<Opened> {
            Ok(match source {
                Source::File(path) => Opened::Stream(Box::new(StoredSnapshot::open(path, keys)?)),
                Source::Shard(endpoint, graph) => {
                    let download = runtime.block_on(async {
                        let client = credentials.connect(endpoint).await?;
                        anyhow::Ok(Download::open(client, graph).await?)
                    });
                    Opened::Stream(Box::new(download?))
                }
                Source::Store(place, graph) => {
                    let opened = match &store {
                        Some((open, opened)) if same(open, place) => Arc::clone(opened),
                        Some(_) | None => Arc::new(Directory::open_place(place)?),
                    };
                    let graph = opened.graphs.graph(graph)?;
                    store = Some((place.clone(), Arc::clone(&opened)));
                    Opened::Graph(opened, graph)
                }
            })
        };
        let mut named = |source: &Source| open(source).with_context(|| source.to_string());
        let opened = [named(sources[0])?, named(sources[1])?];
        Ok(Self { opened, names: sources.map(ToString::to_string) })
    }

    /// Has `work` read the snapshot streams of both. Graphs in directories are exported into pipes meanwhile. An export
    /// that fails is the cause of what its reader then makes of it.
    pub(super) fn read<T>(
        self,
        work: impl FnOnce([Box<dyn Read + Send>; 2]) -> Result<T, CompareError>,
    ) -> Result<T> {
        thread::scope(|scope| {
            let mut exports = Vec::new();
            let mut stream = |opened: Opened| -> io::Result<Box<dyn Read + Send>> {
                match opened {
                    Opened::Stream(stream) => Ok(stream),
                    Opened::Graph(directory, graph) => {
                        let (reader, writer) = io::pipe()?;
                        let work = move || exported(&directory, &graph, writer);
                        exports.push(thread::Builder::new().name("export".into()).spawn_scoped(scope, work)?);
                        Ok(Box::new(reader))
                    }
                }
            };
            let [first, second] = self.opened;
            let streams = [stream(first)?, stream(second)?];
            let done = work(streams);
            for export in exports {
                match export.join() {
                    Ok(Err(error)) if !is_broken_pipe(&error) => return Err(error.into()),
                    Ok(_) => {}
                    Err(_) => anyhow::bail!("the export panicked"),
                }
            }
            done.map_err(|CompareError { which, error }| {
                anyhow::Error::from(error).context(self.names[which].clone())
            })
        })
    }
}

fn exported(directory: &Directory, graph: &Graph, writer: PipeWriter) -> Result<(), SnapshotError> {
    export(&directory.graphs, graph, writer, &mut |_| {}).map(drop)
}

/// The reader stopped early: it has the reason.
fn is_broken_pipe(error: &SnapshotError) -> bool {
    matches!(error, SnapshotError::Stream(error) if error.kind() == io::ErrorKind::BrokenPipe)
}

/// Whether both are one store, in one state.
fn same(first: &StorePlace, second: &StorePlace) -> bool {
    let (StorePlace::Directory(first), StorePlace::Directory(second)) = (first, second) else {
        return first == second;
    };
    match (fs_err::canonicalize(first), fs_err::canonicalize(second)) {
        (Ok(first), Ok(second)) => first == second,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) | (Err(_), Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_named_by_place_and_graph() {
        for (text, shown) in [
            ("a.snap", "a.snap"),
            ("file:a#b.snap", "a#b.snap"),
            ("dir:/data#g#1", "dir:/data#g#1"),
            ("dir:/data#", "dir:/data#"),
            ("tcp://h:1#t:a/b", "tcp://h:1#t:a/b"),
            ("unix:///run/s.sock#g", "unix:///run/s.sock#g"),
            ("store:s3://b/p#g#1", "store:s3://b/p#g#1"),
            ("store:file:///d?point=7#g", "store:file:///d?point=7#g"),
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), shown);
        }
        for (text, told) in [
            ("dir:/data", "dir:/data#GRAPH"),
            ("tcp://h:1", "tcp://h:1#GRAPH"),
            ("store:s3://b/p", "store:s3://b/p#GRAPH"),
            ("tcp://h#g", "tcp://h"),
            ("/data#g", "dir:PATH#GRAPH"),
        ] {
            let error = text.parse::<Source>().unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
