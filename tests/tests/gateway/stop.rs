//! What has begun is answered when the gateway is told to stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::gateway::Gateway;
use epistemic_tests::wait::poll;

use super::SECRET;

/// Nobody listens there.
const NOWHERE: &str = "unix:///nonexistent/shard.sock";
const LIMIT: Duration = Duration::from_secs(30);

/// A login form whose body is awaited: the server has asked for it.
fn begin(gateway: &Gateway) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(gateway.addr())?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(
        b"POST /login HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 7\r\n\r\n",
    )?;
    let mut answers = BufReader::new(stream);
    let mut line = String::new();
    answers.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 100 "), "{line}");
    answers.read_line(&mut line)?;
    Ok(answers)
}

fn refuses_connections(gateway: &Gateway) -> Result<()> {
    let refused = poll(LIMIT, Duration::from_millis(1), || {
        Ok::<_, anyhow::Error>(TcpStream::connect(gateway.addr()).is_err().then_some(()))
    })?;
    refused.context("it takes connections after the signal")
}

#[test]
fn an_open_request_is_answered_before_the_end() -> Result<()> {
    let mut gateway = Gateway::start(NOWHERE, SECRET, &[])?;
    let mut answers = begin(&gateway)?;
    // A connection that waits for nothing delays nobody.
    let _idle = TcpStream::connect(gateway.addr())?;
    gateway.terminate()?;
    refuses_connections(&gateway)?;
    answers.get_mut().write_all(b"token=x")?;
    let mut text = String::new();
    answers.read_to_string(&mut text)?;
    ensure!(text.starts_with("HTTP/1.1 401 ") && text.trim_end().ends_with("</html>"), "{text}");
    let status = gateway.wait_for_exit(LIMIT)?;
    ensure!(status.code() == Some(0), "{status}");
    Ok(())
}

#[test]
fn a_request_that_never_ends_does_not_keep_it() -> Result<()> {
    let mut gateway = Gateway::start(NOWHERE, SECRET, &[])?;
    let _answers = begin(&gateway)?;
    let begun = Instant::now();
    gateway.terminate()?;
    let status = gateway.wait_for_exit(LIMIT)?;
    ensure!(status.code() == Some(0) && begun.elapsed() < Duration::from_secs(10), "{status}");
    Ok(())
}
