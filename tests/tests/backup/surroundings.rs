//! Clocks that differ, file systems without hard links, manifests that get lost, and drills.

use std::path::PathBuf;

use anyhow::{Context, Result};
use epistemic_tests::preload;
use tempfile::TempDir;

use super::{GRAPH, Shard, done, egctl, fails, json, text};

/// The wall clock is an hour ahead.
const AHEAD: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += 3600;
    return result;
}
"#;

/// A file system without hard links.
const NO_LINKS: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <sys/types.h>
int link(const char *from, const char *to) { errno = EPERM; return -1; }
int linkat(int a, const char *from, int b, const char *to, int flags) { errno = EPERM; return -1; }
"#;

fn with(source: &str, folder: &TempDir, shard: &Shard) -> Result<Vec<(String, String)>> {
    let library = preload::compile(source, folder.path())?;
    Ok([&shard.env[..], &[("LD_PRELOAD".to_owned(), text(&library).to_owned())]].concat())
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

#[test]
fn times_are_those_of_the_shard_whatever_the_clock_of_the_backup_machine_says() -> Result<()> {
    let (mut shard, home, tools) = (Shard::start()?, TempDir::new()?, TempDir::new()?);
    let (url, ahead) = (text(home.path()), with(AHEAD, &tools, &shard)?);
    let create = ["backup", "create", "--to", url, "--endpoint", &shard.endpoint.clone()];
    let created = json(&ahead, &create)?;
    let skew = created["clock_ahead_ms"].as_i64().context("the skew")?;
    assert!((-3_660_000..-3_540_000).contains(&skew), "{created}");
    assert!(created["warnings"].to_string().contains("behind"), "{created}");
    shard.add(0, 1)?;
    let meant = shard.digest(GRAPH)?;
    let at = now_ms() + 1;
    let time = super::shard::rfc3339(at)?;
    while now_ms() <= at {}
    shard.add(1, 1)?;
    let restore = ["backup", "restore", "--from", url, "--graph", GRAPH, "--as", "then", "--at-time", &time];
    let into = [&restore[..], &["--endpoint", &shard.endpoint]].concat();
    // The run so far says nothing about that time.
    assert!(fails(&shard.env, 1, &into).contains("BACKUP_NOT_FOUND"));
    json(&ahead, &create)?;
    json(&shard.env, &into)?;
    assert_eq!(shard.digest("then")?, meant);
    Ok(())
}

#[test]
fn a_file_system_without_hard_links_will_do() -> Result<()> {
    let (mut shard, home, tools) = (Shard::start()?, TempDir::new()?, TempDir::new()?);
    let (url, env) = (home.path().join("backup"), with(NO_LINKS, &tools, &shard)?);
    for number in 0..2 {
        shard.add(number, 1)?;
        json(&env, &["backup", "create", "--to", text(&url), "--endpoint", &shard.endpoint])?;
    }
    let restore = ["backup", "restore", "--from", text(&url), "--graph", GRAPH, "--as", "copy"];
    json(&env, &[&restore[..], &["--endpoint", &shard.endpoint]].concat())?;
    assert_eq!(shard.digest("copy")?, shard.digest(GRAPH)?);
    Ok(())
}

/// The manifests below a backup, oldest first.
fn manifests(home: &TempDir) -> Result<Vec<PathBuf>> {
    let store = fs_err::read_dir(home.path().join("stores"))?.next().context("a store")??;
    let mut found = Vec::new();
    for entry in fs_err::read_dir(store.path().join("runs"))? {
        found.push(entry?.path());
    }
    found.sort();
    Ok(found)
}

#[test]
fn a_newest_manifest_that_is_lost_is_noticed() -> Result<()> {
    let (mut shard, home) = (Shard::start()?, TempDir::new()?);
    let url = text(home.path());
    let create = ["backup", "create", "--to", url, "--endpoint", &shard.endpoint.clone()];
    json(&shard.env, &create)?;
    shard.add(0, 1)?;
    let lost = json(&shard.env, &create)?["run"].as_str().context("a run")?.to_owned();
    fs_err::remove_file(manifests(&home)?.last().context("a manifest")?)?;
    let output = egctl(&[], &["backup", "verify", "--from", url])?;
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains(&lost), "{output:?}");
    let restore = ["backup", "restore", "--from", url, "--graph", GRAPH, "--as", "copy"];
    let said = fails(&shard.env, 4, &[&restore[..], &["--endpoint", &shard.endpoint]].concat());
    assert!(said.contains(&lost), "{said}");
    assert!(fails(&[], 4, &["backup", "prune", "--from", url, "--keep-last", "5"]).contains("--forget"));
    json(&[], &["backup", "prune", "--from", url, "--keep-last", "5", "--forget", &lost])?;
    assert_eq!(done(&json(&shard.env, &create)?)?, "increment");
    json(&[], &["backup", "verify", "--from", url, "--all-runs"])?;
    Ok(())
}

#[test]
fn a_drill_restores_and_tells_prometheus() -> Result<()> {
    let (shard, home) = (Shard::start()?, TempDir::new()?);
    let (url, file) = (home.path().join("backup"), home.path().join("drill.prom"));
    let metrics = ["--metrics-file", text(&file)];
    let create = ["backup", "create", "--to", text(&url), "--endpoint", &shard.endpoint];
    json(&shard.env, &[&create[..], &metrics].concat())?;
    let said = fs_err::read_to_string(&file)?;
    assert!(said.contains("epistemic_graph_backup_failures") && said.contains("} 0\n"), "{said}");
    assert!(said.contains("epistemic_graph_backup_last_success_timestamp_seconds{source="), "{said}");

    let drill = ["backup", "drill", "--from", text(&url), "--sample", "1"];
    let drilled = json(&[], &[&drill[..], &metrics].concat())?;
    assert_eq!(drilled["stores"][0]["graphs"], 1, "{drilled}");
    let series = "epistemic_graph_backup_drill_last_success_timestamp_seconds{";
    let value = |text: &str| text.lines().find(|line| line.starts_with(series)).map(str::to_owned);
    let before = value(&fs_err::read_to_string(&file)?).context("the series")?;

    let store = fs_err::read_dir(url.join("stores"))?.next().context("a store")??.path();
    let run = fs_err::read_dir(store.join("objects"))?.next().context("a run")??.path();
    fs_err::remove_file(run.join("000001.pack"))?;
    fails(&[], 4, &[&drill[..], &metrics].concat());
    let said = fs_err::read_to_string(&file)?;
    assert_eq!(value(&said), Some(before));
    assert!(
        said.lines()
            .any(|line| line.starts_with("epistemic_graph_backup_drill_failures{") && !line.ends_with(" 0"))
    );
    Ok(())
}
