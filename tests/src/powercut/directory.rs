//! Between the model of a disk and real directories: load one, write one, compare with one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;

use super::disk::{Disk, Inode, Object, ROOT};
use super::synced::{Apply, FileChange, Synced};

const SECTOR: u64 = 512;

/// A large file whose content means nothing.
const BALLAST: &str = "ballast";

/// A disk with the content of `dir`, all of it durable.
pub(super) fn load(dir: &Path) -> Result<Disk> {
    let mut disk = Disk::new();
    load_into(&mut disk, ROOT, dir)?;
    Ok(disk)
}

fn load_into(disk: &mut Disk, parent: Inode, dir: &Path) -> Result<()> {
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).context("a file name that is not UTF-8")?;
        if path.is_dir() {
            let inode = disk.add_durable(parent, name, None)?;
            load_into(disk, inode, &path)?;
        } else {
            let content = if name == BALLAST { Vec::new() } else { fs_err::read(&path)? };
            disk.add_durable(parent, name, Some(content))?;
        }
    }
    Ok(())
}

/// Writes into the empty directory `target` what is left of the disk. With `random`, a random prefix of the
/// unsynced changes of each file and each directory is kept, and the write behind it may be torn.
pub(super) fn write(disk: &Disk, target: &Path, random: Option<&mut StdRng>) -> Result<()> {
    Writer { disk, random, written: HashMap::new() }.directory(ROOT, target)
}

struct Writer<'a> {
    disk: &'a Disk,
    random: Option<&'a mut StdRng>,
    written: HashMap<Inode, PathBuf>,
}

impl Writer<'_> {
    fn directory(&mut self, inode: Inode, target: &Path) -> Result<()> {
        let Object::Directory(names) = self.disk.object(inode) else {
            unreachable!("only called for directories");
        };
        let kept = self.kept(names.disk.pending.len());
        for (name, inode) in names.disk.with_pending(kept) {
            let path = target.join(name);
            match (self.disk.object(inode), self.written.get(&inode)) {
                (Object::Directory(_), _) => {
                    fs_err::create_dir(&path)?;
                    self.directory(inode, &path)?;
                }
                (Object::File(_), Some(first)) => fs_err::hard_link(first, &path)?,
                (Object::File(file), None) => {
                    fs_err::write(&path, self.content(file))?;
                    self.written.insert(inode, path);
                }
            }
        }
        Ok(())
    }

    fn content(&mut self, file: &Synced<Vec<u8>, FileChange>) -> Vec<u8> {
        let kept = self.kept(file.pending.len());
        let mut content = file.with_pending(kept);
        if let (Some(random), Some(FileChange::Write { offset, data })) =
            (self.random.as_mut(), file.pending.get(kept))
        {
            let cut = random.random_range(*offset..=offset + data.len() as u64) / SECTOR * SECTOR;
            let length = usize::try_from(cut.saturating_sub(*offset)).expect("shorter than the data");
            if length > 0 {
                content.apply(&FileChange::Write { offset: *offset, data: data[..length].to_vec() });
            }
        }
        content
    }

    /// How many of `pending` changes are kept: none, all, or any number, equally often.
    fn kept(&mut self, pending: usize) -> usize {
        match &mut self.random {
            None => 0,
            Some(random) => match random.random_range(0..3) {
                0 => 0,
                1 => pending,
                _ => random.random_range(0..=pending),
            },
        }
    }
}

/// Checks that `dir` holds what the disk holds when nothing is lost. Files named `LOG` or `LOG.old.*` are
/// left out: they are RocksDB's text log, which may be written through stdio. So is the
/// ballast, which is not written by calls of libc.
pub(super) fn compare(disk: &Disk, dir: &Path) -> Result<()> {
    let names = |disk: &Disk| paths(disk).into_keys().collect::<BTreeSet<_>>();
    let actual = load(dir)?;
    let (expected_names, actual_names) = (names(disk), names(&actual));
    let differing: Vec<_> = expected_names.symmetric_difference(&actual_names).collect();
    ensure!(differing.is_empty(), "names that the record missed: {differing:?}");
    let actual_paths = paths(&actual);
    for (path, inode) in paths(disk) {
        if let (Object::File(file), Object::File(real)) =
            (disk.object(inode), actual.object(actual_paths[&path]))
        {
            let recorded = file.with_pending(file.pending.len());
            let (found, expected) = (real.durable.len(), recorded.len());
            ensure!(recorded == real.durable, "{path}: {expected} bytes recorded, {found} found, or others");
        }
    }
    Ok(())
}

fn paths(disk: &Disk) -> BTreeMap<String, Inode> {
    let mut all = BTreeMap::new();
    let mut open = vec![(String::new(), ROOT)];
    while let Some((prefix, inode)) = open.pop() {
        let Object::Directory(directory) = disk.object(inode) else {
            continue;
        };
        for (name, inode) in &directory.now {
            if name != "LOG" && name != BALLAST && !name.starts_with("LOG.old.") {
                all.insert(format!("{prefix}{name}"), *inode);
                open.push((format!("{prefix}{name}/"), *inode));
            }
        }
    }
    all
}
