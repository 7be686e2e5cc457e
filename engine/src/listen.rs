//! Listeners.

use std::{
    fs::Permissions,
    io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use epistemic_logging::Limit;
use fs_err as fs;
use rustix::{
    fs::{FlockOperation, Mode, flock},
    io::Errno,
};
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinSet,
};

use crate::{
    connection,
    shard::{Shard, stopped},
};

/// A client whose machine is gone is noticed after 60 s of silence and six probes, two minutes in all.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 6;

/// A bound unix socket; its file is removed when this is dropped.
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl UnixSocket {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "socket file not removed");
        }
    }
}

/// Binds a unix socket with the permissions that `umask` leaves. A file left behind by a dead server is replaced; one
/// that a live server answers on is not.
pub(crate) fn bind_unix(path: &Path, umask: Mode) -> anyhow::Result<UnixSocket> {
    let _turn = take_turn(path);
    if let Ok(metadata) = fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            bail!("'{}' exists and is no socket; choose another --socket-path", path.display());
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => bail!(
                "another server is listening on socket '{}' — refusing to take it over; stop it or choose another --socket-path",
                path.display()
            ),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error).with_context(|| format!("socket '{}'", path.display())),
        }
    }
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on socket '{}'", path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(0o777 & !umask.bits()))?;
    Ok(UnixSocket { listener, path: path.to_path_buf() })
}

/// Keeps servers that start at the same moment from taking each other's new socket for one that is left behind: a lock on
/// its folder while one looks and binds. Nobody is kept out for long by whoever else holds such a lock.
fn take_turn(path: &Path) -> Option<std::fs::File> {
    let folder = fs::File::open(path.parent()?).ok()?.into_file();
    for _ in 0..100 {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {}
            _ => return Some(folder),
        }
        #[expect(clippy::disallowed_methods, reason = "before anything is served")]
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Accepts on the unix socket until the shard stops, then waits for its connections.
pub(crate) async fn serve_unix(shard: Arc<Shard>, socket: UnixSocket) {
    let mut stop = shard.stop.subscribe();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let place = tokio::select! {
                        place = shard.places.take() => place,
                        () = stopped(&mut stop) => break,
                    };
                    connections.spawn(connection::serve(Arc::clone(&shard), stream, place, "unix".to_owned()));
                }
                Err(error) => accept_failed(&error).await,
            },
            () = stopped(&mut stop) => break,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// Accepts on TCP until the shard stops, then waits for its connections.
pub(crate) async fn serve_tcp(shard: Arc<Shard>, listener: TcpListener) {
    let mut stop = shard.stop.subscribe();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if let Err(error) = prepare(&stream) {
                        tracing::debug!(%error, "socket options");
                    }
                    let place = tokio::select! {
                        place = shard.places.take() => place,
                        () = stopped(&mut stop) => break,
                    };
                    connections.spawn(connection::serve(Arc::clone(&shard), stream, place, peer.to_string()));
                }
                Err(error) => accept_failed(&error).await,
            },
            () = stopped(&mut stop) => break,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Answers go out at once, and a client whose machine is gone is noticed.
fn prepare(stream: &tokio::net::TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    stream.set_nodelay(true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
    Ok(sockopt::set_socket_keepalive(stream, true)?)
}

/// Out of file descriptors, most likely: others must close first.
async fn accept_failed(error: &io::Error) {
    static LINES: Limit = Limit::new(5, Duration::from_secs(60));
    if let Some(left_out) = LINES.admit() {
        tracing::warn!(%error, left_out, "cannot accept a connection");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
}
