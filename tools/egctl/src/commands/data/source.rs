//! Opening the graph that a command looks at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use epistemic_operations::backup::{
    self, BackupError, Choice, Listed, Name, Objects, Point, Route, Wanted, matching, several,
};
use epistemic_operations::data::{DirectorySource, GraphSource, ShardSource, SnapshotFile};
use epistemic_operations::hosts::{Directory, DirectoryParty, StorePlace};
use tokio::runtime::Runtime;

use crate::commands::backup::Scratch;
use crate::encryption::IdentityArgs;
use crate::exit::{Exit, Failure};
use crate::graph::GraphArgs;
use crate::place::{PlaceArgs, store_place};
use crate::progress::{Progress, Total};

/// Where a graph is that is looked at: on a running shard, in a directory, on an object store, in a snapshot file or a backup.
#[derive(Args, Debug)]
pub(in crate::commands) struct FromArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Read a snapshot file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "endpoint", "endpoints"])]
    file: Option<PathBuf>,
    /// Read a backup, which is restored to a scratch store first: file:///PATH, /PATH or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "URL", conflicts_with_all = ["dir", "endpoint", "endpoints", "file"])]
    from: Option<String>,
    /// Of the backup, this run. Default: the newest.
    #[arg(long, value_name = "RUN", requires = "from")]
    run: Option<String>,
    /// Read what lies on an object store, beside its server, which goes on: the URL that the server has in --store, with
    /// ?point=NAME for a restore point. With --from: of the backup, only this store, by its identity or how that begins (egctl
    /// backup list).
    #[arg(long, value_name = "URL|ID", conflicts_with_all = ["dir", "endpoint", "endpoints", "file"])]
    store: Option<String>,
    #[command(flatten)]
    identity: IdentityArgs,
}

/// A graph that is open, and what it needs to stay so.
pub(in crate::commands) struct Opened {
    source: Box<dyn GraphSource>,
    _held: Held,
}

/// Let go behind the graph.
#[expect(dead_code, reason = "they are held, not used")]
enum Held {
    Nothing,
    Directory(Directory),
    Scratch(Scratch),
}

impl Opened {
    /// The graph.
    pub(in crate::commands) fn graph(&self) -> &dyn GraphSource {
        &*self.source
    }
}

impl FromArgs {
    /// Opens the graph that is meant; that of a snapshot file need not be named.
    pub(in crate::commands) fn open(&self, graph: &GraphArgs, runtime: &Runtime) -> Result<Opened> {
        match &self.file {
            Some(path) if !graph.is_named() => self.in_file(path, None),
            Some(path) => self.in_file(path, Some(&graph.name()?)),
            None => self.open_name(&graph.name()?, runtime),
        }
    }

    /// Opens the graph of this name.
    pub(in crate::commands) fn open_name(&self, graph: &str, runtime: &Runtime) -> Result<Opened> {
        if let Some(path) = &self.file {
            return self.in_file(path, Some(graph));
        }
        if let Some(url) = &self.from {
            return self.in_backup(url, graph, runtime);
        }
        if let Some(store) = store_place(self.place.dir.as_ref(), self.store.as_deref()) {
            return in_store(&store, graph);
        }
        let client = runtime.block_on(self.place.shards.owner_of(graph))?;
        let source = Box::new(ShardSource::new(runtime.handle().clone(), client, graph));
        Ok(Opened { source, _held: Held::Nothing })
    }

    fn in_backup(&self, url: &str, graph: &str, runtime: &Runtime) -> Result<Opened> {
        let objects = Objects::open(url, false, runtime.handle())?.with_keys(self.identity.keys()?);
        let route = self.route(&objects, graph)?;
        let scratch = Scratch::new(None)?;
        let target = DirectoryParty::new("a scratch store", Arc::clone(&scratch.graphs), None);
        let mut progress = Progress::new("restore", Total::Bytes(route.bytes()));
        let name = Name { name: graph, replace: true };
        backup::restore(&objects, &route, &target, &name, &mut |bytes, _| progress.update(bytes, 0))?;
        let place = format!("{} run {}", objects.url(), route.run);
        let source = Box::new(DirectorySource::open(place, Arc::clone(&scratch.graphs), graph)?);
        Ok(Opened { source, _held: Held::Scratch(scratch) })
    }

    /// The way to the graph in the one store that has it.
    fn route(&self, objects: &Objects, graph: &str) -> Result<Route> {
        let listed = Listed::of(objects)?;
        let wanted = Wanted { store: self.store.clone(), shard: None };
        let stores = matching(objects, &listed, &wanted)?;
        let mut found = Vec::new();
        let mut refused = None;
        for (store, source) in &stores {
            let route = Choice::load(objects, &listed, store, self.run.as_deref())
                .and_then(|choice| choice.route(graph, Point::Newest));
            match route {
                Ok(route) => found.push((store.clone(), source.clone(), route)),
                Err(error) if matches!(error.downcast_ref(), Some(BackupError::NotFound(_))) => {
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        if found.len() > 1 {
            let having = found.into_iter().map(|(store, source, _)| (store, source)).collect();
            return Err(several(objects, &having).into());
        }
        let none = || BackupError::NotFound(format!("there is no backup in {}", objects.url())).into();
        found.pop().map(|(_, _, route)| route).ok_or_else(|| refused.unwrap_or_else(none))
    }

    /// The graph of a snapshot file, which must have this name if one is wanted.
    fn in_file(&self, path: &Path, wanted: Option<&str>) -> Result<Opened> {
        let file = SnapshotFile::open(path, &self.identity.keys()?)?;
        let there = file.graph();
        if let Some(wanted) = wanted.filter(|wanted| *wanted != there) {
            let message = format!("{} has graph {there:?}, not {wanted:?}", path.display());
            return Err(Failure::new(Exit::Usage, message).into());
        }
        Ok(Opened { source: Box::new(file), _held: Held::Nothing })
    }
}

fn in_store(store: &StorePlace, graph: &str) -> Result<Opened> {
    let directory = Directory::open_place(store)?;
    let graphs = Arc::clone(&directory.graphs);
    let source = Box::new(DirectorySource::open(store.to_string(), graphs, graph)?);
    Ok(Opened { source, _held: Held::Directory(directory) })
}
