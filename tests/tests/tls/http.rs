//! HTTPS of the metrics and of the gateway, as `curl` sees it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use epistemic_tests::certs::{Authority, Pair};
use epistemic_tests::gateway::{command, private_file};
use epistemic_tests::http::get;
use epistemic_tests::ports::free_loopback_addr;
use epistemic_tests::{ServerProcess, wait};
use tempfile::TempDir;

use crate::{LIMIT, SECRET, Shard, authority_and_server, said};

const TOKEN: &str = "correct-horse-battery";

fn curl(ca: &Path, url: &str, flags: &[&str]) -> Result<(bool, String)> {
    said(
        Command::new("curl").args(["-sS", "-i", "--max-time", "20", "--cacert"]).arg(ca).arg(url).args(flags),
    )
}

#[test]
fn metrics_are_there_by_https_and_plain_until_tls_is_required() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let ca = authority.ca();
    // Health checks have no certificate to show.
    let client_ca = authority.ca_text()?;
    let flags = ["--tls-client-ca", client_ca.as_str()];
    let shard = Shard::start_with(ServerProcess::ours().in_memory().metrics(), &pair, &flags)?;
    let address = shard.server.metrics_addr();
    for path in ["metrics", "healthz", "readyz"] {
        let (good, text) = curl(&ca, &format!("https://{address}/{path}"), &[])?;
        ensure!(good && text.starts_with("HTTP/1.1 200"), "{path}: {text}");
        ensure!(get(address, &format!("/{path}"))?.status == 200, "{path}, plain");
    }
    let (good, text) = curl(&ca, &format!("https://{address}/metrics"), &["--tls-max", "1.2"])?;
    ensure!(!good, "{text}");
    let other = Authority::new()?;
    let (good, text) = curl(&other.ca(), &format!("https://{address}/metrics"), &[])?;
    ensure!(!good && (text.contains("curl: (35)") || text.contains("curl: (60)")), "{text}");

    let strict =
        Shard::start_with(ServerProcess::ours().in_memory().metrics(), &pair, &["--tls", "require"])?;
    let address = strict.server.metrics_addr();
    let (good, text) = curl(&ca, &format!("https://{address}/readyz"), &[])?;
    ensure!(good && text.contains("ready"), "{text}");
    let plain = get(address, "/readyz")?;
    ensure!(plain.status == 400 && plain.body == "this port takes https:// only", "{plain:?}");
    Ok(())
}

/// A gateway with a certificate. Dropping it kills the process.
struct Secure {
    child: Child,
    address: SocketAddr,
}

impl Secure {
    fn start(mut command: Command, pair: &Pair, ca: &Path, flags: &[&str]) -> Result<Secure> {
        let address = free_loopback_addr()?;
        command.args(["--listen", &address.to_string()]).args(pair.flags()).args(flags);
        let mut gateway = Secure { child: command.stdin(Stdio::null()).spawn()?, address };
        let ready = wait::poll(LIMIT, Duration::from_millis(50), || {
            ensure!(gateway.child.try_wait()?.is_none(), "the gateway exited");
            let (good, _) = curl(ca, &gateway.url("healthz"), &[])?;
            Ok(good.then_some(()))
        })?;
        ensure!(ready.is_some(), "the gateway does not answer");
        Ok(gateway)
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}/{path}", self.address)
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("could not stop the gateway {}: {error}", self.child.id());
        }
    }
}

#[test]
fn the_gateway_serves_https_alone_and_asks_shards_by_tls() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let (ca, folder) = (authority.ca(), TempDir::new()?);
    let shard = Shard::start(&pair, &["--tls", "require"])?;
    let token = folder.path().join("token");
    private_file(&token, TOKEN)?;
    let mut program = command(&shard.endpoint(), SECRET)?;
    program.env("EPISTEMIC_GRAPH_TLS", "require").env("EPISTEMIC_GRAPH_TLS_CA", &ca);
    let gateway = Secure::start(program, &pair, &ca, &["--token-file", &token.display().to_string()])?;

    let bearer = format!("authorization: Bearer {TOKEN}");
    let shown = wait::poll(LIMIT, Duration::from_millis(100), || {
        let (good, text) = curl(&ca, &gateway.url("api/tier"), &["-H", &bearer])?;
        ensure!(good && text.starts_with("HTTP/1.1 200"), "{text}");
        Ok(text.contains("\"shards_up\":1").then_some(text))
    })?;
    ensure!(
        shown.is_some_and(|text| !text.contains("\"code\":\"plaintext\"")),
        "the shard is not seen by TLS"
    );
    let (_, login) = curl(&ca, &gateway.url(&format!("?token={TOKEN}")), &[])?;
    let cookie = login.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie:"));
    ensure!(cookie.is_some_and(|cookie| cookie.trim_end().ends_with("; Secure")), "{login}");
    let plain = get(gateway.address, "/healthz")?;
    ensure!(plain.status == 400 && plain.body == "this port takes https:// only", "{plain:?}");
    let (good, text) = curl(&ca, &gateway.url("healthz"), &["--tls-max", "1.2"])?;
    ensure!(!good, "{text}");
    Ok(())
}

#[test]
fn a_gateway_without_tls_does_not_see_a_shard_that_requires_it() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let shard = Shard::start(&pair, &["--tls", "require"])?;
    let gateway = Secure::start(command(&shard.endpoint(), SECRET)?, &pair, &authority.ca(), &[])?;
    let told = wait::poll(LIMIT, Duration::from_millis(100), || {
        let (good, text) = curl(&authority.ca(), &gateway.url("api/tier"), &[])?;
        ensure!(good, "{text}");
        Ok(text.contains("TLS_REQUIRED").then_some(()))
    })?;
    ensure!(told.is_some(), "the dashboard does not say why");
    Ok(())
}

/// Whoever connects shows a certificate where one is asked for.
#[test]
fn a_gateway_may_ask_for_client_certificates() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let (ca, own) = (authority.ca(), authority.client("client", "urn:operator")?);
    let address = free_loopback_addr()?;
    let mut program = command("unix:///nonexistent/shard.sock", SECRET)?;
    program.args(["--listen", &address.to_string(), "--tls-client-ca", &authority.ca_text()?]);
    let mut child = program.args(pair.flags()).stdin(Stdio::null()).spawn()?;
    let url = format!("https://{address}/healthz");
    let [cert, key] = [&own.cert, &own.key].map(|path| path.display().to_string());
    let shown = wait::poll(LIMIT, Duration::from_millis(50), || {
        let (good, _) = curl(&ca, &url, &["--cert", &cert, "--key", &key])?;
        anyhow::Ok(good.then_some(()))
    });
    let refused = curl(&ca, &url, &[]);
    child.kill()?;
    child.wait()?;
    ensure!(shown?.is_some(), "it does not take the certificate");
    let (good, text) = refused?;
    ensure!(!good, "{text}");
    Ok(())
}
