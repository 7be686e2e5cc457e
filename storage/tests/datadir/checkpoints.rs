//! Checkpoints and what is made of them.

use std::{path::Path, process::Command};

use epistemic_storage::{
    GraphStore, RocksStore, Store, StoreError,
    datadir::{DataDir, create_checkpoint, list_checkpoints, open_read_only, restore_checkpoint},
    graph::Op,
};
use fs_err as fs;

use super::common::{
    add_node,
    dump::{Dump, assert_same, dump},
    files, fill, open, options, without_checksum,
};

fn read_checkpoint(path: &Path) -> Dump {
    let (owner, store) = open_read_only(path).unwrap();
    assert!(owner.is_none(), "nobody owns a checkpoint");
    dump(&GraphStore::open_read_only(store).unwrap()).unwrap()
}

#[test]
fn a_checkpoint_is_the_store_at_its_instant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let (graphs, dir) = open(&path);
    fill(&graphs, "a", 20);
    fill(&graphs, "t:ä/..", 5);
    let expected = dump(&graphs).unwrap();
    let sequence = graphs.store().stats().unwrap().sequence;
    let info = create_checkpoint(&dir, graphs.store(), 3).unwrap();
    assert_eq!((info.sequence, &info.store_id), (sequence, &dir.identity().store_id));
    assert!(info.bytes() > 0);
    graphs.write("a", Op::Delete).unwrap();
    graphs.reclaim().unwrap();
    fill(&graphs, "later", 5);
    let later = dump(&graphs).unwrap();

    let checkpoint = path.join("checkpoints").join(&info.name);
    let before = files(&checkpoint);
    assert_same(&read_checkpoint(&checkpoint), &expected, "the checkpoint read-only");
    assert!(DataDir::open(&checkpoint).err().unwrap().to_string().contains("checkpoint restore"));

    let restored = folder.path().join("restored");
    assert_eq!(restore_checkpoint(&checkpoint, &restored).unwrap(), info);
    let (copy, copy_dir) = open(&restored);
    assert_eq!(copy_dir.identity(), dir.identity());
    assert_same(&dump(&copy).unwrap(), &expected, "restored");
    copy.write("a", Op::Delete).unwrap();
    fill(&copy, "new", 30);
    create_checkpoint(&copy_dir, copy.store(), 1).unwrap();
    drop((copy, copy_dir));

    assert_eq!(files(&checkpoint), before, "reading and restoring change nothing of a checkpoint");
    assert_same(&read_checkpoint(&checkpoint), &expected, "after writes to the copy");
    assert_same(&dump(&graphs).unwrap(), &later, "the store it was taken of");
    drop((graphs, dir));
    assert_same(&dump(&open(&path).0).unwrap(), &later, "the store opened again");

    fs::remove_dir_all(path).unwrap();
    assert_eq!(open(&restored).0.graph("new").unwrap().counters().nodes, 30, "a copy stands alone");
}

#[test]
fn as_many_as_asked_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (graphs, dir) = open(folder.path());
    assert_eq!(list_checkpoints(folder.path()).unwrap(), []);
    let mut taken = Vec::new();
    for (keep, left) in [(3, 1), (3, 2), (3, 3), (3, 3), (2, 2), (0, 1), (5, 2)] {
        graphs.write("__commons__", add_node("n", b"")).unwrap();
        taken.push(create_checkpoint(&dir, graphs.store(), keep).unwrap());
        let listed = list_checkpoints(folder.path()).unwrap();
        assert_eq!(listed, taken[taken.len() - left..], "keeping {keep}");
        let on_disk = fs::read_dir(folder.path().join("checkpoints")).unwrap().count();
        assert_eq!(on_disk, left);
    }
    assert!(
        taken.is_sorted_by(|a, b| a.name < b.name && a.created_ms < b.created_ms && a.sequence < b.sequence)
    );
}

