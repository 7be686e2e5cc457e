//! Who may open a directory, and which.

use std::{path::Path, process::Command};

use epistemic_storage::{
    Durability, GraphStore, Graphs, Space, Store, StoreError, WriteBatch,
    backend::Read,
    datadir::{DataDir, FORMAT_VERSION, open_read_only},
    graph::{GraphType, Op},
};
use fs_err as fs;

use super::common::{add_node, create, files, open, options, without_checksum};

/// The error of a directory that must be refused and stay as it is.
fn refused(path: &Path) -> StoreError {
    let before = files(path);
    let error = DataDir::open_store(path, &options()).err().expect("the directory must be refused");
    assert!(DataDir::open(path).is_err() && open_read_only(path).is_err(), "{}", path.display());
    assert_eq!(files(path), before, "a refused directory is unchanged");
    error
}

#[test]
fn a_second_open_names_the_owner() {
    let folder = tempfile::tempdir().unwrap();
    let owner = open(folder.path());
    let pid = std::process::id().to_string();
    for error in [DataDir::open(folder.path()).err().unwrap(), open_read_only(folder.path()).err().unwrap()] {
        assert_eq!(error, StoreError::Locked { path: folder.path().to_path_buf(), pid: pid.clone() });
        assert!(error.to_string().contains(&format!("pid {pid}")), "{error}");
    }
    drop(owner);
    drop(open(folder.path()));
}

/// Whatever is deleted in it, a directory has one owner.
#[test]
fn deleted_lock_files_let_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let owner = open(folder.path());
    for lock in ["LOCK", "db/LOCK"] {
        fs::remove_file(folder.path().join(lock)).unwrap();
    }
    let locked =
        StoreError::Locked { path: folder.path().to_path_buf(), pid: std::process::id().to_string() };
    assert_eq!(DataDir::open(folder.path()).err(), Some(locked.clone()));
    assert_eq!(DataDir::open_store(folder.path(), &options()).err(), Some(locked.clone()));
    assert_eq!(open_read_only(folder.path()).err(), Some(locked.clone()));
    // It would be created anew otherwise.
    fs::rename(folder.path().join("identity.json"), folder.path().join("identity.tmp")).unwrap();
    fs::rename(folder.path().join("db"), folder.path().join("elsewhere.tmp")).unwrap();
    assert_eq!(DataDir::open_store(folder.path(), &options()).err(), Some(locked));
    assert!(!folder.path().join("LOCK").exists(), "who is refused leaves nothing");
    fs::rename(folder.path().join("elsewhere.tmp"), folder.path().join("db")).unwrap();
    fs::rename(folder.path().join("identity.tmp"), folder.path().join("identity.json")).unwrap();
    drop(owner);
    drop(open(folder.path()));
}

#[test]
fn identity_stays_and_data_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/the/way");
    let (graphs, dir) = open(&path);
    let identity = dir.identity().clone();
    assert_eq!(identity.format_version, FORMAT_VERSION);
    create(&graphs, "t:a");
    graphs.write("t:a", add_node("n", b"\x80")).unwrap();
    drop((graphs, dir));
    let graphs = Graphs::open_dir(&path, &options()).unwrap();
    assert_eq!(graphs.directory().map(DataDir::identity), Some(&identity));
    assert!(graphs.latest(&graphs.graph("t:a").unwrap()).has_node("n").unwrap());
    assert!(graphs.graph("t/a").is_err());
}

#[test]
fn deleted_and_created_again_does_not_resurrect() {
    let folder = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    for round in 0..6 {
        let (graphs, _dir) = open(folder.path());
        if round > 0 {
            let graph = graphs.graph("g").unwrap();
            assert!(!graphs.latest(&graph).has_node("old").unwrap(), "round {round}");
            assert_eq!((graph.counters().nodes, graph.counters().edges), (0, 0));
            drop(graph);
            graphs.write("g", Op::Delete).unwrap();
        }
        // By creation and by load in turn, reclaimed before the next start or not.
        let mut loader = graphs.load();
        loader.node("old", 1, b"").unwrap();
        let loaded = loader.finish().unwrap();
        if round % 2 == 0 {
            graphs.install("g", loaded, GraphType::Agent, None, false).unwrap();
        } else {
            create(&graphs, "g");
            graphs.write("g", add_node("old", b"")).unwrap();
        }
        ids.push(graphs.graph("g").unwrap().id());
        graphs.write("g", Op::Delete).unwrap();
        if round % 3 != 2 {
            graphs.reclaim().unwrap();
            drop((graphs, _dir));
            let (graphs, _dir) = open(folder.path());
            create(&graphs, "g");
            ids.push(graphs.graph("g").unwrap().id());
        } else {
            create(&graphs, "g");
            ids.push(graphs.graph("g").unwrap().id());
        }
    }
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct, ids, "ids grow and are never used again");
}

