//! `egctl tunnel`: a private socket for clients without TLS.

use std::fs::Permissions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use epistemic_router::{ClientTls, Endpoint, Target};
use fs_err as fs;
use serde::Serialize;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::shards::TlsArgs;

/// For a connection to the shard, handshake included.
const CONNECT: Duration = Duration::from_secs(10);
/// Connections at a time; more wait.
const CONNECTIONS: usize = 512;
/// Pause after a connection could not be accepted: others must close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Carry requests of clients that have no TLS to a shard by TLS.
///
/// The clients connect to a socket that only this user may use, in the clear; what they send goes to the shard as it is, with
/// their own tokens. Runs until SIGTERM or SIGINT, and takes its socket with it.
///
/// A client places graphs by the text of its endpoints: give the tunnel to clients of a single shard, or of several through one
/// tunnel each only if all clients of these shards use the same texts.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct TunnelArgs {
    /// Socket to make, of mode 0600: unix://PATH.
    #[arg(long, value_name = "E")]
    listen: Endpoint,
    /// Shard to carry to: tcp://HOST:PORT. Its certificate has to be for this host.
    #[arg(long, value_name = "E")]
    to: Endpoint,
    /// Another name that its certificate has to be for.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// That it runs.
#[derive(Serialize)]
struct Listening {
    listen: PathBuf,
    to: String,
}

impl Report for Listening {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} leads to {} by TLS", self.listen.display(), self.to)
    }
}

/// Where connections go.
struct Far {
    host: String,
    port: u16,
    name: String,
    tls: ClientTls,
}

/// Carries connections until it is told to stop.
pub(super) fn run(args: &TunnelArgs, runtime: &Runtime) -> Result<()> {
    let misused = |text: &str| Failure::new(Exit::Usage, text.to_owned());
    let Target::Unix(path) = args.listen.target() else {
        return Err(misused("--listen takes a socket, unix://PATH").into());
    };
    let Target::Tcp { host, port } = args.to.target() else {
        return Err(misused("--to takes a shard with TLS, tcp://HOST:PORT").into());
    };
    let tls = args.tls.client()?.ok_or_else(|| {
        misused("a tunnel needs TLS: give --tls-ca, or set EPISTEMIC_GRAPH_TLS=require and EPISTEMIC_GRAPH_TLS_CA")
    })?;
    tls.check().map_err(|error| misused(&error.to_string()))?;
    let name = args.server_name.as_ref().unwrap_or(host).clone();
    let far = Arc::new(Far { host: host.clone(), port: *port, name, tls });
    runtime.block_on(async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let listener = bind(path)?;
        args.output.print(&Listening { listen: path.clone(), to: args.to.to_string() })?;
        tokio::select! {
            () = accept(listener, far) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(fs::remove_file(path)?)
    })
}

/// A socket for this user alone: the umask of the process lets nobody else in from the beginning.
fn bind(path: &Path) -> Result<UnixListener> {
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            bail!("'{}' exists and is no socket; choose another --listen", path.display());
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Ok(_) | Err(_) => {
                bail!("somebody listens on socket '{}'; choose another --listen", path.display())
            }
        }
    }
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on socket '{}'", path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn accept(listener: UnixListener, far: Arc<Far>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((near, _)) => {
                let far = Arc::clone(&far);
                tokio::spawn(async move {
                    if let Err(error) = carry(near, &far).await {
                        tracing::error!("a connection to {}:{} failed: {error:#}", far.host, far.port);
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Carries both directions until both have ended, or one fails.
async fn carry(mut near: UnixStream, far: &Far) -> Result<()> {
    let connect = async {
        let stream = TcpStream::connect((far.host.as_str(), far.port)).await?;
        stream.set_nodelay(true)?;
        anyhow::Ok(far.tls.connect(&far.name, stream).await?)
    };
    let mut far = timeout(CONNECT, connect).await.context("no connection within 10 s")??;
    match copy_bidirectional(&mut near, &mut far).await {
        // Whoever is first to go, goes without a word more often than not.
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
            ) =>
        {
            Err(error.into())
        }
        Ok(_) | Err(_) => Ok(()),
    }
}
