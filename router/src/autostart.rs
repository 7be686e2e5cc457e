//! Starting a server for a local socket that nobody serves: once, however many processes want it at the same time.
//!
//! Only for `unix://`: a stand-in for a remote shard would be empty. The one who holds the lock file beside the socket starts
//! the server; the others wait for the socket. The server gets the environment of this process, so its secret and its
//! directory (`GRAPH_SERVICE_AUTH_SECRET`, `GRAPH_SERVICE_PERSIST_DIR`), and stays when this process ends.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

/// Variable that allows it, with `1` or `true`.
pub const AUTOSTART_VAR: &str = "EPISTEMIC_GRAPH_AUTOSTART";
/// Variable with the path of the server program.
pub const SERVER_BIN_VAR: &str = "EPISTEMIC_GRAPH_SERVER_BIN";

const SERVER: &str = "epistemic-graph-server";
/// For the server to listen, recovery of its data included.
const LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// Returns when somebody listens on `socket`: a server that this call started, or another process.
///
/// # Errors
/// Why nobody does.
pub(crate) async fn serve(socket: &Path) -> Result<(), String> {
    let lock = open(&beside(socket, ".autostart.lock"))?;
    let mut server = None;
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if UnixStream::connect(socket).await.is_ok() {
            server.map_or(Ok(()), reap)?;
            return Ok(());
        }
        match &mut server {
            // Who had the lock before may have ended its work since the attempt above.
            None if lock.file().try_lock().is_ok() && UnixStream::connect(socket).await.is_err() => {
                server = Some(spawn(socket)?);
            }
            None => {}
            Some(child) => {
                if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                    let log = beside(socket, ".log");
                    return Err(format!("the server ended with {status}, its log is {}", log.display()));
                }
            }
        }
        sleep(POLL).await;
    }
    server.map_or(Ok(()), reap)?;
    Err(format!("nobody listens on {} after {LIMIT:?}", socket.display()))
}

fn spawn(socket: &Path) -> Result<Child, String> {
    let program = program()?;
    let log = open(&beside(socket, ".log"))?.into_file();
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let child = Command::new(&program)
        .arg("--socket-path")
        .arg(socket)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        // Whoever started this process waits for its word, not for the server's.
        .env_remove("NOTIFY_SOCKET")
        // Keys pressed for this process, and its end, are not for the server.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    tracing::info!(pid = child.id(), socket = %socket.display(), program = %program.display(), "started a server");
    Ok(child)
}

/// Waits in the background, so that a server that ends before this process leaves nothing.
fn reap(mut child: Child) -> Result<(), String> {
    let waiting = thread::Builder::new().name("autostarted".to_owned()).spawn(move || child.wait());
    waiting.map(drop).map_err(|error| error.to_string())
}

fn open(path: &Path) -> Result<File, String> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    opened.map_err(|error: io::Error| error.to_string())
}

fn beside(socket: &Path, ending: &str) -> PathBuf {
    let mut path = OsString::from(socket);
    path.push(ending);
    path.into()
}

/// The program of [`SERVER_BIN_VAR`], else the first on the `PATH`, else the one beside this program.
fn program() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os(SERVER_BIN_VAR).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let on_path = env::var_os("PATH").unwrap_or_default();
    let ours = env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned));
    let mut folders = env::split_paths(&on_path).chain(ours);
    folders.find_map(|folder| Some(folder.join(SERVER)).filter(|path| path.is_file())).ok_or_else(|| {
        format!("there is no {SERVER} on the PATH or beside this program; name it in {SERVER_BIN_VAR}")
    })
}
