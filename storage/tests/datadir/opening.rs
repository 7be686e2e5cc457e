//! Who may open a directory, and which.

use std::{path::Path, process::Command};

use epistemic_storage::{
    GraphStore, StoreError,
    datadir::{DataDir, FORMAT_VERSION, open_read_only},
    graph::{GraphType, Op},
    open_url,
};
use fs_err as fs;

use super::common::{add_node, create, files, open, options};

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
    let url = format!("rocksdb:{}", path.display());
    let (store, dir) = open_url(&url).unwrap();
    let graphs = GraphStore::open(store).unwrap();
    assert_eq!(dir.as_ref().map(DataDir::identity), Some(&identity));
    assert!(graphs.latest(&graphs.graph("t:a").unwrap()).has_node("n").unwrap());
    assert!(graphs.graph("t/a").is_err());
    for unknown in ["", "memory", "memory:x", "rocksdb:", "s3:bucket", "/path"] {
        assert!(matches!(open_url(unknown), Err(StoreError::BadDirectory { .. })), "{unknown}");
    }
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
            assert_eq!((graph.state().nodes, graph.state().edges), (0, 0));
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
        (&["graph_a.mp"], "another epistemic-graph version"),
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

impl<'p> ReadOnlyMount<'p> {
    fn new(path: &'p Path) -> Option<Self> {
        let mount = |arguments: &[&str]| {
            Command::new("mount")
                .args(arguments)
                .arg(path)
                .output()
                .is_ok_and(|output| output.status.success())
        };
        mount(&["-t", "tmpfs", "tmpfs"]).then_some(())?;
        let mounted = Self(path);
        mount(&["-o", "remount,ro"]).then_some(mounted)
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
fn read_only_opens_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (graphs, dir) = open(folder.path());
    super::common::fill(&graphs, "g", 10);
    drop((graphs, dir));
    let db = folder.path().join("db");
    let before = files(&db);
    let (owner, store) = open_read_only(folder.path()).unwrap();
    let graphs = GraphStore::open_read_only(store).unwrap();
    assert_eq!(graphs.graph("g").unwrap().state().nodes, 10);
    let refusal = graphs.write("g", add_node("n", b""));
    assert_eq!(refusal, Err(StoreError::ReadOnly.into()));
    assert_eq!(graphs.poisoned(), None);
    drop((graphs, owner));
    assert_eq!(files(&db), before);
    assert_eq!(open(folder.path()).0.graph("g").unwrap().state().nodes, 10);
}