#[test]
fn unfinished_checkpoints_are_no_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let (graphs, dir) = open(folder.path());
    let parent = folder.path().join("checkpoints");
    let leftover = parent.join("000000000000001.tmp");
    fs::create_dir_all(leftover.join("db")).unwrap();
    fs::write(leftover.join("manifest.json"), "{}").unwrap();
    let unfinished = parent.join("000000000000002");
    fs::create_dir_all(unfinished.join("db")).unwrap();
    let garbled = parent.join("000000000000003");
    fs::create_dir_all(garbled.join("db")).unwrap();
    fs::write(garbled.join("manifest.json"), "{").unwrap();
    assert_eq!(list_checkpoints(folder.path()).unwrap(), []);
    let info = create_checkpoint(&dir, graphs.store(), 1).unwrap();
    assert!(!leftover.exists(), "left over from a crash");
    assert!(unfinished.exists() && garbled.exists(), "nothing else is touched");
    assert_eq!(list_checkpoints(folder.path()).unwrap(), [info]);
    for path in [&unfinished, &garbled] {
        let target = folder.path().join("target");
        assert!(open_read_only(path).is_err() && restore_checkpoint(path, &target).is_err());
        assert!(!target.exists());
    }
}

/// A folder that cannot be renamed or removed, until this is dropped. Takes root.
struct Pinned<'p>(&'p Path);

impl<'p> Pinned<'p> {
    fn new(path: &'p Path) -> Self {
        let mounted = Command::new("mount").arg("--bind").args([path, path]).status();
        assert!(mounted.is_ok_and(|status| status.success()), "a bind mount: the tests run as root");
        Self(path)
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}

/// What cannot be removed stays and is in nobody's way.
#[test]
fn a_checkpoint_that_cannot_be_removed_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (graphs, dir) = open(folder.path());
    let take = || {
        graphs.write("__commons__", add_node("n", b"")).unwrap();
        create_checkpoint(&dir, graphs.store(), 2).unwrap()
    };
    let parent = folder.path().join("checkpoints");
    let (first, second) = (take(), take());
    fs::write(parent.join("a.tmp"), "somebody's file").unwrap();
    let (stuck, half) = (parent.join(&first.name), parent.join(&second.name));
    let pinned = Pinned::new(&stuck);
    let third = take();
    assert_eq!(list_checkpoints(folder.path()).unwrap(), [first.clone(), second, third.clone()]);
    // Its folder can be renamed, but not removed: it is no checkpoint any more.
    let inner = half.join("db");
    let pinned_inside = Pinned::new(&inner);
    let fourth = take();
    assert_eq!(list_checkpoints(folder.path()).unwrap(), [first, third, fourth.clone()]);
    assert!(half.with_extension("tmp").exists());
    drop(pinned_inside);
    let _ = Command::new("umount").arg(half.with_extension("tmp").join("db")).status();
    drop(pinned);
    let fifth = take();
    assert_eq!(list_checkpoints(folder.path()).unwrap(), [fourth, fifth]);
    let mut left: Vec<_> = fs::read_dir(&parent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.retain(|name| name.to_string_lossy().ends_with(".tmp"));
    assert_eq!(left, ["a.tmp"], "what is no folder is not ours");
}

#[test]
fn every_flip_of_a_manifest_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (graphs, dir) = open(folder.path());
    let info = create_checkpoint(&dir, graphs.store(), 1).unwrap();
    let checkpoint = folder.path().join("checkpoints").join(&info.name);
    let file = checkpoint.join("manifest.json");
    let whole = fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&file, damaged).unwrap();
        let error =
            open_read_only(&checkpoint).err().unwrap_or_else(|| panic!("the flip at {at} is not found"));
        assert!(error.is_corruption() && error.to_string().contains("use another checkpoint"), "{error}");
        assert_eq!(list_checkpoints(folder.path()).unwrap(), []);
    }
    // As the first versions wrote it.
    fs::write(&file, without_checksum(&whole)).unwrap();
    assert_eq!(list_checkpoints(folder.path()).unwrap(), [info]);
}

/// A checkpoint from elsewhere must not write beside its target, nor read what it does not hold.
#[test]
fn names_and_links_that_lead_out_of_it_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let (graphs, dir) = open(&path);
    let info = create_checkpoint(&dir, graphs.store(), 1).unwrap();
    let checkpoint = path.join("checkpoints").join(&info.name);
    let manifest = String::from_utf8(without_checksum(&fs::read(checkpoint.join("manifest.json")).unwrap()));
    let manifest = manifest.unwrap();
    let (payload, target) = (folder.path().join("payload"), folder.path().join("target"));
    let current = checkpoint.join("db/CURRENT");
    fs::copy(&current, &payload).unwrap();
    let absolute = payload.to_str().unwrap().to_owned();
    for name in ["../../../../payload", "../db/CURRENT", "./CURRENT", "..", &absolute] {
        fs::write(checkpoint.join("manifest.json"), manifest.replace("\"CURRENT\"", &format!("{name:?}")))
            .unwrap();
        let error = restore_checkpoint(&checkpoint, &target).unwrap_err().to_string();
        assert!(error.contains("is no name of a file in it"), "{name}: {error}");
        assert!(!target.exists(), "{name}");
    }
    fs::write(checkpoint.join("manifest.json"), &manifest).unwrap();
    fs::remove_file(&current).unwrap();
    std::os::unix::fs::symlink(&payload, &current).unwrap();
    let error = restore_checkpoint(&checkpoint, &target).unwrap_err().to_string();
    assert!(error.contains("no regular file") && !target.exists(), "{error}");
}

