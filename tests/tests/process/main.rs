//! The server as a process: what it refuses to start on, how it keeps its secret, what it tells, and how it stops.

mod damage;
mod log;
mod lost_log;
mod metrics;
mod notify;
mod secrets;
mod slow_requests;
mod sockets;
mod start;
mod stop;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use epistemic_tests::ServerBuilder;

/// Starts a server that must exit with `code` and say all of `words`; returns what it wrote.
fn exits(server: ServerBuilder, code: i32, words: &[&str]) -> Result<String> {
    let (status, output) = server.start_expecting_exit()?;
    ensure!(status.code() == Some(code), "{status}, not {code}:\n{output}");
    for word in words {
        ensure!(output.contains(word), "nothing about {word:?} in:\n{output}");
    }
    ensure!(!output.contains("panicked"), "{output}");
    Ok(output)
}

/// Every file below `folder` with its bytes, but the one that only says who owns the directory.
fn files(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.file_name().is_none_or(|name| name != "LOCK") {
            found.push((path.clone(), fs_err::read(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a folder; hard links between its files end.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs_err::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