#[test]
fn foreign_directories_are_refused_untouched() {
    let cases: [(&[&str], &str); 6] = [
        (&["notes.txt"], "'notes.txt'"),
        (&["db/CURRENT"], "'db'"),
        (&["engine.lock"], "another epistemic-graph version"),
        (&["manifest.json", "x.graph"], "another epistemic-graph version"),
        (&["graph_a.mp"], "egctl import-reference"),
        (&[".hidden"], "'.hidden'"),
    ];
    for (names, reason) in cases {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "theirs").unwrap();
        }
        let error = refused(folder.path());
        assert!(matches!(error, StoreError::BadDirectory { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(reason) && text.contains(folder.path().to_str().unwrap()), "{text}");
    }
}

/// The reference server passes over what is ours and writes its own files beside it.
#[test]
fn graphs_that_the_reference_wrote_into_a_directory_are_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    for (name, content, hidden) in [
        ("engine.lock", "1", false),
        ("__commons__.wal", "", false),
        ("__commons__.wal", "a change", true),
        ("g.mp", "a snapshot", true),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        fs::write(folder.path().join("engine.lock"), "1").unwrap();
        if hidden {
            let refusal = DataDir::open_store(folder.path(), &options()).err().unwrap();
            assert!(DataDir::open(folder.path()).is_err() && open_read_only(folder.path()).is_ok());
            let text = refusal.to_string();
            assert!(text.contains(name) && text.contains("egctl import-reference"), "{text}");
        } else {
            drop(open(folder.path()));
        }
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn damaged_and_newer_identities_are_refused() {
    let newer = format!(r#"{{"format_version":{},"store_id":"x","created_ms":1}}"#, FORMAT_VERSION + 1);
    let cases = [
        ("", "damaged"),
        ("{", "damaged"),
        ("[]", "damaged"),
        ("{\"format_version\":1}", "damaged"),
        ("\u{0}\u{0}\u{0}", "damaged"),
        (newer.as_str(), "format version 2"),
    ];
    for (text, reason) in cases {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        fs::write(folder.path().join("identity.json"), text).unwrap();
        let error = refused(folder.path()).to_string();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
}

#[test]
fn every_flip_of_an_identity_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let file = folder.path().join("identity.json");
    let whole = fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&file, damaged).unwrap();
        let error = DataDir::open_store(folder.path(), &options()).err();
        let text = error.unwrap_or_else(|| panic!("the flip at {at} is not found")).to_string();
        assert!(text.contains("copy identity.json back from any checkpoint"), "the flip at {at}: {text}");
    }
    // As the first versions wrote it.
    fs::write(&file, without_checksum(&whole)).unwrap();
    drop(open(folder.path()));
}

/// Names of graphs have a limit that earlier versions did not know.
#[test]
fn a_graph_of_a_longer_name_stays_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let (graphs, dir) = open(folder.path());
    create(&graphs, "short");
    drop((graphs, dir));
    let long = "l".repeat(10_000);
    let key = |name: &str| [&[1], name.as_bytes()].concat();
    let (dir, store) = DataDir::open_store(folder.path(), &options()).unwrap();
    let entry = store.get(Space::Catalog, &key("short")).unwrap().unwrap();
    let mut batch = WriteBatch::new();
    batch.put(Space::Catalog, key(&long), entry);
    batch.delete(Space::Catalog, key("short"));
    store.commit(batch, Durability::Sync).unwrap();
    drop((store, dir));
    let (graphs, _dir) = open(folder.path());
    graphs.write(&long, add_node("n", b"\x80")).unwrap();
    graphs.write(&long, Op::Clear).unwrap();
    graphs.write(&long, Op::Delete).unwrap();
    let create = Op::Create { kind: GraphType::Agent, owner: None, tenant: None };
    let error = graphs.write(&long, create).unwrap_err().to_string();
    assert!(error.contains("graph_name has 10000 bytes, 8192 are the most"), "{error}");
}

#[test]
fn a_missing_database_is_not_replaced_by_an_empty_one() {
    for missing in ["db", "db/CURRENT"] {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        let path = folder.path().join(missing);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        assert!(!path.exists());
        let error = DataDir::open_store(folder.path(), &options()).err().unwrap();
        assert!(error.is_corruption() && error.to_string().contains("CURRENT"), "{error}");
        assert!(open_read_only(folder.path()).is_err());
        assert!(!path.exists(), "{missing}");
    }
}

