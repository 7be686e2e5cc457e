//! One HTTP GET on loopback.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(10);

/// The body of `http://127.0.0.1:PORT{path}`.
///
/// # Errors
/// When there is no answer within ten seconds, or its status is not 200.
pub(super) async fn get(port: u16, path: &str) -> Result<String> {
    tokio::time::timeout(LIMIT, exchange(port, path))
        .await
        .with_context(|| format!("no answer from port {port} within {LIMIT:?}"))?
}

async fn exchange(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no header")?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.contains(" 200 "), "port {port} answered {path} with: {status}");
    Ok(body.to_owned())
}
