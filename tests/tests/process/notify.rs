//! What a service manager is told by way of `NOTIFY_SOCKET`.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::gateway::{Gateway, command};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// The manager's end of the socket.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    _folder: TempDir,
}

impl Manager {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(LIMIT))?;
        Ok(Self { socket, path, _folder: folder })
    }

    /// The lines of the next message.
    fn told(&self) -> Result<Vec<String>> {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).context("nothing was told")?;
        let text = std::str::from_utf8(&message[..length])?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn has_been_told_all(&self) -> Result<()> {
        self.socket.set_nonblocking(true)?;
        ensure!(self.socket.recv(&mut [0; 4096]).is_err(), "something more was told");
        Ok(())
    }
}

#[test]
fn a_shard_is_started_when_it_listens_and_tells_that_it_stops() -> Result<()> {
    let manager = Manager::new()?;
    let mut server = ServerProcess::ours().env("NOTIFY_SOCKET", &manager.path).spawn()?;
    let opening = manager.told()?;
    ensure!(opening == ["STATUS=opening the store"], "{opening:?}");
    let started = manager.told()?;
    ensure!(started == ["READY=1", "STATUS=serving"], "{started:?}");
    // At the first attempt.
    server.client()?.call("", "Ping", None)?;
    ensure!(server.terminate()?.success(), "{}", server.output());
    let stopping = manager.told()?;
    ensure!(stopping.first().is_some_and(|line| line == "STOPPING=1"), "{stopping:?}");
    manager.has_been_told_all()
}

#[test]
fn a_shard_that_cannot_open_its_store_is_never_started() -> Result<()> {
    let (manager, folder) = (Manager::new()?, tempfile::tempdir()?);
    fs_err::write(folder.path().join("something else"), "")?;
    let server = ServerProcess::ours().persist_dir(folder.path()).env("NOTIFY_SOCKET", &manager.path);
    super::exits(server, 1, &["something else"])?;
    let opening = manager.told()?;
    ensure!(opening == ["STATUS=opening the store"], "{opening:?}");
    manager.has_been_told_all()
}

#[test]
fn the_gateway_is_started_when_it_listens_and_tells_that_it_stops() -> Result<()> {
    let manager = Manager::new()?;
    let mut program = command("tcp://localhost:1", "secret")?;
    program.env("NOTIFY_SOCKET", &manager.path);
    let mut gateway = Gateway::start_program(program, &[])?;
    let started = manager.told()?;
    ensure!(started == ["READY=1", "STATUS=serving"], "{started:?}");
    gateway.terminate()?;
    ensure!(gateway.wait_for_exit(LIMIT)?.success());
    let stopping = manager.told()?;
    ensure!(stopping.first().is_some_and(|line| line == "STOPPING=1"), "{stopping:?}");
    manager.has_been_told_all()
}

/// A manager that is gone is nothing to stop for.
#[test]
fn a_shard_goes_on_when_nobody_takes_what_it_tells() -> Result<()> {
    let server = ServerProcess::ours().env("NOTIFY_SOCKET", "/nowhere/notify").start()?;
    server.client()?.call("", "Ping", None)?;
    ensure!(server.output().contains("NOTIFY_SOCKET"), "{}", server.output());
    Ok(())
}
