//! A cgroup with a limit of memory, as containers have one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::scratch;

/// A cgroup without processes. Removed when dropped, after its processes have ended.
#[derive(Debug)]
pub struct MemoryCgroup {
    dir: PathBuf,
    v2: bool,
}

const V2: &str = "cgroup2";

impl MemoryCgroup {
    /// Makes one of so many bytes, without swap; nothing where this process may not.
    ///
    /// # Errors
    /// It is there and cannot be limited.
    pub fn new(bytes: u64) -> Result<Option<Self>> {
        let mounts = fs_err::read_to_string("/proc/self/mounts")?;
        let Some((parent, v2)) = mounts.lines().find_map(hierarchy) else { return Ok(None) };
        let name = scratch::folder()?.path().file_name().context("a folder without a name")?.to_owned();
        let dir = parent.join(format!("epistemic-{}", name.to_string_lossy().trim_start_matches('.')));
        if fs_err::create_dir(&dir).is_err() {
            return Ok(None);
        }
        let group = Self { dir, v2 };
        let limits: &[(&str, u64)] = if v2 {
            &[("memory.max", bytes), ("memory.swap.max", 0)]
        } else {
            &[("memory.limit_in_bytes", bytes)]
        };
        for (file, value) in limits {
            let file = group.dir.join(file);
            // Without swap there is no such file.
            if file.exists() {
                fs_err::write(file, value.to_string())?;
            }
        }
        Ok(Some(group))
    }

    /// Where a process is written that is to be in it.
    pub fn procs(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }

    /// Processes that were killed for want of memory.
    pub fn killed(&self) -> Result<u64> {
        let file = self.dir.join(if self.v2 { "memory.events" } else { "memory.oom_control" });
        let text = fs_err::read_to_string(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.and_then(|count| count.trim().parse().ok()).context("no count of killed processes")
    }
}

impl Drop for MemoryCgroup {
    fn drop(&mut self) {
        let _ = fs_err::remove_dir(&self.dir);
    }
}

/// Of a line of mounts: a hierarchy that limits memory.
fn hierarchy(line: &str) -> Option<(PathBuf, bool)> {
    let mut fields = line.split(' ').skip(1);
    let (point, kind, options) = (Path::new(fields.next()?), fields.next()?, fields.next()?);
    if kind == V2 {
        let enabled = fs_err::read_to_string(point.join("cgroup.subtree_control")).ok()?;
        return enabled.split_whitespace().any(|name| name == "memory").then(|| (point.into(), true));
    }
    let memory = kind == "cgroup" && options.split(',').any(|option| option == "memory");
    memory.then(|| (point.into(), false))
}
