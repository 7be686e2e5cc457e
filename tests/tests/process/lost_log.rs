//! A log that is gone or shorter than it was: refused by the server and by `egctl`, with a way on for those who accept the
//! loss. A stopped server does not need its log.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use epistemic_tests::{Egctl, ServerProcess};
use tempfile::TempDir;

use crate::{copy, exits, files};

const IN_TABLES: usize = 100;
const ALL: usize = 300;

/// A directory with nodes in tables and in the log, as a stop or a kill left it.
fn left(stopped: bool) -> Result<(TempDir, PathBuf)> {
    let mut server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    for n in 0..ALL {
        client.add_node("g", &format!("n{n:03}"), b"\x80")?;
        if n + 1 == IN_TABLES {
            client.call("", "Checkpoint", None)?;
        }
    }
    drop(client);
    if stopped {
        ensure!(server.terminate()?.success(), "the stop failed");
    } else {
        server.kill9()?;
    }
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("data");
    copy(server.persist_dir(), &directory)?;
    Ok((folder, directory))
}

fn logs(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = files(&directory.join("db"))?;
    found.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "log"));
    Ok(found.into_iter().map(|(path, _)| path).collect())
}

fn nodes(directory: &Path) -> Result<usize> {
    let server = ServerProcess::ours().persist_dir(directory).start()?;
    let ids = server.client()?.call("g", "NodeIds", None)?;
    let ids: Vec<_> = ids.as_array().context("an array")?.iter().filter_map(|id| id.as_str()).collect();
    for (n, id) in ids.iter().enumerate() {
        ensure!(*id == format!("n{n:03}"), "a hole before {id}");
    }
    Ok(ids.len())
}

fn egctl(words: &[&str], directory: &Path) -> Result<(Option<i32>, String)> {
    let Output { status, stdout, stderr } =
        Egctl::new().command(words)?.arg("--dir").arg(directory).output()?;
    Ok((status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))))
}

type Damage = (&'static str, fn(&Path) -> Result<()>);

const DAMAGES: [Damage; 4] = [
    ("deleted", |log| Ok(fs_err::remove_file(log)?)),
    ("emptied", |log| Ok(fs_err::write(log, [])?)),
    ("cut at half", |log| {
        let bytes = fs_err::read(log)?;
        Ok(fs_err::write(log, &bytes[..bytes.len() / 2])?)
    }),
    ("zeroed from half on", |log| {
        let mut bytes = fs_err::read(log)?;
        let half = bytes.len() / 2;
        bytes[half..].fill(0);
        Ok(fs_err::write(log, bytes)?)
    }),
];

#[test]
fn a_killed_server_misses_it() -> Result<()> {
    for (damage, apply) in DAMAGES {
        let (_folder, directory) = left(false)?;
        let log = logs(&directory)?.pop().context("a log")?;
        apply(&log)?;
        let before = files(&directory)?;
        let words = [
            "commits are missing",
            "acknowledged writes would be lost",
            "--accept-lost-writes",
            "checkpoint",
        ];
        exits(ServerProcess::ours().persist_dir(&directory), 1, &words)?;
        let (code, text) = egctl(&["verify"], &directory)?;
        ensure!(code == Some(4) && words.iter().all(|word| text.contains(word)), "{damage}: {code:?} {text}");
        let (code, text) = egctl(&["repair", "--accept-lost-writes", "--dry-run"], &directory)?;
        ensure!(code == Some(0) && text.contains("would be given up: "), "{damage}: {code:?} {text}");
        ensure!(files(&directory)? == before, "{damage}: files were changed");

        let (code, text) = egctl(&["repair", "--accept-lost-writes"], &directory)?;
        ensure!(code == Some(0) && text.contains("given up: "), "{damage}: {code:?} {text}");
        let missing: usize = text
            .split("given up: ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .and_then(|count| count.parse().ok())
            .with_context(|| format!("no number of commits in {text}"))?;
        let found = nodes(&directory)?;
        ensure!(found >= IN_TABLES && found + missing == ALL, "{damage}: {found} nodes, {missing} given up");
        let (code, text) = egctl(&["verify"], &directory)?;
        ensure!(code == Some(0), "{damage}: {code:?} {text}");
    }
    Ok(())
}

#[test]
fn a_stopped_server_does_not_need_it() -> Result<()> {
    for (damage, apply) in DAMAGES {
        let (_folder, directory) = left(true)?;
        for log in logs(&directory)? {
            apply(&log)?;
        }
        let (code, text) = egctl(&["verify"], &directory)?;
        ensure!(code == Some(0), "{damage}: {code:?} {text}");
        let found = nodes(&directory)?;
        ensure!(found == ALL, "{damage}: {found} nodes");
    }
    Ok(())
}

#[test]
fn nothing_is_given_up_where_nothing_is_missing() -> Result<()> {
    let (_folder, directory) = left(false)?;
    let (code, text) = egctl(&["repair", "--accept-lost-writes"], &directory)?;
    ensure!(code == Some(0) && text.contains("nothing to repair"), "{code:?} {text}");
    ensure!(nodes(&directory)? == ALL, "nodes are missing");
    Ok(())
}
