//! Where graphs of the reference server go: a directory, or the shards that own them.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_operations::remote::{call, upload};
use epistemic_router::Client;
use epistemic_router::status::GraphStats;
use epistemic_storage::graph::{COMMONS, GraphError};
use epistemic_storage::snapshot::{self, ImportTarget, Totals};
use fs_err as fs;
use tokio::runtime::Runtime;

use crate::exit::{Exit, Failure};
use crate::shards::ShardArgs;

const BUFFER: usize = 1 << 20;

/// Where the graphs go, and what may be done there.
#[derive(Args, Debug)]
pub(super) struct TargetArgs {
    #[command(flatten)]
    pub(super) shards: ShardArgs,
    /// Put the graphs into this persist directory of a stopped server; a new or empty directory becomes one.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["endpoint", "endpoints"])]
    pub(super) to_dir: Option<PathBuf>,
    /// Put graphs in the place of graphs of the same name. Without this, such a graph is not taken.
    #[arg(long)]
    pub(super) replace: bool,
    /// Take graphs that are incomplete or doubtful too, as far as they can be read. Without this they are not taken.
    #[arg(long)]
    pub(super) accept_partial: bool,
    /// Read and check everything and say what would be done; change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl TargetArgs {
    /// The place. Nothing is connected, opened or created yet.
    pub(super) fn open<'a>(&'a self, runtime: &'a Runtime) -> Result<Target<'a>> {
        let place = match &self.to_dir {
            Some(path) => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                if !path.is_dir() && !parent.unwrap_or(Path::new(".")).is_dir() {
                    let path = path.display();
                    let message =
                        format!("'{path}' cannot be created: the directory above it does not exist");
                    return Err(Failure::new(Exit::Usage, message).into());
                }
                Place::Dir { path, open: None }
            }
            None => {
                self.shards.list()?;
                Place::Shards { args: &self.shards, runtime, known: HashMap::new() }
            }
        };
        Ok(Target { place, replace: self.replace, read_only: self.dry_run })
    }
}

/// The place of graphs that are taken over.
pub(super) struct Target<'a> {
    place: Place<'a>,
    replace: bool,
    read_only: bool,
}

enum Place<'a> {
    Dir { path: &'a Path, open: Option<Box<Directory>> },
    Shards { args: &'a ShardArgs, runtime: &'a Runtime, known: HashMap<String, Vec<GraphStats>> },
}

impl Target<'_> {
    /// Where `graph` goes, and whether what is there may be replaced; an error when it may not. An empty `__commons__`
    /// is on every shard, also in a directory that is still to be made, and always may.
    pub(super) fn admit(&mut self, graph: &str) -> Result<(String, bool)> {
        let (place, there) = match &mut self.place {
            Place::Dir { path, open } => {
                if open.is_none() && path.join("identity.json").exists() {
                    let dir = if self.read_only {
                        Directory::open_read_only(path)?
                    } else {
                        Directory::open_writable(path)?
                    };
                    *open = Some(Box::new(dir));
                }
                let there = match open.as_ref().map(|dir| dir.graphs.graph(graph)) {
                    Some(Ok(graph)) => Some((graph.counters().nodes, graph.counters().edges)),
                    Some(Err(GraphError::GraphNotFound(_))) | None => None,
                    // It arrives there or has moved.
                    Some(Err(error)) => return Err(error.into()),
                };
                (path.display().to_string(), there)
            }
            Place::Shards { args, runtime, known } => {
                let client = runtime.block_on(args.owner_of(graph))?;
                let endpoint = client.endpoint().to_string();
                if !known.contains_key(&endpoint) {
                    let stats = runtime.block_on(call(&client, COMMONS, "GraphStats", &()))?;
                    known.insert(endpoint.clone(), stats);
                }
                let there = known[&endpoint].iter().find(|there| there.name == graph);
                let there = there.map(|there| (there.nodes, there.edges));
                (endpoint, there)
            }
        };
        match there {
            None => Ok((place, self.replace || graph == COMMONS)),
            Some(_) if self.replace => Ok((place, true)),
            Some((0, 0)) if graph == COMMONS => Ok((place, true)),
            Some((nodes, edges)) => {
                let exists = GraphError::GraphExists(graph.to_owned());
                let message = format!(
                    "{exists} in {place}, with {nodes} nodes and {edges} edges; give --replace to put this one in its place"
                );
                Err(Failure::new(Exit::Failed, message).into())
            }
        }
    }

    /// Installs a snapshot as the graph `name` and compares digests. Visible as a whole and durable on return. `snapshot`
    /// is read once from its beginning to its end.
    pub(super) fn put(
        &mut self,
        name: &str,
        replace: bool,
        snapshot: File,
        totals: &Totals,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let arrived = match &mut self.place {
            Place::Dir { path, open } => {
                let dir = match open {
                    Some(dir) => dir,
                    None => {
                        if !path.is_dir() {
                            fs::create_dir(*path)?;
                        }
                        open.insert(Box::new(Directory::open_writable(path)?))
                    }
                };
                let target = ImportTarget { name: Some(name.to_owned()), replace, ..ImportTarget::default() };
                let stream = BufReader::with_capacity(BUFFER, snapshot);
                snapshot::import(&dir.graphs, stream, &target, progress)?.1.digest
            }
            Place::Shards { args, runtime, .. } => {
                let client: Client = runtime.block_on(args.owner_of(name))?;
                let length = u128::from(snapshot.metadata()?.len().max(1));
                let records = u128::from(totals.nodes + totals.edges + totals.ledger + totals.vectors);
                let mut sent = |bytes: u64| {
                    progress(u64::try_from(records * u128::from(bytes) / length).unwrap_or(u64::MAX));
                };
                upload(runtime.handle(), &client, name, replace, snapshot, &mut sent)?
            }
        };
        let digest = &totals.digest;
        ensure!(
            arrived == *digest,
            "its digest is {arrived} there, and has to be {digest}: take it again with --replace"
        );
        Ok(())
    }
}
