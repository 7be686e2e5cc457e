//! A persist directory of the reference server 0.28 to 0.31: which graphs its files hold, and what is doubtful about that.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use epistemic_storage::graph::{COMMONS, GraphType};
use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::manifest::{GraphName, Manifest, stem};

/// Why nothing of a directory can be read.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A server holds its lock.
    #[error(
        "a server (pid {pid}) runs on '{dir}': stop it, or copy its graphs with: egctl pull --from ENDPOINT"
    )]
    InUse {
        /// The directory.
        dir: String,
        /// The server, as its lock says.
        pid: String,
    },
    /// Other files than expected.
    #[error("'{dir}' is no persist directory of the reference server 0.28 to 0.31: {reason}")]
    Foreign {
        /// The directory.
        dir: String,
        /// What is there.
        reason: &'static str,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A graph of a directory, by its files.
#[derive(Debug)]
pub struct Source {
    /// Stem of its files.
    pub file: String,
    /// Its name.
    pub graph: GraphName,
    /// Its snapshot, if there is one.
    pub snapshot: Option<PathBuf>,
    /// Its log, if there is one.
    pub log: Option<PathBuf>,
    /// Bytes of both files.
    pub bytes: u64,
    /// What is missing or doubtful already now.
    pub problems: Vec<String>,
    /// What is worth knowing and costs nothing.
    pub notes: Vec<String>,
}

/// The graphs of a directory. No reference server can start on it until this is dropped.
#[derive(Debug)]
pub struct Directory {
    /// In the order of their files' names.
    pub sources: Vec<Source>,
    /// Files that were passed over.
    pub notes: Vec<String>,
    _lock: Option<fs::File>,
}

const MANIFEST: &str = "manifest.json";
const LOCK: &str = "engine.lock";

#[derive(Default)]
struct Files {
    snapshot: Option<PathBuf>,
    log: Option<PathBuf>,
    snapshot_bytes: u64,
    log_bytes: u64,
}

impl Directory {
    /// Lists the graphs. `names` are those that the operator vouches for, by file stem. Reads only; takes the lock if there is one.
    pub fn open(dir: &Path, names: &BTreeMap<String, String>) -> Result<Self, DirectoryError> {
        let lock = lock(dir)?;
        let mut files: BTreeMap<String, Files> = BTreeMap::new();
        let (mut manifest, mut notes, mut foreign) = (None, Vec::new(), None);
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(stem) = name.strip_suffix(".mp") {
                let file = files.entry(stem.to_owned()).or_default();
                file.snapshot_bytes = entry.metadata()?.len();
                file.snapshot = Some(entry.path());
            } else if let Some(stem) = name.strip_suffix(".wal") {
                let file = files.entry(stem.to_owned()).or_default();
                file.log_bytes = entry.metadata()?.len();
                file.log = Some(entry.path());
            } else if name == MANIFEST {
                manifest = Some(Manifest::read(&fs::read(entry.path())?));
            } else if name == "graph.redb" {
                foreign = Some(
                    "it is of 2.0, which keeps graphs in graph.redb; start that server and use: egctl pull",
                );
            } else if name == "identity.json" {
                foreign = Some("it is one of this product; its server can use it as it is");
            } else if name != LOCK {
                notes.push(format!("{name}: not a file with a graph, passed over"));
            }
        }
        let nothing = files.is_empty() && manifest.is_none();
        if let Some(reason) =
            foreign.or(nothing.then_some("there is no manifest.json, no .mp and no .wal file"))
        {
            return Err(DirectoryError::Foreign { dir: dir.display().to_string(), reason });
        }
        let found = Found { manifest, any_snapshot: files.values().any(|file| file.snapshot.is_some()) };
        for stem in found.manifest.iter().flat_map(|manifest| manifest.entries.keys()) {
            files.entry(stem.clone()).or_default();
        }
        let mut sources = Vec::new();
        for (stem, file) in files {
            if found.entry(&stem).is_none() && file.snapshot.is_none() && file.log_bytes == 0 {
                notes.push(format!("{stem}.wal: empty, and the manifest names no graph for it"));
            } else {
                sources.push(found.source(stem, file, names));
            }
        }
        notes.sort();
        Ok(Self { sources, notes, _lock: lock })
    }
}

