//! TLS with real counterparts: `openssl`, `curl`, `egctl`, and published Python clients through a tunnel.

mod certs;
mod deployment;
#[path = "../keys/forms.rs"]
mod forms;
mod http;
mod keys;
mod port;
mod renewal;
mod slow;
mod strangers;
mod tunnel;
mod wrong;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::certs::{Authority, Pair};
use epistemic_tests::ports::free_loopback_addr;
use epistemic_tests::wire::Endpoint;
use epistemic_tests::{Client, ServerBuilder, ServerProcess, binaries, wait};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const SECRET: &str = "test-secret";
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];
const LIMIT: Duration = Duration::from_secs(30);

/// A shard with a certificate, and its TCP address. Its unix socket is plain.
struct Shard {
    server: ServerProcess,
    address: SocketAddr,
}

impl Shard {
    /// One in memory.
    fn start(pair: &Pair, flags: &[&str]) -> Result<Shard> {
        Self::start_with(ServerProcess::ours().in_memory(), pair, flags)
    }

    /// The harness looks at its unix socket only, which is there after TCP.
    fn start_with(builder: ServerBuilder, pair: &Pair, flags: &[&str]) -> Result<Shard> {
        let address = free_loopback_addr()?;
        let mut builder = builder.arg("--tcp-addr").arg(address.to_string());
        for flag in pair.flags() {
            builder = builder.arg(flag);
        }
        for flag in flags {
            builder = builder.arg(flag);
        }
        // The harness asks with a token of version 1 whether a server is ready.
        if !flags.contains(&"--min-auth") {
            return Ok(Shard { server: builder.start()?, address });
        }
        let server = builder.spawn()?;
        let listens = || -> Result<_> { Ok(server.output().contains("Listening on UDS").then_some(())) };
        wait::poll(2 * LIMIT, Duration::from_millis(10), listens)?.with_context(|| server.output())?;
        Ok(Shard { server, address })
    }

    fn endpoint(&self) -> String {
        format!("tcp://{}", self.address)
    }

    fn plain(&self) -> Result<Client> {
        Ok(Client::connect(&Endpoint::Tcp(self.address), SECRET)?)
    }

    fn hang_up(&self) -> Result<()> {
        let pid = i32::try_from(self.server.pid())?;
        Ok(kill_process(Pid::from_raw(pid).context("a process id")?, Signal::HUP)?)
    }

    /// Waits until the log of the shard has these words.
    fn wait_for_log(&self, words: &str) -> Result<()> {
        let found = wait::poll(LIMIT, Duration::from_millis(20), || {
            Ok::<_, anyhow::Error>(self.server.output().contains(words).then_some(()))
        })?;
        found.with_context(|| format!("the log never said {words:?}:\n{}", self.server.output()))
    }
}

/// `egctl` with no configuration but the secret and its flags.
fn egctl(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(binaries::egctl()?);
    for variable in ["", "_CA", "_CERT", "_KEY"] {
        command.env_remove(format!("EPISTEMIC_GRAPH_TLS{variable}"));
    }
    command.env_remove("GRAPH_SERVICE_ENDPOINTS").env("GRAPH_SERVICE_AUTH_SECRET", SECRET).args(args);
    Ok(command)
}

/// `egctl status` of a shard with these flags.
fn status(endpoint: &str, flags: &[&str]) -> Result<Output> {
    Ok(egctl(&["status", "--endpoint", endpoint, "--json"])?.args(flags).output()?)
}

/// The same, which must succeed.
fn status_json(endpoint: &str, flags: &[&str]) -> Result<serde_json::Value> {
    let output = status(endpoint, flags)?;
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    Ok(report["shards"][0]["status"].clone())
}

/// A running `egctl tunnel`. Dropping it kills the process.
struct Tunnel {
    child: Child,
    socket: PathBuf,
    _folder: TempDir,
}

impl Tunnel {
    fn start(to: &str, flags: &[&str]) -> Result<Tunnel> {
        let folder = TempDir::new()?;
        let socket = folder.path().join("tunnel.sock");
        let listen = format!("unix://{}", socket.display());
        let mut command = egctl(&["tunnel", "--listen", &listen, "--to", to])?;
        let child = command.args(flags).stdout(Stdio::null()).spawn()?;
        let mut tunnel = Tunnel { child, socket, _folder: folder };
        let there = wait::poll(LIMIT, Duration::from_millis(5), || {
            ensure!(tunnel.child.try_wait()?.is_none(), "the tunnel exited");
            Ok(tunnel.socket.exists().then_some(()))
        })?;
        there.context("the tunnel has no socket")?;
        Ok(tunnel)
    }

    fn client(&self) -> Result<Client> {
        Ok(Client::connect(&Endpoint::Unix(self.socket.clone()), SECRET)?)
    }

    fn endpoint(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("could not stop the tunnel {}: {error}", self.child.id());
        }
    }
}

/// Runs a program with nothing on its standard input; all that it says.
fn said(command: &mut Command) -> Result<(bool, String)> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

/// `openssl s_client` against a shard.
fn openssl(address: SocketAddr, ca: &Path, flags: &[&str]) -> Result<(bool, String)> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address.to_string(), "-verify_return_error", "-CAfile"]);
    said(command.arg(ca).args(flags))
}

fn authority_and_server() -> Result<(Authority, Pair)> {
    let authority = Authority::new()?;
    let pair = authority.server("server", &HOSTS)?;
    Ok((authority, pair))
}
