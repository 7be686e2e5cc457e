//! Backups of a running shard and of directories, and back into both.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use epistemic_tests::ports::free_loopback_addr;
use tempfile::TempDir;

use super::{GRAPH, Shard, done, fails, json, text};

#[test]
fn a_shard_is_backed_up_in_increments_and_restored_to_points_in_time() -> Result<()> {
    let mut shard = Shard::start()?;
    let home = TempDir::new()?;
    let url = format!("file://{}", home.path().join("backup").display());
    let to = ["--to", &url, "--endpoint", &shard.endpoint.clone()];
    let create = |shard: &Shard| json(&shard.env, &[&["backup", "create"], &to[..]].concat());
    let mut states = Vec::new();
    for number in 0..4 {
        shard.add(10 * number, 10)?;
        states.push(shard.digest(GRAPH)?);
        let created = create(&shard)?;
        assert_eq!(done(&created)?, if number == 0 { "full" } else { "increment" }, "{created}");
    }
    assert_eq!(done(&create(&shard)?)?, "unchanged");
    let verified = json(&shard.env, &["backup", "verify", "--from", &url])?;
    assert_eq!(verified["damage"], serde_json::json!([]), "{verified}");

    let restore = ["backup", "restore", "--from", &url];
    let into = ["--endpoint", &shard.endpoint];
    for (number, (digest, sequence)) in states.iter().enumerate() {
        let (at, name) = (sequence.to_string(), format!("copy {number}"));
        let what = ["--graph", GRAPH, "--as", &name, "--at-sequence", &at];
        let restored = json(&shard.env, &[&restore[..], &what, &into].concat())?;
        assert_eq!(restored["graphs"][0]["compared"], true, "{restored}");
        assert_eq!(shard.digest(&name)?, (digest.clone(), *sequence));
    }
    let what = ["--graph", GRAPH, "--as", "copy", "--at-sequence", "20"];
    json(&shard.env, &[&restore[..], &what, &into].concat())?;
    assert_eq!(shard.digest("copy")?.1, 20);

    // The second run asked for changes at this time, behind those of its own.
    let listed = json(&shard.env, &["backup", "list", "--from", &url, "--graph", GRAPH])?;
    let taken = listed["runs"][1]["last_ms"].as_u64().context("a time")?;
    let time = rfc3339(taken)?;
    let what = ["--graph", GRAPH, "--as", "then", "--at-time", &time];
    json(&shard.env, &[&restore[..], &what, &into].concat())?;
    assert_eq!(shard.digest("then")?, states[1]);

    let taken_name = [&restore[..], &["--graph", GRAPH], &into].concat();
    assert!(fails(&shard.env, 1, &taken_name).contains("--replace"));
    assert_eq!(shard.digest(GRAPH)?, states[3]);
    let (at, replace) = (states[0].1.to_string(), ["--replace", "--at-sequence"]);
    json(&shard.env, &[&taken_name[..], &replace, &[&at]].concat())?;
    assert_eq!(shard.digest(GRAPH)?.0, states[0].0);
    assert_eq!(done(&create(&shard)?)?, "full");
    assert!(
        fails(&shard.env, 1, &[&restore[..], &["--graph", "none"], &into].concat())
            .contains("BACKUP_NOT_FOUND")
    );
    Ok(())
}

/// A time as RFC 3339 in UTC, by `date`.
pub(super) fn rfc3339(ms: u64) -> Result<String> {
    let seconds = format!("@{}.{:03}", ms / 1000, ms % 1000);
    let output = std::process::Command::new("date").args(["-u", "-d", &seconds, "+%FT%T.%3NZ"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[test]
fn a_backup_under_writers_is_one_state_and_its_chain_goes_on() -> Result<()> {
    let mut shard = Shard::start()?;
    let home = TempDir::new()?;
    let url = text(home.path()).to_owned();
    let stop = AtomicBool::new(false);
    let mut writer = shard.server.client()?;
    std::thread::scope(|scope| {
        let written = scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                writer.add_node(GRAPH, &format!("w{number}"), b"\x81\xa1k\x01")?;
            }
            anyhow::Ok(number)
        });
        let made = (0..6).map(|number| {
            let created =
                json(&shard.env, &["backup", "create", "--to", &url, "--endpoint", &shard.endpoint])?;
            assert_eq!(done(&created)?, if number == 0 { "full" } else { "increment" });
            anyhow::Ok(())
        });
        let made: Result<()> = made.collect();
        stop.store(true, Ordering::Relaxed);
        made?;
        assert!(written.join().expect("the writer does not panic")? > 6);
        anyhow::Ok(())
    })?;
    shard.add(0, 1)?;
    json(&shard.env, &["backup", "create", "--to", &url, "--endpoint", &shard.endpoint])?;
    let verified = json(&shard.env, &["backup", "verify", "--from", &url, "--all-runs"])?;
    assert_eq!(verified["damage"], serde_json::json!([]), "{verified}");
    let args = [
        "backup",
        "restore",
        "--from",
        &url,
        "--graph",
        GRAPH,
        "--as",
        "copy",
        "--endpoint",
        &shard.endpoint,
    ];
    json(&shard.env, &args)?;
    assert_eq!(shard.digest("copy")?, shard.digest(GRAPH)?);
    Ok(())
}

