//! Whose the unix socket is, and who may connect.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use epistemic_tests::{Client, ServerBuilder, ServerProcess};

use crate::exits;

fn lock_of(server: &ServerBuilder) -> PathBuf {
    let mut path = server.socket().into_os_string();
    path.push(".lock");
    path.into()
}

fn answers(server: &ServerProcess) -> Result<()> {
    Client::connect(&server.unix_endpoint(), server.secret())?.call("", "Ping", None)?;
    Ok(())
}

#[test]
fn a_stopping_server_leaves_the_socket_of_its_successor() -> Result<()> {
    let mut first = ServerProcess::ours().in_memory().start()?;
    let builder = first.builder();
    // Somebody has tidied up; what is at the path from now on is another server's.
    fs_err::remove_file(builder.socket())?;
    fs_err::remove_file(lock_of(&builder))?;
    let mut second = builder.clone().start()?;
    first.terminate()?;
    ensure!(first.output().contains("is not the file that this server made"), "{}", first.output());
    answers(&second)?;
    second.terminate()?;
    ensure!(!builder.socket().exists() && !lock_of(&builder).exists(), "its own it removes");
    Ok(())
}

#[test]
fn one_server_at_a_time_has_a_path_whatever_becomes_of_the_file() -> Result<()> {
    let first = ServerProcess::ours().in_memory().start()?;
    fs_err::remove_file(first.socket())?;
    exits(first.builder(), 1, &["another server is listening on socket", "--socket-path"])?;
    // What a killed one leaves is in nobody's way.
    let mut first = first;
    first.kill9()?;
    ensure!(lock_of(&first.builder()).exists());
    answers(&first.builder().start()?)
}

#[test]
fn the_operator_says_who_may_connect() -> Result<()> {
    for (flag, mode) in [("0600", 0o600), ("666", 0o666)] {
        let server = ServerProcess::ours().in_memory().arg("--socket-mode").arg(flag).start()?;
        ensure!(fs_err::metadata(server.socket())?.mode() & 0o777 == mode, "{flag}");
        ensure!(fs_err::metadata(lock_of(&server.builder()))?.mode() & 0o777 == 0o600);
    }
    exits(ServerProcess::ours().in_memory().arg("--socket-mode").arg("rw"), 2, &["--socket-mode", "octal"])?;
    Ok(())
}

/// A lock that is a link to something else is not followed, and not written.
#[test]
fn a_link_in_place_of_the_lock_is_refused() -> Result<()> {
    let server = ServerProcess::ours().in_memory();
    let precious = lock_of(&server).with_extension("precious");
    fs_err::write(&precious, "kept")?;
    fs_err::os::unix::fs::symlink(&precious, lock_of(&server))?;
    exits(server.clone(), 1, &["cannot listen on socket"])?;
    ensure!(fs_err::read_to_string(&precious)? == "kept");
    Ok(())
}
