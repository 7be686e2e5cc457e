//! Persist directories: which graphs there are, and what is doubtful.

use std::collections::BTreeMap;
use std::path::Path;

use epistemic_storage::graph::GraphType;
use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

use super::super::directory::{Directory, DirectoryError, Source};
use super::super::manifest::{Manifest, stem};
use super::{add_node, document};

const MANIFEST: &str =
    r#"{"a_b":{"graph_type":"Team","name":"a:b"},"plain":{"graph_type":"Global","name":"plain"}}"#;

fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

fn open(dir: &Path, names: &[(&str, &str)]) -> Result<Vec<Source>, DirectoryError> {
    let names: BTreeMap<String, String> =
        names.iter().map(|(file, name)| ((*file).into(), (*name).into())).collect();
    Ok(Directory::open(dir, &names)?.sources)
}

fn sources(files: &[(&str, &[u8])]) -> Vec<Source> {
    open(directory(files).path(), &[]).unwrap()
}

#[test]
fn a_manifest_names_the_graphs() {
    let (whole, log) = (document(), add_node("a", b"\x80"));
    let found = sources(&[
        ("manifest.json", MANIFEST.as_bytes()),
        ("a_b.mp", &whole),
        ("a_b.wal", b""),
        ("plain.mp", &whole),
        ("plain.wal", &log),
        ("engine.lock", b"1"),
    ]);
    let names: Vec<_> = found.iter().map(|source| (source.graph.name.as_str(), source.graph.kind)).collect();
    assert_eq!(names, [("a:b", GraphType::Team), ("plain", GraphType::Global)]);
    assert!(found.iter().all(|source| source.problems.is_empty()));
    assert!(found[0].notes[0].contains("share a_b.wal"), "{:?}", found[0].notes);
    assert_eq!((found[1].notes.len(), found[1].bytes), (0, (whole.len() + log.len()) as u64));
}

#[test]
fn what_is_missing_is_told_per_graph() {
    let (whole, log) = (document(), add_node("a", b"\x80"));
    let manifest = ("manifest.json", MANIFEST.as_bytes());
    let problem = |files: &[(&str, &[u8])], file: &str, text: &str| {
        let found = sources(files);
        let source = found.iter().find(|source| source.file == file).unwrap();
        assert!(source.problems.iter().any(|problem| problem.contains(text)), "{:?}", source.problems);
    };
    problem(&[manifest, ("a_b.mp", &whole)], "plain", "plain.mp is missing");
    problem(&[manifest, ("x.mp", &whole)], "x", "was deleted, or the file is from elsewhere");
    problem(&[manifest, ("x.wal", &log)], "x", "after the last checkpoint, or deleted before it");
    problem(&[("x.mp", &whole), ("x.wal", b"")], "x", "manifest.json is missing");
    problem(&[("x.mp", &whole), ("manifest.json", b"{\"a")], "x", "manifest.json is damaged");
    problem(&[("a_b.wal", &log)], "a_b", "several graphs share it");
    // Before the first checkpoint there are only logs; a name without '_' is the graph's own.
    let found = sources(&[("x.wal", &log), ("__commons__.wal", &log), ("y.wal", b"")]);
    let names: Vec<_> = found.iter().map(|source| (source.graph.name.as_str(), source.graph.kind)).collect();
    assert_eq!(names, [("__commons__", GraphType::Commons), ("x", GraphType::Agent)]);
    assert!(found.iter().all(|source| source.problems.is_empty()));
    // And one as the published clients make it, whose '_' are its own.
    for (file, is_doubtful) in [
        ("tenant__acme____commons__", false),
        ("tenant__a_b.c____bus__", false),
        ("__ingest_news__", false),
        ("tenant__acme", true),
        ("tenant__Acme____bus__", true),
        ("tenant______bus__", true),
        ("____", true),
        ("a__b", true),
    ] {
        let name = format!("{file}.wal");
        let found = sources(&[(name.as_str(), &log)]);
        assert_eq!(!found[0].problems.is_empty(), is_doubtful, "{file}: {:?}", found[0].problems);
    }
}

#[test]
fn a_name_that_the_operator_vouches_for_is_no_problem() {
    let log = add_node("a", b"\x80");
    let dir = directory(&[("a_b.wal", &log)]);
    let found = open(dir.path(), &[("a_b", "a/b")]).unwrap();
    assert_eq!((found[0].graph.name.as_str(), found[0].problems.len()), ("a/b", 0));
}

#[test]
fn every_cut_of_a_manifest_keeps_the_entries_before_it() {
    let second = MANIFEST.find("}").unwrap() + 1;
    for length in 0..MANIFEST.len() {
        let manifest = Manifest::read(&MANIFEST.as_bytes()[..length]);
        assert!(manifest.damage.is_some(), "cut at {length}");
        let entries = usize::from(length >= second) + usize::from(length == MANIFEST.len() - 1);
        assert_eq!(manifest.entries.len(), entries, "cut at {length}");
    }
    assert!(Manifest::read(MANIFEST.as_bytes()).damage.is_none());
    for wrong in [
        r#"{"x":{"graph_type":"Agent","name":"y"}}"#,
        r#"{"x":{"graph_type":"None","name":"x"}}"#,
        r#"{"x":{"graph_type":"Agent","name":"x"},"x":{"graph_type":"Agent","name":"x"}}"#,
    ] {
        assert!(Manifest::read(wrong.as_bytes()).damage.is_some(), "{wrong}");
    }
}

#[test]
fn stems_are_those_of_the_reference() {
    for (name, file) in
        [("agent:é🙂", "agent___"), ("a/b", "a_b"), ("", ""), (".", "."), ("A-z_0.9", "A-z_0.9")]
    {
        assert_eq!(stem(name), file);
    }
}

#[test]
fn foreign_and_running_directories_are_refused() {
    for (file, reason) in [
        ("graph.redb", "egctl pull"),
        ("identity.json", "of this product"),
        ("readme.txt", "no manifest.json"),
    ] {
        let error = open(directory(&[(file, b"")]).path(), &[]).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let dir = directory(&[("x.wal", b""), ("engine.lock", b"42\n")]);
    let owner = fs::File::open(dir.path().join("engine.lock")).unwrap();
    flock(&owner, FlockOperation::NonBlockingLockExclusive).unwrap();
    let error = open(dir.path(), &[]).unwrap_err();
    assert!(error.to_string().contains("(pid 42)"), "{error}");
    drop(owner);
    open(dir.path(), &[]).unwrap();
}
