//! What a process takes of its machine: the `process_*` series, under the names that they have in every program.
//!
//! The collector of the `prometheus` crate counts whole seconds of processor time and brings a second `rustix`.

use fs_err as fs;
use prometheus::{Counter, IntGauge, Registry, Result, core::Collector};
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};

/// The series of this process.
pub struct ProcessUsage {
    cpu: Counter,
    resident: IntGauge,
    virtual_memory: IntGauge,
    threads: IntGauge,
    started: IntGauge,
    open_fds: IntGauge,
    max_fds: IntGauge,
}

/// What the kernel says of a process in `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: i64,
    /// Since the machine was started.
    started_ticks: u64,
    virtual_bytes: i64,
    resident_pages: i64,
}

impl Stat {
    /// Proc(5); fields are counted from behind the name, in which there may be anything.
    fn parse(text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let signed = |index: usize| fields.get(index)?.parse::<i64>().ok();
        Some(Self {
            cpu_ticks: number(11)? + number(12)?,
            threads: signed(17)?,
            started_ticks: number(19)?,
            virtual_bytes: signed(20)?,
            resident_pages: signed(21)?,
        })
    }
}

impl ProcessUsage {
    /// Registers the series. They are 0 until [`ProcessUsage::renew`].
    ///
    /// # Errors
    /// The registry has series of their names.
    pub fn new(registry: &Registry) -> Result<Self> {
        let gauge = |name, help| registered(registry, IntGauge::new(name, help)?);
        Ok(Self {
            cpu: registered(
                registry,
                Counter::new("process_cpu_seconds_total", "User and system processor time.")?,
            )?,
            resident: gauge("process_resident_memory_bytes", "Resident memory.")?,
            virtual_memory: gauge("process_virtual_memory_bytes", "Virtual memory.")?,
            threads: gauge("process_threads", "Threads.")?,
            started: gauge("process_start_time_seconds", "Unix time at which the process was started.")?,
            open_fds: gauge("process_open_fds", "Open file descriptors.")?,
            max_fds: gauge("process_max_fds", "File descriptors that may be open.")?,
        })
    }

    /// Brings them up to date from `/proc`; what cannot be read there stays as it was. Blocks for as long as that takes, which
    /// grows with the number of open descriptors.
    pub fn renew(&self) {
        let ticks = clock_ticks_per_second();
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
            let seconds = stat.cpu_ticks as f64 / ticks as f64;
            self.cpu.inc_by((seconds - self.cpu.get()).max(0.0));
            self.resident.set(stat.resident_pages * page_size() as i64);
            self.virtual_memory.set(stat.virtual_bytes);
            self.threads.set(stat.threads);
            if let Some(booted) = boot_time() {
                self.started.set(booted + (stat.started_ticks / ticks) as i64);
            }
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is that of the folder.
            self.open_fds.set(open.count() as i64 - 1);
        }
        let most = getrlimit(Resource::Nofile).current;
        self.max_fds.set(most.map_or(i64::MAX, |most| i64::try_from(most).unwrap_or(i64::MAX)));
    }
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// Unix time at which the machine was started.
fn boot_time() -> Option<i64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let text = "42 (a) 9 (b) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 7 0 12345 4096000 250 99\n";
        let stat = Stat {
            cpu_ticks: 200,
            threads: 7,
            started_ticks: 12345,
            virtual_bytes: 4_096_000,
            resident_pages: 250,
        };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse("42 (a) S 1 42"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn this_process_is_told() {
        let registry = Registry::new();
        let usage = ProcessUsage::new(&registry).unwrap();
        usage.renew();
        for (name, gauge) in [
            ("resident", &usage.resident),
            ("virtual", &usage.virtual_memory),
            ("threads", &usage.threads),
            ("open", &usage.open_fds),
            ("max", &usage.max_fds),
        ] {
            assert!(gauge.get() > 0, "{name} is {}", gauge.get());
        }
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
        assert!((now - 86_400 * 30..=now).contains(&usage.started.get()), "{}", usage.started.get());
        assert_eq!(registry.gather().len(), 7);
    }
}
