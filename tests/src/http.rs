//! The few lines of HTTP that reading `/metrics`, `/healthz` and `/readyz` takes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// Status code, head and body of an answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code, such as 200.
    pub status: u16,
    /// Status line and headers, as they came.
    pub head: String,
    /// The body.
    pub body: String,
}

/// `GET path` over a new connection, which the server is asked to close. Waits at most ten seconds.
pub fn get(addr: SocketAddr, path: &str) -> Result<Answer> {
    exchange(addr, &format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n"))
}

/// Sends a whole request, which must ask the server to close the connection. Waits at most ten seconds.
pub fn exchange(addr: SocketAddr, request: &str) -> Result<Answer> {
    let limit = Duration::from_secs(10);
    let mut stream = TcpStream::connect_timeout(&addr, limit)?;
    stream.set_read_timeout(Some(limit))?;
    // One write: the reference answers and closes after the first bytes it reads.
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer without the end of its headers")?;
    let status = head.split(' ').nth(1).context("an answer without a status")?.parse()?;
    Ok(Answer { status, head: head.into(), body: body.into() })
}

/// The value of one Prometheus series in a metrics page, such as `epistemic_graph_requests_total{op="Ping"}`.
pub fn series(page: &str, name: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}
