//! A model of a file system that remembers what was synced.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, bail};

use super::log::{Event, Record};
use super::synced::{Apply, FileChange, NameChange, Synced};

/// Number of a file or directory, never reused.
pub(super) type Inode = usize;

/// The root directory.
pub(super) const ROOT: Inode = 0;

const O_TRUNC: i64 = 0o1000;
const O_DSYNC: i64 = 0o10000;
const FALLOC_KEEP_SIZE: i64 = 1;
const FALLOC_PUNCH_HOLE: i64 = 2;

/// Files and directories, each with a durable state and the changes since.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    inodes: Vec<Object>,
    descriptors: HashMap<i32, Descriptor>,
    /// Running syncs by the sequence number of their begin: what they cover.
    syncs: HashMap<u64, (Inode, u64)>,
}

#[derive(Debug, Clone)]
pub(super) enum Object {
    File(Synced<Vec<u8>, FileChange>),
    Directory(Directory),
}

/// Names as a running process sees them, and as the disk has them.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) now: BTreeMap<String, Inode>,
    pub(super) disk: Synced<BTreeMap<String, Inode>, NameChange>,
}

#[derive(Debug, Clone, Copy)]
struct Descriptor {
    inode: Inode,
    syncs_each_write: bool,
}

impl Disk {
    /// An empty root.
    pub(super) fn new() -> Disk {
        let mut disk = Disk { inodes: Vec::new(), descriptors: HashMap::new(), syncs: HashMap::new() };
        disk.add_directory();
        disk
    }

    pub(super) fn object(&self, inode: Inode) -> &Object {
        &self.inodes[inode]
    }

    /// Adds something that is durable already.
    pub(super) fn add_durable(
        &mut self,
        parent: Inode,
        name: &str,
        content: Option<Vec<u8>>,
    ) -> Result<Inode> {
        let inode = match content {
            Some(bytes) => self.add_file(bytes),
            None => self.add_directory(),
        };
        let directory = self.directory(parent)?;
        directory.now.insert(name.into(), inode);
        directory.disk.durable.insert(name.into(), inode);
        Ok(inode)
    }

    /// Applies one recorded operation.
    pub(super) fn apply(&mut self, record: &Record) -> Result<()> {
        match &record.event {
            Event::Open { fd, flags, existed, path } => {
                let inode = match existed {
                    true => self.lookup(path)?,
                    false => {
                        let inode = self.add_file(Vec::new());
                        self.set_name(path, inode)?;
                        inode
                    }
                };
                let descriptor = Descriptor { inode, syncs_each_write: flags & O_DSYNC != 0 };
                self.descriptors.insert(*fd, descriptor);
                if *existed && flags & O_TRUNC != 0 {
                    self.change_file(inode, FileChange::SetSize(0))?;
                }
            }
            Event::Close { fd } => {
                self.descriptors.remove(fd);
            }
            Event::Dup { fd, copy } => {
                self.descriptors.insert(*copy, self.descriptor(*fd)?);
            }
            Event::Write { fd, offset, data } => {
                let descriptor = self.descriptor(*fd)?;
                let change = FileChange::Write { offset: *offset, data: data.clone() };
                self.change_file(descriptor.inode, change)?;
                if descriptor.syncs_each_write {
                    self.sync(descriptor.inode, u64::MAX);
                }
            }
            Event::Truncate { fd, path, size } => {
                let inode = if *fd < 0 { self.lookup(path)? } else { self.descriptor(*fd)?.inode };
                self.change_file(inode, FileChange::SetSize(*size))?;
            }
            Event::Allocate { fd, mode, offset, length } => {
                let inode = self.descriptor(*fd)?.inode;
                let to = offset + length;
                match *mode {
                    0 => self.change_file(inode, FileChange::GrowTo(to))?,
                    FALLOC_KEEP_SIZE => {}
                    mode if mode == FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE => {
                        self.change_file(inode, FileChange::Zero { from: *offset, to })?;
                    }
                    mode => bail!("fallocate with mode {mode} is not modelled"),
                }
            }
            Event::FsyncBegin { fd } => {
                let inode = self.descriptor(*fd)?.inode;
                let covered = match &self.inodes[inode] {
                    Object::File(file) => file.total(),
                    Object::Directory(directory) => directory.disk.total(),
                };
                self.syncs.insert(record.seq, (inode, covered));
            }
            Event::FsyncEnd { begin, succeeded, .. } => {
                let (inode, covered) = self.syncs.remove(begin).context("fsync without a begin")?;
                if *succeeded {
                    self.sync(inode, covered);
                }
            }
            Event::Rename { from, to } => self.rename(from, to)?,
            Event::Link { from, to } => {
                let inode = self.lookup(from)?;
                self.set_name(to, inode)?;
            }
            Event::Unlink { path } => {
                let (parent, name) = self.parent(path)?;
                self.change_names(parent, NameChange::Remove(name))?;
            }
            Event::Mkdir { path } => {
                let inode = self.add_directory();
                self.set_name(path, inode)?;
            }
        }
        Ok(())
    }

