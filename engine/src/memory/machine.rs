//! How much memory there is: what the machine has, or what the cgroups of the process leave it.

use std::path::{Path, PathBuf};

use rustix::system::sysinfo;

/// Files that tell limits of a cgroup, one of version 1 and those of version 2. Above `memory.high` a process is slowed down
/// until it is of no use.
const V1: &[&str] = &["memory.limit_in_bytes"];
const V2: &[&str] = &["memory.max", "memory.high"];

/// Bytes of memory for this process: the least of the machine's memory and the limits of its cgroup and all above it.
pub(super) fn bytes() -> u64 {
    of(sysinfo().totalram.saturating_mul(sysinfo().mem_unit.into()), &|path| {
        fs_err::read_to_string(path).ok()
    })
}

type ReadFile<'a> = &'a dyn Fn(&Path) -> Option<String>;

fn of(machine: u64, read: ReadFile<'_>) -> u64 {
    // What a container pretends to be is in a file, which not every process may read.
    let shown = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    limits(read).into_iter().chain(shown).fold(machine, u64::min)
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// The limits of all cgroups that the process is in.
fn limits(read: ReadFile<'_>) -> Vec<u64> {
    let file = |path: &str| read(Path::new(path)).unwrap_or_default();
    let (mounts, groups) = (file("/proc/self/mountinfo"), file("/proc/self/cgroup"));
    let mut found = Vec::new();
    for group in groups.lines() {
        // NUMBER:CONTROLLERS:PATH
        let mut fields = group.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let names = match controllers {
            "" => V2,
            _ if controllers.split(',').any(|name| name == "memory") => V1,
            _ => continue,
        };
        let Some(Mount { root, point }) = mounts.lines().find_map(|line| mount(line, names == V2)) else {
            continue;
        };
        let below = path.strip_prefix(root.as_str()).unwrap_or_default();
        let own = point.join(below.trim_start_matches('/'));
        for directory in own.ancestors().take_while(|directory| directory.starts_with(&point)) {
            let limits =
                names.iter().filter_map(|name| read(&directory.join(name))?.trim().parse::<u64>().ok());
            found.extend(limits);
        }
    }
    found
}

/// Where a hierarchy of cgroups can be seen.
struct Mount {
    /// The cgroup that is seen there.
    root: String,
    point: PathBuf,
}

/// A line of mountinfo, if it is that of cgroups of version 2, or of the memory controller of version 1.
fn mount(line: &str, v2: bool) -> Option<Mount> {
    let (place, kind) = line.split_once(" - ")?;
    let mut kind = kind.split(' ');
    let (system, options) = (kind.next()?, kind.nth(1)?);
    let wanted = if v2 {
        system == "cgroup2"
    } else {
        system == "cgroup" && options.split(',').any(|option| option == "memory")
    };
    let mut place = place.split(' ').skip(3);
    let (root, point) = (place.next()?, place.next()?);
    let root = if root == "/" { String::new() } else { root.to_owned() };
    wanted.then(|| Mount { root, point: point.into() })
}

/// Resident memory of the process, 0 where the system does not tell.
pub(crate) fn resident_bytes() -> u64 {
    let pages = fs_err::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const ALL: u64 = 8 << 30;

    fn with(files: &[(&str, &str)]) -> u64 {
        let files: HashMap<&Path, &str> =
            files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
        of(ALL, &|path| files.get(path).map(|text| (*text).to_owned()))
    }

    #[test]
    fn without_limits_it_is_the_machines() {
        assert_eq!(with(&[]), ALL);
        assert_eq!(with(&[("/proc/meminfo", "MemTotal:        4000 kB\nMemFree: 1 kB\n")]), 4_096_000);
        let groups = ("/proc/self/cgroup", "0::/a\n");
        let mounts = ("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(with(&[groups, mounts, ("/sys/fs/cgroup/a/memory.max", "max\n")]), ALL);
    }

    #[test]
    fn the_least_of_a_cgroup_and_those_above_it_counts() {
        let groups = ("/proc/self/cgroup", "0::/pod/app\n");
        let mounts = (
            "/proc/self/mountinfo",
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
        );
        let own = ("/sys/fs/cgroup/pod/app/memory.max", "2000000\n");
        let pod = ("/sys/fs/cgroup/pod/memory.max", "1000000\n");
        let high = ("/sys/fs/cgroup/pod/app/memory.high", "500000\n");
        assert_eq!(with(&[groups, mounts, own]), 2_000_000);
        assert_eq!(with(&[groups, mounts, own, pod]), 1_000_000);
        assert_eq!(with(&[groups, mounts, own, pod, high]), 500_000);
    }

    #[test]
    fn version_1_has_a_hierarchy_for_memory() {
        let groups = ("/proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/box\n0::/\n");
        let mounts = (
            "/proc/self/mountinfo",
            "34 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        );
        let limit = ("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "3000000\n");
        let above = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(with(&[groups, mounts, limit, above]), 3_000_000);
    }

    /// In a container without a namespace of cgroups, its own is mounted as if it were the root.
    #[test]
    fn a_part_of_the_hierarchy_may_be_mounted() {
        let groups = ("/proc/self/cgroup", "0::/docker/abc\n");
        let mounts =
            ("/proc/self/mountinfo", "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
        assert_eq!(with(&[groups, mounts, ("/sys/fs/cgroup/memory.max", "4000000\n")]), 4_000_000);
    }
}
