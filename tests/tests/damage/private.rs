//! What the programs write is for their user alone, whatever the umask is, and root does not take a directory from its
//! owner. Needs root for the second.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::{ServerBuilder, ServerProcess, binaries};

use super::{endpoint, ends};

/// A user without a name.
const OTHER: u32 = 61_234;

/// A script that lets everybody read and write what `program` makes.
fn careless(folder: &Path, program: &Path) -> Result<PathBuf> {
    let script = folder.join(program.file_name().context("name")?);
    fs_err::write(&script, format!("#!/bin/sh\numask 000\nexec '{}' \"$@\"\n", program.display()))?;
    fs_err::set_permissions(&script, PermissionsExt::from_mode(0o755))?;
    Ok(script)
}

/// Everything below `folder` and itself.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    if folder.is_dir() {
        for entry in fs_err::read_dir(folder)? {
            found.extend(below(&entry?.path())?);
        }
    }
    Ok(found)
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs_err::symlink_metadata(path)?.mode() & 0o777)
}

fn is_private(folder: &Path) -> Result<()> {
    let all = below(folder)?;
    for path in &all {
        ensure!(mode(path)? & 0o077 == 0, "{}: mode {:o}", path.display(), mode(path)?);
    }
    Ok(())
}

#[test]
fn nobody_else_may_read_what_is_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (directory, work) = (folder.path().join("made by the server"), folder.path().join("work"));
    let server = ServerBuilder::of_program(careless(folder.path(), &binaries::server()?)?)?;
    let mut server = server.in_memory().arg("--persist-dir").arg(&directory).start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "n", b"\x80")?;
    client.call("__commons__", "Checkpoint", None)?;
    ensure!(mode(server.socket())? == 0o777, "who may connect is what the umask says");

    let egctl = careless(folder.path(), &binaries::egctl()?)?;
    let run = |args: &[&str]| -> Result<()> {
        let output =
            Command::new(&egctl).args(args).env("GRAPH_SERVICE_AUTH_SECRET", "test-secret").output()?;
        ensure!(output.status.success(), "{args:?}: {output:?}");
        Ok(())
    };
    fs_err::create_dir(&work)?;
    fs_err::set_permissions(&work, PermissionsExt::from_mode(0o700))?;
    let at = |name: &str| work.join(name).display().to_string();
    let from = endpoint(&server);
    run(&["snapshot", "export", "g", "--endpoint", &from, "-o", &at("g.snap")])?;
    run(&["backup", "create", "--endpoint", &from, "--to", &at("backup")])?;
    let checkpoint = fs_err::read_dir(directory.join("checkpoints"))?.next().context("checkpoint")??.path();
    run(&["checkpoint", "restore", &checkpoint.display().to_string(), &at("restored")])?;
    run(&["snapshot", "import", &at("g.snap"), "--replace", "--dir", &at("restored")])?;
    server.terminate()?;
    is_private(&directory)?;
    is_private(&work)
}

#[test]
fn root_does_not_take_a_directory_from_its_owner() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = ServerProcess::ours().start()?;
    server.client()?.create_graph("g")?;
    let snapshot = folder.path().join("g.snap");
    let file = snapshot.to_str().context("path")?;
    ends(0, &["snapshot", "export", "g", "--endpoint", &endpoint(&server), "-o", file])?;
    server.terminate()?;
    let directory = server.persist_dir().to_owned();
    for path in below(&directory)? {
        chown(&path, Some(OTHER), Some(OTHER))?;
    }
    let dir = directory.to_str().context("path")?;
    let before = below(&directory)?;
    for command in [&["snapshot", "import", file, "--replace", "--dir", dir][..], &["repair", "--dir", dir]] {
        let told = ends(2, command)?;
        ensure!(told.contains(&OTHER.to_string()) && told.contains("sudo -u"), "{told}");
    }
    ensure!(below(&directory)? == before, "something was made");
    ends(0, &["graphs", "--dir", dir])?;

    // As its owner it works, and everything stays the owner's.
    let egctl = folder.path().join("egctl");
    fs_err::copy(binaries::egctl()?, &egctl)?;
    for path in [folder.path(), directory.parent().context("parent")?] {
        fs_err::set_permissions(path, PermissionsExt::from_mode(0o755))?;
    }
    chown(&snapshot, Some(OTHER), Some(OTHER))?;
    let mut command = Command::new(egctl);
    let output = command
        .args(["snapshot", "import", file, "--replace", "--dir", dir])
        .uid(OTHER)
        .gid(OTHER)
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    for path in below(&directory)? {
        let owner = fs_err::metadata(&path)?.uid();
        // Reading needs no permission to write, but RocksDB notes that it has read.
        let is_log = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("LOG"));
        ensure!(owner == OTHER || is_log, "{}: {owner}", path.display());
    }
    Ok(())
}