    /// Whether the running sync that began with this sequence number is one of a file.
    pub(super) fn syncs_file(&self, begin: u64) -> bool {
        self.syncs.get(&begin).is_some_and(|(inode, _)| matches!(self.inodes[*inode], Object::File(_)))
    }

    /// The file or directory that a name leads to at this instant.
    pub(super) fn lookup(&self, path: &str) -> Result<Inode> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(ROOT, |inode, name| {
            match &self.inodes[inode] {
                Object::Directory(directory) => {
                    directory.now.get(name).copied().with_context(|| format!("{path:?} is not in the record"))
                }
                Object::File(_) => bail!("{path:?} leads through a file"),
            }
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let inode = self.lookup(from)?;
        let (from_parent, from_name) = self.parent(from)?;
        let (to_parent, to_name) = self.parent(to)?;
        if from_parent == to_parent {
            return self.change_names(from_parent, NameChange::Rename { from: from_name, to: to_name });
        }
        self.change_names(to_parent, NameChange::Set(to_name, inode))?;
        self.change_names(from_parent, NameChange::Remove(from_name))
    }

    fn parent(&self, path: &str) -> Result<(Inode, String)> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.lookup(parent)?, name.to_owned()))
    }

    fn set_name(&mut self, path: &str, inode: Inode) -> Result<()> {
        let (parent, name) = self.parent(path)?;
        self.change_names(parent, NameChange::Set(name, inode))
    }

    fn change_names(&mut self, parent: Inode, change: NameChange) -> Result<()> {
        let directory = self.directory(parent)?;
        directory.now.apply(&change);
        directory.disk.pending.push(change);
        Ok(())
    }

    fn change_file(&mut self, inode: Inode, change: FileChange) -> Result<()> {
        match &mut self.inodes[inode] {
            Object::File(file) => file.pending.push(change),
            Object::Directory(_) => bail!("content written to a directory"),
        }
        Ok(())
    }

    fn sync(&mut self, inode: Inode, covered: u64) {
        match &mut self.inodes[inode] {
            Object::File(file) => file.absorb(covered),
            Object::Directory(directory) => directory.disk.absorb(covered),
        }
    }

    fn descriptor(&self, fd: i32) -> Result<Descriptor> {
        self.descriptors
            .get(&fd)
            .copied()
            .with_context(|| format!("descriptor {fd} is not open in the record"))
    }

    fn directory(&mut self, inode: Inode) -> Result<&mut Directory> {
        match &mut self.inodes[inode] {
            Object::Directory(directory) => Ok(directory),
            Object::File(_) => bail!("a file used as a directory"),
        }
    }

    fn add_file(&mut self, durable: Vec<u8>) -> Inode {
        self.inodes.push(Object::File(Synced::new(durable)));
        self.inodes.len() - 1
    }

    fn add_directory(&mut self) -> Inode {
        self.inodes
            .push(Object::Directory(Directory { now: BTreeMap::new(), disk: Synced::new(BTreeMap::new()) }));
        self.inodes.len() - 1
    }
}
