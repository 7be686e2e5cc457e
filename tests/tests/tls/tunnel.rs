//! `egctl tunnel`: published clients, which have no TLS, and a shard that requires it.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::binaries::{CLIENT_VERSIONS, SIGNING_CLIENT};
use epistemic_tests::{python, wait};
use rustix::process::{Pid, Signal, kill_process};

use crate::{LIMIT, SECRET, Shard, Tunnel, authority_and_server, egctl, said};

#[test]
fn published_clients_go_through_it_unchanged() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let shard = Shard::start(&pair, &["--tls", "require"])?;
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &authority.ca_text()?])?;
    for version in CLIENT_VERSIONS {
        let last =
            python::judge(version, "client_ops.py", &[&tunnel.endpoint(), SECRET, "--strict"], SECRET)?;
        ensure!(last.ends_with(" checks"), "{version}: {last}");
    }
    Ok(())
}

/// Its requests are signed; what is signed is carried as it is.
#[test]
fn the_client_that_signs_goes_through_it() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let shard = Shard::start(&pair, &["--tls", "require"])?;
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &authority.ca_text()?])?;
    let last = python::judge(SIGNING_CLIENT, "signed_ops.py", &[&tunnel.endpoint(), SECRET], SECRET)?;
    ensure!(last.ends_with(" checks"), "{last}");
    Ok(())
}

#[test]
fn its_socket_is_private_and_goes_with_it() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let shard = Shard::start(&pair, &[])?;
    let ca = authority.ca_text()?;
    let mut tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &ca])?;
    // Until then it is 0700, which lets nobody else in either.
    let private = wait::poll(LIMIT, Duration::from_millis(5), || {
        let mode = fs_err::metadata(&tunnel.socket)?.permissions().mode() & 0o777;
        ensure!(mode & 0o077 == 0, "{mode:o}");
        Ok((mode == 0o600).then_some(()))
    })?;
    ensure!(private.is_some(), "its mode is not 0600");
    // A second one does not take it away.
    let again = ["tunnel", "--listen", &tunnel.endpoint(), "--to", &shard.endpoint(), "--tls-ca", &ca];
    let (good, text) = said(&mut egctl(&again)?)?;
    ensure!(!good && text.contains("somebody listens on socket"), "{text}");
    tunnel.client()?.call("", "Ping", None)?;
    kill_process(Pid::from_child(&tunnel.child), Signal::TERM)?;
    let ended = wait::poll(LIMIT, Duration::from_millis(5), || tunnel.child.try_wait())?;
    ensure!(ended.context("it goes on")?.success() && !tunnel.socket.exists());
    Ok(())
}

#[test]
fn it_never_goes_without_tls() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let listen = "unix:///nonexistent/tunnel.sock";
    let ca = authority.ca_text()?;
    for (flags, why) in [
        (&["--to", "tcp://localhost:1"][..], "a tunnel needs TLS"),
        (&["--to", "unix:///x", "--tls-ca", &ca], "--to takes a shard with TLS"),
        (&["--to", "tcp://localhost:1", "--tls-ca", "/nowhere/ca"], "/nowhere/ca"),
    ] {
        let output = egctl(&["tunnel", "--listen", listen])?.args(flags).output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2) && text.contains(why), "{flags:?}: {text}");
    }
    // Nor to a shard of another name.
    let shard = Shard::start(&pair, &[])?;
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &ca, "--server-name", "elsewhere"])?;
    ensure!(tunnel.client()?.call("", "Ping", None).is_err());
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &ca, "--server-name", "localhost"])?;
    ensure!(tunnel.client()?.call("", "Ping", None).is_ok());
    Ok(())
}