#[test]
fn directories_and_checkpoints_are_backed_up_and_all_graphs_restored_into_a_new_directory() -> Result<()> {
    let mut shard = Shard::start()?;
    shard.client.create_graph("second")?;
    json(&shard.env, &["checkpoint", "create", "--endpoint", &shard.endpoint])?;
    let state = shard.digest(GRAPH)?;
    shard.add(0, 5)?;
    shard.server.terminate()?;
    let persist = shard.server.persist_dir().to_owned();
    let checkpoint = fs_err::read_dir(persist.join("checkpoints"))?.next().context("a checkpoint")??.path();
    let home = TempDir::new()?;
    let (url, dir) = (home.path().join("backup"), home.path().join("restored"));
    let create = |dir| json(&[], &["backup", "create", "--to", text(&url), "--dir", dir]);
    assert_eq!(done(&create(text(&checkpoint))?)?, "full");
    assert_eq!(done(&create(text(&persist))?)?, "increment");

    fs_err::create_dir(&dir)?;
    let sequence = state.1.to_string();
    let restore = ["backup", "restore", "--from", text(&url), "--to-dir", text(&dir)];
    let restored = json(&[], &restore)?;
    assert_eq!(restored["graphs"].as_array().map(Vec::len), Some(3), "{restored}");
    assert!(fails(&[], 1, &restore).contains("--replace"));
    let args = [&restore[..], &["--graph", GRAPH, "--at-sequence", &sequence, "--as", "old"]].concat();
    assert_eq!(json(&[], &args)?["graphs"][0]["digest"], state.0.as_str());
    let listed = json(&[], &["graphs", "--dir", text(&dir)])?;
    assert_eq!(listed["graphs"].as_array().map(Vec::len), Some(4), "{listed}");

    shard.server = shard.server.restart()?;
    let args = ["backup", "create", "--to", text(&url), "--endpoint", &shard.endpoint];
    assert_eq!(done(&json(&shard.env, &args)?)?, "unchanged");
    Ok(())
}

#[test]
fn wrong_usage_says_what_to_write() -> Result<()> {
    let home = TempDir::new()?;
    let at = |url: &str| fails(&[], 2, &["backup", "list", "--from", url]);
    assert!(at("http://x/y").contains("s3://BUCKET/PREFIX"));
    assert!(at("relative/path").contains("file:///PATH"));
    assert!(at("s3://key:secret@bucket/x").contains("AWS_ACCESS_KEY_ID"));
    assert!(at(text(&home.path().join("none"))).contains("no backup was made there"));
    let url = text(home.path());
    assert!(fails(&[], 2, &["backup", "prune", "--from", url]).contains("--keep-daily"));
    assert!(fails(&[], 1, &["backup", "verify", "--from", url]).contains("BACKUP_NOT_FOUND"));
    fails(&[], 2, &["backup", "restore", "--from", url, "--at-time", "yesterday", "--to-dir", url]);
    fails(&[], 2, &["backup", "restore", "--from", url, "--at-sequence", "3", "--to-dir", url]);
    let down = format!("tcp://{}", free_loopback_addr()?);
    let env = [("GRAPH_SERVICE_AUTH_SECRET".to_owned(), "s".to_owned())];
    fails(&env, 3, &["backup", "create", "--to", url, "--endpoint", &down]);
    Ok(())
}
