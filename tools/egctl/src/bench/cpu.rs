//! Processor time of a process, from `/proc/PID/stat`.

use std::time::Duration;

use anyhow::{Context, Result};

/// User and system time of all threads of a process since it started, ended threads included.
///
/// The kernel reports it in clock ticks, so a difference is exact to one tick, 10 ms on common kernels.
pub(super) fn used(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs_err::read_to_string(&path)?;
    let ticks = ticks(&text).with_context(|| format!("{path} has an unknown form"))?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

/// Fields 14 and 15 (utime, stime); the name in field 2 may hold blanks and parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_past_a_name_with_parentheses() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 31 11 5 5 20 0 4 0 100 1000 10";
        assert_eq!(ticks(stat), Some(42));
    }

    #[test]
    fn own_time_grows() {
        let before = used(std::process::id()).unwrap();
        let mut sum = 0u64;
        while used(std::process::id()).unwrap() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
