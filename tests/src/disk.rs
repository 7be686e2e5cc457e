//! A small file system of its own, to fill up. It is a tmpfs, so this needs root.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

const MIB: usize = 1 << 20;

/// A mounted file system, unmounted when dropped.
#[derive(Debug)]
pub struct Disk {
    mount: tempfile::TempDir,
}

impl Disk {
    /// One of so many bytes.
    pub fn new(bytes: u64) -> Result<Disk> {
        Disk::mount(&format!("size={bytes}"))
    }

    /// One of so many bytes that holds so many files and folders.
    pub fn with_inodes(bytes: u64, inodes: u64) -> Result<Disk> {
        Disk::mount(&format!("size={bytes},nr_inodes={inodes}"))
    }

    fn mount(options: &str) -> Result<Disk> {
        let mount = tempfile::tempdir()?;
        let output =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(mount.path()).output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot mount a tmpfs (these tests need root): {error}");
        Ok(Disk { mount })
    }

    /// A folder on it.
    pub fn data(&self) -> PathBuf {
        self.mount.path().join("data")
    }

    /// Bytes that are free.
    pub fn free(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(self.mount.path())?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Inodes that are free.
    pub fn free_inodes(&self) -> Result<u64> {
        Ok(rustix::fs::statvfs(self.mount.path())?.f_favail)
    }

    /// The file that fills it.
    pub fn filling(&self) -> PathBuf {
        self.mount.path().join("filling")
    }

    /// Fills it until `left` bytes are free, or fewer.
    pub fn fill(&self, left: u64) -> Result<()> {
        let mut filling = fs_err::OpenOptions::new().create(true).append(true).open(self.filling())?;
        let mut piece = MIB;
        while self.free()? > left && piece > 0 {
            if filling.write_all(&vec![1; piece]).is_err() {
                piece /= 2;
            }
        }
        Ok(())
    }

    /// Undoes [`Disk::fill`].
    pub fn empty(&self) -> Result<()> {
        Ok(fs_err::remove_file(self.filling())?)
    }

    /// Makes empty files until `left` inodes are free, or fewer.
    pub fn fill_inodes(&self, left: u64) -> Result<()> {
        let folder = self.inodes();
        fs_err::create_dir_all(&folder)?;
        for number in 0.. {
            if self.free_inodes()? <= left || fs_err::File::create(folder.join(number.to_string())).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Undoes [`Disk::fill_inodes`].
    pub fn empty_inodes(&self) -> Result<()> {
        Ok(fs_err::remove_dir_all(self.inodes())?)
    }

    fn inodes(&self) -> PathBuf {
        self.mount.path().join("inodes")
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.mount.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.mount.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("could not unmount {}", self.mount.path().display());
        }
    }
}
