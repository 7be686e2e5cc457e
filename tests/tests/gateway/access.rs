//! Who may look: tokens, loopback, and that nothing can be changed.

use std::net::SocketAddr;
use std::process::Output;

use anyhow::{Result, ensure};
use epistemic_tests::gateway::{Gateway, command, private_file};
use epistemic_tests::http::{Answer, exchange};
use tempfile::TempDir;

use super::{SECRET, TOPOLOGY};

/// Nobody listens there; the rules do not depend on it.
const NOWHERE: &str = "unix:///nonexistent/shard.sock";
const TOKEN: &str = "correct-horse-battery";

fn request(addr: SocketAddr, method: &str, path: &str, headers: &[&str], body: &str) -> Result<Answer> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    exchange(
        addr,
        &format!(
            "{method} {path} HTTP/1.1\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ),
    )
}

fn refused(args: &[&str]) -> Result<Output> {
    Ok(command(NOWHERE, SECRET)?.args(args).output()?)
}

#[test]
fn a_token_opens_everything_but_the_health_check() -> Result<()> {
    let dir = TempDir::new()?;
    let file = dir.path().join("token");
    private_file(&file, &format!("{TOKEN}\n"))?;
    let gateway = Gateway::start(NOWHERE, SECRET, &["--token-file", &file.display().to_string()])?;
    let ask =
        |path: &str, header: &str| request(gateway.addr(), "GET", path, &["host: anything", header], "");
    for path in [TOPOLOGY, "/metrics", "/api/tier", "/api/graphs", "/api/where?graph=g", "/app.js"] {
        for header in
            ["x: y", "authorization: Bearer correct-horse-batterz", "cookie: epistemic_graph_gateway=1"]
        {
            let answer = ask(path, header)?;
            ensure!(
                answer.status == 401 && answer.head.contains("www-authenticate: Bearer"),
                "{path}: {answer:?}"
            );
        }
        let answer = ask(path, &format!("authorization: Bearer {TOKEN}"))?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
    }
    let answer = ask("/", "x: y")?;
    ensure!(answer.status == 303 && answer.head.contains("location: /login"), "{answer:?}");
    ensure!(ask("/healthz", "x: y")?.status == 200 && ask("/login", "x: y")?.status == 200);

    let wrong = request(gateway.addr(), "POST", "/login", &["host: h"], "token=wrong")?;
    ensure!(wrong.status == 401 && !wrong.head.contains("set-cookie"), "{wrong:?}");
    for right in [
        request(gateway.addr(), "POST", "/login", &["host: h"], &format!("token={TOKEN}"))?,
        ask(&format!("/?token={TOKEN}"), "x: y")?,
    ] {
        ensure!(right.status == 303 && right.head.contains("location: /\r\n"), "{right:?}");
        let cookie =
            right.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_default();
        ensure!(cookie.contains("HttpOnly") && !cookie.contains(TOKEN), "{cookie}");
        let cookie = cookie.split(';').next().unwrap_or_default();
        ensure!(ask(TOPOLOGY, &format!("cookie: {cookie}"))?.status == 200);
    }
    let flood = request(gateway.addr(), "POST", "/login", &["host: h"], &"x".repeat(5000))?;
    ensure!(flood.status == 413, "{flood:?}");
    Ok(())
}

#[test]
fn without_a_token_only_loopback_is_served_and_nothing_can_be_changed() -> Result<()> {
    let gateway = Gateway::start(NOWHERE, SECRET, &[])?;
    let ask =
        |method: &str, host: &str| request(gateway.addr(), method, TOPOLOGY, &[&format!("host: {host}")], "");
    ensure!(ask("GET", "localhost:1")?.status == 200);
    ensure!(ask("GET", "rebound.example")?.status == 421);
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        ensure!(ask(method, "localhost")?.status == 405, "{method}");
    }
    let page = gateway.get("/")?;
    for header in
        ["content-security-policy: default-src 'none'; script-src 'self'", "x-content-type-options: nosniff"]
    {
        ensure!(page.head.contains(header), "{}", page.head);
    }
    Ok(())
}

#[test]
fn what_would_be_open_to_all_does_not_start() -> Result<()> {
    let dir = TempDir::new()?;
    let (short, open) = (dir.path().join("short"), dir.path().join("open"));
    private_file(&short, "short")?;
    fs_err::write(&open, TOKEN)?;
    let cases: [(&[&str], &str); 4] = [
        (&["--listen", "0.0.0.0:0"], "--token-file"),
        (&["--listen", "[::]:0"], "--token-file"),
        (&["--token-file", &short.display().to_string()], "fewer than 16"),
        (&["--token-file", &open.display().to_string()], "chmod 600"),
    ];
    for (args, reason) in cases {
        let output = refused(args)?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2) && text.contains(reason), "{args:?}: {output:?}");
    }
    Ok(())
}
