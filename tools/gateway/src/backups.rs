//! How old backup and restore drill are: shards do not know. `egctl backup --metrics-file` writes it down.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

/// For so long what was read is good.
const KEPT_FOR: Duration = Duration::from_secs(10);

const BACKUP: &str = "epistemic_graph_backup_last_success_timestamp_seconds";
const DRILL: &str = "epistemic_graph_backup_drill_last_success_timestamp_seconds";
const FAILURES: &str = "epistemic_graph_backup_failures";
const DRILL_FAILURES: &str = "epistemic_graph_backup_drill_failures";

/// Something that is to be made again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Made {
    /// When it succeeded last; of several sources the one that is behind.
    pub(super) at_ms: Option<u64>,
    pub(super) every_s: u64,
    /// Whether the last attempt found nothing wrong.
    pub(super) sound: Option<bool>,
}

impl Made {
    /// Until when there should be a newer one.
    pub(super) fn due_ms(&self) -> Option<u64> {
        Some(self.at_ms? + self.every_s * 1000)
    }

    /// Whether it is more than an hour over its time.
    pub(super) fn is_late(&self, now_ms: u64) -> bool {
        self.due_ms().is_some_and(|due| now_ms > due + 3_600_000)
    }
}

/// What the file tells. It is of the tier: a run backs up all shards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Backups {
    pub(super) backup: Made,
    pub(super) drill: Made,
}

/// The file, read now and then.
#[derive(Debug)]
pub(super) struct BackupFile {
    path: PathBuf,
    every_s: u64,
    newest: Mutex<Option<(Instant, Backups)>>,
}

impl BackupFile {
    /// Backups and drills are due every so many seconds.
    pub(super) fn new(path: PathBuf, every_s: u64) -> Self {
        Self { path, every_s, newest: Mutex::default() }
    }

    /// What it says; a file that cannot be read says that there was none. Blocks on disk every ten seconds.
    pub(super) fn read(&self) -> Backups {
        let mut newest = self.newest.lock();
        if let Some((at, backups)) = &*newest
            && at.elapsed() < KEPT_FOR
        {
            return backups.clone();
        }
        let backups = parse(&text(&self.path), self.every_s);
        *newest = Some((Instant::now(), backups.clone()));
        backups
    }
}

fn text(path: &Path) -> String {
    fs_err::read_to_string(path).unwrap_or_else(|error| {
        tracing::warn!("the file of --backup-metrics cannot be read: {error}");
        String::new()
    })
}

fn parse(page: &str, every_s: u64) -> Backups {
    let values = |name: &str| -> Vec<f64> {
        let series =
            page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        series.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect()
    };
    let made = |success: &str, failures: &str| {
        let oldest = values(success).into_iter().reduce(f64::min);
        let failed = values(failures);
        Made {
            at_ms: oldest.map(|seconds| (seconds * 1000.0) as u64),
            every_s,
            sound: (!failed.is_empty()).then(|| failed.iter().all(|count| *count == 0.0)),
        }
    };
    Backups { backup: made(BACKUP, FAILURES), drill: made(DRILL, DRILL_FAILURES) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_sources_the_one_that_is_behind_counts() {
        let page = "# HELP x y\n\
            epistemic_graph_backup_last_success_timestamp_seconds{source=\"s3://a b\"} 2000\n\
            epistemic_graph_backup_last_success_timestamp_seconds{source=\"file:///c\"} 1000\n\
            epistemic_graph_backup_failures{source=\"file:///c\"} 0\n\
            epistemic_graph_backup_drill_failures{source=\"file:///c\"} 2\n";
        let found = parse(page, 86_400);
        assert_eq!(found.backup, Made { at_ms: Some(1_000_000), every_s: 86_400, sound: Some(true) });
        assert_eq!(found.drill, Made { at_ms: None, every_s: 86_400, sound: Some(false) });
        assert!(found.backup.is_late(1_000_000 + 86_400_000 + 3_600_001));
        assert!(!found.backup.is_late(1_000_000 + 86_400_000 + 3_600_000) && !found.drill.is_late(u64::MAX));
        assert_eq!(parse("", 1).backup, Made { every_s: 1, ..Made::default() });
    }
}