/// Fails while a server has the directory.
fn lock(dir: &Path) -> Result<Option<fs::File>, DirectoryError> {
    let path = dir.join(LOCK);
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => {
            let pid = fs::read_to_string(&path)?.trim().to_owned();
            Err(DirectoryError::InUse { dir: dir.display().to_string(), pid })
        }
        Err(error) => Err(io::Error::from(error).into()),
    }
}

/// What names there are.
struct Found {
    manifest: Option<Manifest>,
    any_snapshot: bool,
}

impl Found {
    fn entry(&self, stem: &str) -> Option<&GraphName> {
        self.manifest.as_ref()?.entries.get(stem)
    }

    fn source(&self, stem_of_file: String, file: Files, names: &BTreeMap<String, String>) -> Source {
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        let vouched = names.get(&stem_of_file);
        let graph = match (self.entry(&stem_of_file), vouched) {
            (Some(entry), None) => entry.clone(),
            (Some(entry), Some(name)) => GraphName { name: name.clone(), kind: entry.kind },
            (None, _) => {
                let doubt = self.doubt(&stem_of_file, file.snapshot.is_some());
                match (doubt, vouched) {
                    (Some(doubt), None) => problems.push(format!(
                        "{doubt}; to say which graph it is, give --name '{stem_of_file}=NAME'"
                    )),
                    (Some(doubt), Some(_)) => notes.push(doubt),
                    (None, _) => {}
                }
                let name = vouched.unwrap_or(&stem_of_file).clone();
                let kind = if name == COMMONS { GraphType::Commons } else { GraphType::Agent };
                if kind != GraphType::Commons {
                    notes.push("its type is not known: it becomes of type Agent".to_owned());
                }
                GraphName { name, kind }
            }
        };
        if stem(&graph.name) != graph.name {
            notes.push(format!(
                "names that differ from its own only in characters written as '_' share {stem_of_file}.wal with it: their changes, if any, cannot be told from its own"
            ));
        }
        match (&file.snapshot, &file.log) {
            (None, _) if self.entry(&stem_of_file).is_some() => problems.push(format!(
                "{stem_of_file}.mp is missing: all that was in it at the last checkpoint is lost"
            )),
            (Some(_), None) => notes.push(format!(
                "there is no {stem_of_file}.wal: changes since the last checkpoint, if any, are lost"
            )),
            _ => {}
        }
        let bytes = file.snapshot_bytes + file.log_bytes;
        Source { file: stem_of_file, graph, snapshot: file.snapshot, log: file.log, bytes, problems, notes }
    }

    /// Why the name of a graph without an entry, or that it still exists, is doubtful.
    fn doubt(&self, stem: &str, has_snapshot: bool) -> Option<String> {
        let Some(manifest) = &self.manifest else {
            if self.any_snapshot {
                return Some("manifest.json is missing, so the file alone names the graph".to_owned());
            }
            // Before the first checkpoint there is no manifest.
            let replaced = stem.contains('_') && !is_of_the_stack(stem);
            return replaced.then(|| {
                "only its log is there, which does not say what the '_' in its name stand for, or whether several graphs share it".to_owned()
            });
        };
        Some(match &manifest.damage {
            Some(damage) => format!("manifest.json is damaged ({damage}) and what can be read of it does not name it"),
            None if has_snapshot => "manifest.json does not name it: it was deleted, or the file is from elsewhere".to_owned(),
            None => "manifest.json does not name it: it was created after the last checkpoint, or deleted before it".to_owned(),
        })
    }
}

/// Whether the stem is a name as the published clients make them, whose '_' are its own: `__commons__`, `__ingest_news__`,
/// `tenant__acme____commons__`.
fn is_of_the_stack(stem: &str) -> bool {
    let is_base = |name: &str| name.len() > 4 && name.starts_with("__") && name.ends_with("__");
    let tenant = stem.strip_prefix("tenant__").and_then(|rest| rest.strip_suffix("__"));
    let is_tenant = tenant.and_then(|rest| rest.rsplit_once("____")).is_some_and(|(slug, base)| {
        !slug.is_empty() && !base.is_empty() && slug.chars().all(|c| !c.is_ascii_uppercase())
    });
    is_base(stem) || is_tenant
}
