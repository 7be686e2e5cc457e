//! What a backup or drill tells Prometheus: a file for the textfile collector of node_exporter, replaced as a whole.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use epistemic_operations::backup::{Created, Done};
use epistemic_storage::clock;
use fs_err as fs;

/// A series of one source: its value, or that of the file before when there is no new one.
type Rows = Vec<(String, Option<f64>)>;

const BACKUP: &str = "epistemic_graph_backup";

/// Writes the outcome of backups, each of a source; nothing of one that made no run, whose last success stays.
pub(super) fn write_backup(file: &Path, made: &[(String, Option<&Created>)]) -> Result<()> {
    let now = clock::unix_ms() as f64 / 1000.0;
    let failures = |created: &Created| {
        let failed = created.graphs.iter().filter(|graph| matches!(graph.done, Done::Failed(_))).count();
        failed + usize::from(created.service.is_some())
    };
    let rows = |value: &dyn Fn(Option<&Created>) -> Option<f64>| -> Rows {
        made.iter().map(|(source, created)| (source.clone(), value(*created))).collect()
    };
    write(
        file,
        &[
            (
                "last_success_timestamp_seconds",
                "When the newest run that backed up everything was made, Unix seconds.",
                rows(&|created| created.filter(|created| failures(created) == 0).map(|_| now)),
            ),
            (
                "graphs",
                "Graphs in the newest run.",
                rows(&|created| created.map(|created| created.manifest.graphs as f64)),
            ),
            (
                "bytes",
                "Bytes that the newest run wrote.",
                rows(&|created| created.map(|created| created.manifest.bytes as f64)),
            ),
            (
                "failures",
                "What the last attempt could not back up: graphs, or 1 for the whole shard.",
                rows(&|created| Some(created.map_or(1, failures) as f64)),
            ),
        ]
        .map(|(name, help, rows)| (format!("{BACKUP}_{name}"), help, rows)),
    )
}

/// What a drill found in the backup of one source.
pub(super) struct Drilled {
    pub(super) source: String,
    /// Graphs that were restored on trial.
    pub(super) graphs: u64,
    /// Those that could not be, or were not as in the manifest; and manifests that cannot be used.
    pub(super) failures: u64,
    /// When the run was taken, Unix milliseconds; none without one.
    pub(super) taken_ms: Option<u64>,
}

/// Writes the outcome of drills.
pub(super) fn write_drill(file: &Path, drilled: &[Drilled]) -> Result<()> {
    let now = clock::unix_ms() as f64 / 1000.0;
    let rows = |value: &dyn Fn(&Drilled) -> Option<f64>| -> Rows {
        drilled.iter().map(|drilled| (drilled.source.clone(), value(drilled))).collect()
    };
    write(
        file,
        &[
            (
                "last_success_timestamp_seconds",
                "When a drill last restored all that it tried, Unix seconds.",
                rows(&|drilled| (drilled.failures == 0).then_some(now)),
            ),
            (
                "backup_timestamp_seconds",
                "When the run that the last drill tried was taken, Unix seconds by the clock of the shard.",
                rows(&|drilled| drilled.taken_ms.map(|taken| taken as f64 / 1000.0)),
            ),
            (
                "age_seconds",
                "How old that run was then.",
                rows(&|drilled| drilled.taken_ms.map(|taken| (now - taken as f64 / 1000.0).max(0.0))),
            ),
            ("graphs", "Graphs that the last drill restored.", rows(&|drilled| Some(drilled.graphs as f64))),
            (
                "failures",
                "Graphs and manifests that the last drill could not use.",
                rows(&|drilled| Some(drilled.failures as f64)),
            ),
        ]
        .map(|(name, help, rows)| (format!("{BACKUP}_drill_{name}"), help, rows)),
    )
}

fn write(file: &Path, families: &[(String, &str, Rows)]) -> Result<()> {
    let before = read(file);
    let mut page = String::new();
    for (name, help, rows) in families {
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (source, value) in rows {
            let series = format!("{name}{{source=\"{}\"}}", escaped(source));
            let value = value.map(|value| value.to_string()).or_else(|| before.get(&series).cloned());
            if let Some(value) = value {
                let _ = writeln!(page, "{series} {value}");
            }
        }
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("metrics file '{}'", file.display()))?;
    std::io::Write::write_all(&mut new, page.as_bytes())?;
    // Its reader is another user.
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644);
    fs::set_permissions(new.path(), mode)?;
    new.persist(file).with_context(|| format!("metrics file '{}'", file.display()))?;
    Ok(())
}

/// The series of the file that is there; none when it cannot be read.
fn read(file: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    series.map(|(series, value)| (series.to_owned(), value.to_owned())).collect()
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_success_stays_when_a_drill_fails() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("drill.prom");
        let drilled =
            |failures| Drilled { source: "a\"b".to_owned(), graphs: 2, failures, taken_ms: Some(1000) };
        write_drill(&file, &[drilled(0)]).unwrap();
        let series = "epistemic_graph_backup_drill_last_success_timestamp_seconds{source=\"a\\\"b\"}";
        let first = read(&file)[series].clone();
        write_drill(&file, &[drilled(1)]).unwrap();
        assert_eq!(read(&file)[series], first);
        assert_eq!(read(&file)["epistemic_graph_backup_drill_failures{source=\"a\\\"b\"}"], "1");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
