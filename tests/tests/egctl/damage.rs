//! `egctl verify` and `egctl repair` on real directories.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::params;
use epistemic_tests::{ServerProcess, binaries};
use serde_json::{Value, json as value};
use tempfile::TempDir;

use super::{GRAPH, egctl, endpoint, fails, json, server_with_graph, text};

/// Runs an example of the storage crate that damages a stopped directory.
fn damage(example: &str, dir: &Path, args: &[&str]) -> Result<()> {
    let mut command = Command::new(binaries::example(example, "epistemic-storage")?);
    let done = command.arg(dir).args(args).output()?;
    ensure!(done.status.success(), "{done:?}");
    Ok(())
}

fn files(dir: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            found.extend(
                files(&entry.path())?.into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
            );
        } else if name != "LOCK" && !name.starts_with("LOG") {
            found.push((name, fs_err::read(entry.path())?));
        }
    }
    found.sort();
    Ok(found)
}

fn digest(dir: &str) -> Result<Value> {
    Ok(json(&["digest", GRAPH, "--dir", dir])?["graphs"][0]["digest"].clone())
}

#[test]
fn what_is_derived_is_found_missing_and_rebuilt() -> Result<()> {
    let mut server = server_with_graph()?;
    let taken = json(&["checkpoint", "create", "--endpoint", &endpoint(&server)])?;
    let persist_dir = server.persist_dir().to_owned();
    let dir = text(&persist_dir);
    let running = fails(1, &["verify", "--dir", dir]);
    assert!(running.contains("a server (pid") && running.contains("stop it"), "{running}");
    assert!(fails(1, &["repair", "--dir", dir]).contains("a server (pid"));
    server.terminate()?;

    let before = files(&persist_dir)?;
    let sound = json(&["verify", "--dir", dir])?;
    assert_eq!((&sound["checksums"], &sound["found"]["totals"]), (&"intact".into(), &value!({})));
    assert_eq!((&sound["graphs"][1]["nodes"], &sound["graphs"][1]["edges"]), (&4.into(), &4.into()));
    let checkpoints = fs_err::read_dir(persist_dir.join("checkpoints"))?.collect::<Result<Vec<_>, _>>()?;
    let checkpoint = checkpoints.first().with_context(|| format!("a checkpoint: {taken}"))?.path();
    json(&["verify", "--dir", text(&checkpoint)])?;
    assert!(fails(4, &["repair", "--dir", text(&checkpoint)]).contains("it is a checkpoint"));
    let first = digest(dir)?;
    assert!(files(&persist_dir)? == before, "nothing was changed");
    assert_eq!(json(&["repair", "--dir", dir])?["repaired"]["totals"], value!({}));

    damage("lose_derived", &persist_dir, &[])?;
    let damaged = files(&persist_dir)?;
    let error = fails(4, &["verify", "--dir", dir]);
    assert!(error.contains(&format!("'egctl repair --dir {dir}' makes all of them right")), "{error}");
    let told = egctl(&[], &["verify", "--dir", dir, "--json"])?;
    let told: Value = serde_json::from_slice(&told.stdout)?;
    let totals = value!({ "missing_state": 2, "missing_in_edge": 4, "missing_label": 3 });
    assert_eq!(told["found"]["totals"], totals);
    assert_eq!(told["found"]["shown"][0]["repairable"], true);
    fails(4, &["verify", "--dir", dir, GRAPH]);
    assert!(fails(1, &["verify", "--dir", dir, "nobody"]).contains("Graph 'nobody' not found"));
    let dry = json(&["repair", "--dir", dir, "--dry-run"])?;
    assert_eq!((&dry["repaired"]["totals"], &dry["left"]["totals"]), (&totals, &value!({})));
    assert!(files(&persist_dir)? == damaged, "nothing was changed");

    let text = egctl(&[], &["repair", "--dir", dir])?;
    let told = String::from_utf8(text.stdout)?;
    assert!(text.status.success() && told.contains("repaired: 9") && told.contains("\"n\\n1\""), "{told}");
    assert_eq!(json(&["verify", "--dir", dir])?["found"]["totals"], value!({}));
    assert_eq!(digest(dir)?, first);
    assert_eq!(
        String::from_utf8(egctl(&[], &["repair", "--dir", dir])?.stdout)?,
        format!("{dir}: nothing to repair\n")
    );

    let server = server.builder().start()?;
    let mut client = server.client()?;
    client.add_node(GRAPH, "after", b"\x80")?;
    assert_eq!(json(&["graphs", "--endpoint", &endpoint(&server)])?["graphs"][1]["nodes"], 5);
    Ok(())
}

/// Nobody can tell which node an edge was meant for whose target is gone.
#[test]
fn what_cannot_be_rebuilt_is_told_and_left() -> Result<()> {
    let home = TempDir::new()?;
    let dir = home.path().join("data");
    let mut server = ServerProcess::ours().persist_dir(&dir).start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "aaaa", b"\x80")?;
    client.add_node("g", "bbbb", b"\x80")?;
    client.add_edge("g", "aaaa", "bbbb", b"")?;
    server.terminate()?;
    damage("lose_target", &dir, &["bbbb", "cccc"])?;
    let digest = |dir: &str| json(&["digest", "g", "--dir", dir]);
    let before = digest(text(&dir))?;
    let error = fails(4, &["verify", "--dir", text(&dir)]);
    assert!(
        error.contains("1 findings")
            && error.contains("Restore the graphs")
            && !error.contains("egctl repair"),
        "{error}"
    );
    let error = fails(1, &["repair", "--dir", text(&dir)]);
    assert!(
        error.contains("1 findings cannot be repaired") && error.contains("docs/errors/corrupt.md"),
        "{error}"
    );
    let told = egctl(&[], &["repair", "--dir", text(&dir)])?;
    let told = String::from_utf8(told.stdout)?;
    assert!(told.contains("edge \"aaaa\" -> \"cccc\" (4): its target \"cccc\" is not there"), "{told}");
    assert_eq!(digest(text(&dir))?, before);

    let mut server = ServerProcess::ours().persist_dir(&dir).start()?;
    let mut client = server.client()?;
    client.add_node("g", "cccc", b"\x80")?;
    client.call("g", "RemoveNode", params([("node_id", "cccc".into())]))?;
    server.terminate()?;
    let sound = json(&["verify", "--dir", text(&dir)])?;
    assert_eq!((&sound["found"]["totals"], &sound["graphs"][1]["edges"]), (&value!({}), &0.into()));
    Ok(())
}
