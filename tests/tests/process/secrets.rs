//! Where the secret may come from, and where it must not go (fault 18).

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, token};
use epistemic_tests::{Client, ServerProcess, WireError};
use serde_json::Value;
use tempfile::TempDir;

use crate::exits;

const SECRET: &str = "correct-horse-battery-staple";

fn secret_file(mode: u32, text: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shard.secret");
    fs_err::write(&path, text)?;
    fs_err::set_permissions(&path, PermissionsExt::from_mode(mode))?;
    Ok((folder, path))
}

fn is_taken(server: &ServerProcess, secret: &str) -> Result<bool> {
    match Client::connect(&server.unix_endpoint(), secret)?.call("", "Ping", None) {
        Ok(_) => Ok(true),
        Err(WireError::Server(text)) if text == "Authentication failed" => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[test]
fn a_secret_file_must_be_private() -> Result<()> {
    for mode in [0o640, 0o644, 0o604, 0o660, 0o601, 0o777] {
        let (_folder, path) = secret_file(mode, SECRET)?;
        let name = path.to_str().context("path")?;
        let output =
            exits(ServerProcess::ours().arg("--auth-secret-file").arg(&path), 2, &[name, "chmod 600"])?;
        ensure!(!output.contains(SECRET), "{output}");
    }
    for text in ["", "\n", "\r\n"] {
        let (_folder, path) = secret_file(0o600, text)?;
        exits(ServerProcess::ours().arg("--auth-secret-file").arg(&path), 2, &["is empty"])?;
    }
    let missing = "/nowhere/shard.secret";
    exits(ServerProcess::ours().arg("--auth-secret-file").arg(missing), 2, &[missing])?;
    let folder = tempfile::tempdir()?;
    fs_err::set_permissions(folder.path(), PermissionsExt::from_mode(0o700))?;
    let name = folder.path().to_str().context("path")?;
    exits(ServerProcess::ours().arg("--auth-secret-file").arg(folder.path()), 2, &[name])?;
    Ok(())
}

/// The flag wins over the variable; an end of line does not count.
#[test]
fn a_private_secret_file_is_taken() -> Result<()> {
    for (mode, text) in
        [(0o600, SECRET.to_owned()), (0o400, format!("{SECRET}\n")), (0o600, format!("{SECRET}\r\n"))]
    {
        let (_folder, path) = secret_file(mode, &text)?;
        // The harness pings with its own secret, which would be refused.
        let mut server =
            ServerProcess::ours().in_memory().secret(SECRET).arg("--auth-secret-file").arg(&path).start()?;
        ensure!(is_taken(&server, SECRET)? && !is_taken(&server, &text[..5])?);
        server.terminate()?;
        let server = server.builder().env("GRAPH_SERVICE_AUTH_SECRET", "of the variable").start()?;
        ensure!(is_taken(&server, SECRET)? && !is_taken(&server, "of the variable")?);
    }
    Ok(())
}

#[test]
fn a_secret_in_the_arguments_is_taken_with_a_warning() -> Result<()> {
    let server = ServerProcess::ours().in_memory().secret(SECRET).arg("--auth-secret").arg(SECRET);
    let server = server.env("GRAPH_SERVICE_AUTH_SECRET", "of the variable").start()?;
    ensure!(is_taken(&server, SECRET)? && !is_taken(&server, "of the variable")?);
    let output = server.output();
    let warning = output.lines().find(|line| line.contains("WARN") && line.contains("--auth-secret-file"));
    ensure!(warning.is_some() && !output.contains(SECRET), "{output}");
    Ok(())
}

#[test]
fn the_secret_is_in_no_log_and_no_argument() -> Result<()> {
    let (_folder, path) = secret_file(0o600, SECRET)?;
    for from_file in [false, true] {
        let server = ServerProcess::ours().tcp().metrics().secret(SECRET).env("RUST_LOG", "trace");
        let server = if from_file {
            server.arg("--auth-secret-file").arg(&path).env("GRAPH_SERVICE_AUTH_SECRET", "")
        } else {
            server
        };
        let mut server = server.start()?;
        let mut client = server.tcp_client()?;
        client.create_graph("g")?;
        client.add_node("g", "n", &[0x80])?;
        client.call("", "Checkpoint", None)?;
        ensure!(!is_taken(&server, &SECRET[1..])?);
        client.send_body(SECRET.as_bytes())?;
        client.receive()?;
        let arguments = fs_err::read(format!("/proc/{}/cmdline", server.pid()))?;
        ensure!(!String::from_utf8_lossy(&arguments).contains(SECRET), "the secret is in /proc/PID/cmdline");
        let page = epistemic_tests::http::get(server.metrics_addr(), "/metrics")?.body;
        server.terminate()?;
        let output = server.output();
        ensure!(output.contains("Auth: enabled"), "{output}");
        for text in [&output, &page] {
            ensure!(!text.contains(SECRET), "{text}");
            ensure!((0..9).all(|id| !text.contains(&token(SECRET, id))), "a token: {text}");
        }
    }
    Ok(())
}

#[test]
fn a_json_log_is_one_object_a_line() -> Result<()> {
    let mut server = ServerProcess::ours().tcp().metrics().arg("--log-format").arg("json").start()?;
    server.client()?.call("", "Checkpoint", None)?;
    server.terminate()?;
    let output = server.output();
    let mut messages = Vec::new();
    for line in output.lines() {
        let event: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
        ensure!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
        messages.push(event["message"].as_str().context("no message")?.to_owned());
    }
    let tcp = format!("Listening on TCP: {}", server.tcp_addr());
    let uds = format!("Listening on UDS: {}", server.socket().display());
    for wanted in ["Starting epistemic-graph-server", "Auth: enabled", &tcp, &uds, "stopped"] {
        ensure!(messages.iter().any(|message| message == wanted), "no {wanted:?} in {messages:?}");
    }
    ensure!(messages.iter().any(|message| message.starts_with("Loaded 1 graphs from ")), "{messages:?}");
    Ok(())
}

#[test]
fn a_text_log_has_no_colour_codes() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    server.terminate()?;
    let output = server.output();
    ensure!(
        output.contains("INFO Starting epistemic-graph-server") && !output.contains('\u{1b}'),
        "{output:?}"
    );
    Ok(())
}

/// The memory of a server is not to be had by other processes of its user, nor in a core dump. Needs root to look.
#[test]
fn memory_is_shown_to_nobody_unless_asked_for() -> Result<()> {
    for (flags, limit) in [(&[][..], "0"), (&["--allow-core-dumps"], "")] {
        let mut server = ServerProcess::ours().in_memory();
        for flag in flags {
            server = server.arg(flag);
        }
        let server = server.start()?;
        let limits = fs_err::read_to_string(format!("/proc/{}/limits", server.pid()))?;
        let cores = limits.lines().find(|line| line.starts_with("Max core file size")).context("a limit")?;
        let soft = cores.split_whitespace().nth(4).context("a value")?;
        ensure!(limit.is_empty() || soft == limit, "{cores}");
    }
    Ok(())
}

/// A drop-in starts with the secret that is there; 16 bytes are not short.
#[test]
fn a_short_secret_is_taken_with_a_warning() -> Result<()> {
    for (secret, short) in [("x", true), ("fifteen bytes!!", true), ("sixteen bytes!!!", false)] {
        let server = ServerProcess::ours().in_memory().secret(secret).start()?;
        let status = server.client()?.call("", "ShardStatus", None)?;
        let told = field(&status, "short_secret").and_then(|told| told.as_bool());
        ensure!(told == Some(short), "{secret}: {told:?}");
        let output = server.output();
        ensure!(output.contains("the secret has fewer than 16 bytes") == short, "{secret}: {output}");
        ensure!(secret.len() == 1 || !output.contains(secret), "{output}");
    }
    Ok(())
}
