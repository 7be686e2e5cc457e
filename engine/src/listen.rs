//! Listeners.

use std::{
    fs::Permissions,
    io,
    os::fd::AsFd,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use epistemic_listen::{Origin, Place};
use epistemic_logging::Limit;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock},
    io::Errno,
};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_util::task::TaskTracker;

use crate::{
    config::Config,
    connection,
    sessions::{Peer, Transport},
    shard::Shard,
    tls,
};

/// A client whose machine is gone is noticed after 60 s of silence and six probes, two minutes in all.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 6;

/// A bound unix socket; its file is removed when this is dropped, unless another one is in its place.
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    file: FileId,
    _lock: SocketLock,
}

impl UnixSocket {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UnixSocket {
    /// The listener is still open, so that no other file can have got the number of this one.
    fn drop(&mut self) {
        match FileId::of(&self.path) {
            Ok(there) if there == self.file => {
                if let Err(error) = fs::remove_file(&self.path) {
                    tracing::debug!(%error, "socket file not removed");
                }
            }
            _ => tracing::warn!(
                "socket '{}' is not the file that this server made: it is left there",
                self.path.display()
            ),
        }
    }
}

/// Binds a unix socket with the permissions `mode`. A file left behind by a dead server is replaced; one that a live server
/// answers on is not.
pub(crate) fn bind_unix(path: &Path, mode: Mode) -> anyhow::Result<UnixSocket> {
    let lock = SocketLock::take(path)?;
    if let Ok(metadata) = fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            bail!("'{}' exists and is no socket; choose another --socket-path", path.display());
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(taken(path)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error).with_context(|| format!("socket '{}'", path.display())),
        }
    }
    let listener = UnixListener::bind(path).with_context(|| cannot_listen(path))?;
    fs::set_permissions(path, Permissions::from_mode(mode.bits()))?;
    let file = FileId::of(path)?;
    Ok(UnixSocket { listener, path: path.to_path_buf(), file, _lock: lock })
}

fn cannot_listen(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let advice = folder.map(|folder| format!(": there is no folder '{}', make it first", folder.display()));
    format!("cannot listen on socket '{}'{}", path.display(), advice.unwrap_or_default())
}

fn taken(path: &Path) -> anyhow::Error {
    anyhow!(
        "another server is listening on socket '{}' — refusing to take it over; stop it or choose another --socket-path",
        path.display()
    )
}

/// Which file a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&fs::symlink_metadata(path)?))
    }
}

impl From<&std::fs::Metadata> for FileId {
    fn from(metadata: &std::fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A locked file beside a socket, for as long as a server has the socket: of servers that start at the same moment one takes
/// the other's new socket for one that is left behind otherwise.
struct SocketLock {
    path: PathBuf,
    held: fs::File,
}

impl SocketLock {
    fn take(socket: &Path) -> anyhow::Result<Self> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        loop {
            let held = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlags::NOFOLLOW.bits() as i32)
                .open(&path)
                .with_context(|| cannot_listen(socket))?;
            match flock(&held, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Err(taken(socket)),
                Err(error) => tracing::debug!(%error, "the file system of the socket knows no locks"),
            }
            let lock = Self { path: path.clone(), held };
            // A server that has just stopped may have removed it.
            if lock.is_there() {
                return Ok(lock);
            }
        }
    }

    /// Whether the file that is locked is the one of that name.
    fn is_there(&self) -> bool {
        let held = self.held.metadata().map(|metadata| FileId::from(&metadata));
        FileId::of(&self.path).is_ok_and(|there| held.is_ok_and(|held| there == held))
    }
}