#[test]
fn a_new_file_system_is_a_new_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let (graphs, dir) = open(&path);
    let info = create_checkpoint(&dir, graphs.store(), 1).unwrap();
    let checkpoint = path.join("checkpoints").join(&info.name);
    let target = folder.path().join("target");
    fs::create_dir_all(target.join("lost+found")).unwrap();
    restore_checkpoint(&checkpoint, &target).unwrap();
    assert_eq!(open(&target).0.graph_count(), 1);
    let error = restore_checkpoint(&checkpoint, &target).unwrap_err().to_string();
    assert!(error.contains("not empty (it holds '"), "{error}");
}

#[test]
fn a_restore_needs_a_new_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let (graphs, dir) = open(&path);
    let info = create_checkpoint(&dir, graphs.store(), 1).unwrap();
    let checkpoint = path.join("checkpoints").join(&info.name);
    let target = folder.path().join("target");
    fs::create_dir_all(&target).unwrap();
    fs::write(target.join("theirs"), "x").unwrap();
    let error = restore_checkpoint(&checkpoint, &target).unwrap_err();
    assert!(error.to_string().contains("not empty"), "{error}");
    assert_eq!(files(&target), [("theirs".to_owned(), b"x".to_vec())]);
    fs::remove_file(target.join("theirs")).unwrap();
    restore_checkpoint(&checkpoint, &target).unwrap();
    drop(open(&target));
}

#[test]
fn damaged_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let (graphs, dir) = open(&path);
    fill(&graphs, "a", 50);
    let info = create_checkpoint(&dir, graphs.store(), 1).unwrap();
    let expected = dump(&graphs).unwrap();
    drop((graphs, dir));
    let checkpoint = path.join("checkpoints").join(&info.name);
    let target = folder.path().join("target");
    let (mut tables, mut others) = (0, 0);
    for (name, bytes) in files(&checkpoint.join("db")) {
        let file = checkpoint.join("db").join(&name);
        let is_table = name.ends_with(".sst");
        *if is_table { &mut tables } else { &mut others } += 1;
        if bytes.is_empty() {
            continue;
        }
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        let shorter = bytes[..bytes.len() - 1].to_vec();
        let longer = [&bytes[..], b"x"].concat();
        for (damage, damaged) in
            [("flipped", Some(flipped)), ("cut", Some(shorter)), ("longer", Some(longer)), ("gone", None)]
        {
            // Written anew: the bytes of a table are shared with the store by hard link.
            fs::remove_file(&file).unwrap();
            if let Some(damaged) = &damaged {
                fs::write(&file, damaged).unwrap();
            }
            if is_table && damage == "flipped" {
                let found =
                    RocksStore::open(&checkpoint.join("db"), &read_only()).and_then(|store| store.verify());
                assert!(found.as_ref().is_err_and(StoreError::is_corruption), "{name}: {found:?}");
            } else {
                for error in
                    [open_read_only(&checkpoint).err(), restore_checkpoint(&checkpoint, &target).err()]
                {
                    let error = error.unwrap_or_else(|| panic!("{name} {damage} was accepted"));
                    assert!(
                        error.is_corruption() && error.to_string().contains(&name),
                        "{name} {damage}: {error}"
                    );
                }
                assert!(!target.exists());
            }
        }
        let _ = fs::remove_file(&file);
        fs::write(&file, &bytes).unwrap();
    }
    assert!(tables >= 5 && others >= 3, "{tables} tables and {others} other files");
    assert_same(&read_checkpoint(&checkpoint), &expected, "undamaged again");
    assert_same(&dump(&open(&path).0).unwrap(), &expected, "the store beside it");
}

fn read_only() -> epistemic_storage::RocksOptions {
    epistemic_storage::RocksOptions { read_only: true, ..options() }
}
