//! Memory of a process, from `/proc`.

use anyhow::{Context, Result};

/// Bytes of memory that a process holds now.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    status_field(pid, "VmRSS:")
}

/// The most bytes that a process held at once since its start or the last [`reset_peak`].
pub fn peak_resident_bytes(pid: u32) -> Result<u64> {
    status_field(pid, "VmHWM:")
}

/// Begins a new measurement for [`peak_resident_bytes`].
pub fn reset_peak(pid: u32) -> Result<()> {
    Ok(fs_err::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

fn status_field(pid: u32, name: &str) -> Result<u64> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("no {name} of process {pid}"))? * 1024)
}