impl Drop for SocketLock {
    fn drop(&mut self) {
        if self.is_there() {
            // A leftover is in nobody's way.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What a server listens on. A stand-by has it from its start on, and gives it to the shard that it becomes.
pub(crate) struct Listeners {
    pub(crate) tcp: Option<TcpListener>,
    pub(crate) unix: Option<Arc<UnixSocket>>,
    pub(crate) metrics: Option<TcpListener>,
}

impl Listeners {
    /// Binds all that the flags say. A shard with a TCP address does without the default unix socket, which other shards of the
    /// machine may have.
    pub(crate) async fn bind(config: &Config, umask: Mode) -> anyhow::Result<Self> {
        let unix = bind_socket(config, umask)?.map(Arc::new);
        let tcp = match config.tcp_addr() {
            Some(address) => Some(bind_tcp(address, "--tcp-addr").await?),
            None => None,
        };
        let metrics = match &config.metrics_addr {
            Some(address) => Some(bind_tcp(address, "--metrics-addr").await?),
            None => None,
        };
        Ok(Self { tcp, unix, metrics })
    }

    /// The same ones: a connection is accepted from either.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let same = |listener: &Option<TcpListener>| {
            let Some(listener) = listener else { return Ok(None) };
            TcpListener::from_std(listener.as_fd().try_clone_to_owned()?.into()).map(Some)
        };
        Ok(Self { tcp: same(&self.tcp)?, unix: self.unix.clone(), metrics: same(&self.metrics)? })
    }
}

fn bind_socket(config: &Config, umask: Mode) -> anyhow::Result<Option<UnixSocket>> {
    let mode = Mode::from_bits_truncate(config.socket_mode.unwrap_or(0o777 & !umask.bits()));
    match bind_unix(&config.socket(), mode) {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if config.socket_path.is_none() && config.tcp_addr().is_some() => {
            tracing::warn!("no unix socket, only TCP: {error:#}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn bind_tcp(address: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {flag} {address}"))
}

/// Accepts on the unix socket until the shard stops.
pub(crate) async fn serve_unix(shard: Arc<Shard>, socket: Arc<UnixSocket>, connections: TaskTracker) {
    let accept = async {
        loop {
            match socket.listener.accept().await {
                Ok((stream, _)) => {
                    let (origin, peer) = local_peer(&stream);
                    let place = shard.places.take(origin).await;
                    let peer = Peer { origin, address: peer, transport: Transport::Unix, certificate: None };
                    connections.spawn(connection::serve(Arc::clone(&shard), stream, place, peer));
                }
                Err(error) => accept_failed(&error).await,
            }
        }
    };
    shard.stop.run_until_cancelled(accept).await;
}

/// Accepts on TCP until the shard stops.
pub(crate) async fn serve_tcp(shard: Arc<Shard>, listener: TcpListener, connections: TaskTracker) {
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = prepare(&stream) {
                        tracing::debug!(%error, "socket options");
                    }
                    let place = shard.places.take(Origin::of(peer)).await;
                    connections.spawn(serve_begun(Arc::clone(&shard), stream, place, peer.to_string()));
                }
                Err(error) => accept_failed(&error).await,
            }
        }
    };
    shard.stop.run_until_cancelled(accept).await;
}

async fn serve_begun(shard: Arc<Shard>, stream: TcpStream, place: Place, peer: String) {
    if shard.tls.certificates.is_some() {
        return tls::serve(shard, stream, place, peer).await;
    }
    shard.metrics.tls.connected(false);
    let peer = Peer { origin: place.origin(), address: peer, transport: Transport::Tcp, certificate: None };
    connection::serve(shard, stream, place, peer).await;
}

/// Who is at the other end of a unix socket, for the bounds and for the log.
fn local_peer(stream: &tokio::net::UnixStream) -> (Origin, String) {
    match stream.peer_cred() {
        Ok(peer) => {
            let (uid, pid) = (peer.uid(), peer.pid().unwrap_or(0));
            (Origin::User(uid), format!("unix, uid {uid}, pid {pid}"))
        }
        // A client that is gone already.
        Err(_) => (Origin::User(u32::MAX), "unix".to_owned()),
    }
}

/// Answers go out at once, and a client whose machine is gone is noticed.
fn prepare(stream: &TcpStream) -> io::Result<()> {
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