#[test]
fn a_creation_that_was_cut_short_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let (graphs, dir) = open(folder.path());
    create(&graphs, "g");
    drop((graphs, dir));
    fs::write(folder.path().join("CREATING"), "").unwrap();
    assert!(open(folder.path()).0.graph("g").is_ok(), "an identity is the proof of a complete store");
    assert!(!folder.path().join("CREATING").exists());
    fs::remove_file(folder.path().join("identity.json")).unwrap();
    assert!(matches!(refused(folder.path()), StoreError::BadDirectory { .. }));
    fs::write(folder.path().join("CREATING"), "").unwrap();
    fs::write(folder.path().join("identity.tmp"), "{").unwrap();
    assert_eq!(open(folder.path()).0.graph_count(), 1);
    assert!(!folder.path().join("CREATING").exists());
}

#[test]
fn a_path_that_cannot_be_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = DataDir::open_store(&path, &options()).err().unwrap();
        assert!(matches!(error, StoreError::BadDirectory { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

/// A file system mounted read-only, unmounted when dropped. Takes root.
struct ReadOnlyMount<'p>(&'p Path);

fn mount(path: &Path, arguments: &[&str]) -> Option<()> {
    let output = Command::new("mount").args(arguments).arg(path).output().ok()?;
    output.status.success().then_some(())
}

impl<'p> ReadOnlyMount<'p> {
    fn new(path: &'p Path) -> Option<Self> {
        Self::with(path, || ())
    }

    /// With what `fill` writes there.
    fn with(path: &'p Path, fill: impl FnOnce()) -> Option<Self> {
        mount(path, &["-t", "tmpfs", "tmpfs"])?;
        let mounted = Self(path);
        fill();
        mount(path, &["-o", "remount,ro"]).map(|()| mounted)
    }

    /// Does something while it can be written.
    fn writable(&self, change: impl FnOnce()) {
        mount(self.0, &["-o", "remount,rw"]).unwrap();
        change();
        mount(self.0, &["-o", "remount,ro"]).unwrap();
    }
}

impl Drop for ReadOnlyMount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}

#[test]
fn a_read_only_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = ReadOnlyMount::new(folder.path()).expect("mounting a tmpfs: the tests run as root");
    for path in [folder.path().to_path_buf(), folder.path().join("new")] {
        let error = DataDir::open_store(&path, &options()).err().unwrap();
        assert!(matches!(error, StoreError::BadDirectory { .. }), "{error}");
        assert!(error.to_string().contains("Read-only file system"), "{error}");
    }
    drop(mounted);
}

#[test]
fn a_stopped_directory_on_a_read_only_mount_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = ReadOnlyMount::with(folder.path(), || {
        let (graphs, _dir) = open(folder.path());
        super::common::fill(&graphs, "g", 10);
    });
    let mounted = mounted.expect("mounting a tmpfs: the tests run as root");
    for lock in [true, false] {
        let (owner, store) = open_read_only(folder.path()).unwrap();
        assert!(owner.is_some());
        let graphs = GraphStore::open_read_only(store).unwrap();
        assert_eq!(graphs.graph("g").unwrap().counters().nodes, 10, "with LOCK: {lock}");
        assert!(matches!(open_read_only(folder.path()), Err(StoreError::Locked { .. })));
        drop((graphs, owner));
        mounted.writable(|| fs::remove_file(folder.path().join("LOCK")).unwrap_or_default());
    }
    let error = DataDir::open_store(folder.path(), &options()).err().unwrap().to_string();
    assert!(error.contains("Read-only file system"), "{error}");
}

#[test]
fn read_only_opens_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (graphs, dir) = open(folder.path());
    super::common::fill(&graphs, "g", 10);
    drop((graphs, dir));
    let db = folder.path().join("db");
    let before = files(&db);
    let (owner, store) = open_read_only(folder.path()).unwrap();
    let graphs = GraphStore::open_read_only(store).unwrap();
    assert_eq!(graphs.graph("g").unwrap().counters().nodes, 10);
    let refusal = graphs.write("g", add_node("n", b""));
    assert_eq!(refusal, Err(StoreError::ReadOnly.into()));
    assert_eq!(graphs.poisoned(), None);
    drop((graphs, owner));
    assert_eq!(files(&db), before);
    assert_eq!(open(folder.path()).0.graph("g").unwrap().counters().nodes, 10);
}
