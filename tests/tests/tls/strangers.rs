//! Handshakes that are begun by people who do not mean it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::http::{get, series};

use crate::{LIMIT, Shard, Tunnel, authority_and_server};

/// The first message of a client: one that `openssl` sends to a listener of ours.
fn client_hello() -> Result<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let mut openssl = Command::new("openssl")
        .args(["s_client", "-connect", &address])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let (mut stream, _) = listener.accept()?;
    let mut header = [0; 5];
    stream.read_exact(&mut header)?;
    let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    stream.read_exact(&mut hello)?;
    drop(stream);
    openssl.wait()?;
    Ok([&header[..], &hello].concat())
}

/// Everything until the server ends the connection.
fn until_the_end(stream: &mut TcpStream) -> Result<Duration> {
    let begun = Instant::now();
    stream.set_read_timeout(Some(LIMIT))?;
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => Ok(begun.elapsed()),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(begun.elapsed()),
        Err(error) => Err(error).context("the server holds the connection"),
    }
}

#[test]
fn slow_handshakes_are_ended() -> Result<()> {
    let (_authority, pair) = authority_and_server()?;
    let shard =
        Shard::start_with(ServerProcess::ours().in_memory().metrics(), &pair, &["--frame-deadline", "1"])?;
    let hello = client_hello()?;
    for sent in [&hello[..1], &hello[..5], &hello[..hello.len() - 1], &hello] {
        let mut stream = TcpStream::connect(shard.address)?;
        stream.write_all(sent)?;
        let took = until_the_end(&mut stream)?;
        ensure!(took >= Duration::from_millis(900), "{} bytes: it ended after {took:?}", sent.len());
    }
    let page = get(shard.server.metrics_addr(), "/metrics")?.body;
    let refused = series(&page, "epistemic_graph_tls_refusals_total{reason=\"handshake\"}");
    ensure!(refused == Some(4.0), "{page}");
    shard.wait_for_log("it takes longer than 1s")
}

/// Half of them after the first byte, half after the server has answered.
#[test]
fn a_thousand_half_open_handshakes_keep_nobody_out() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let shard = Shard::start_with(ServerProcess::ours().in_memory().metrics(), &pair, &[])?;
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &authority.ca_text()?])?;
    tunnel.client()?.create_graph("g")?;
    let hello = client_hello()?;
    let mut half_open = Vec::new();
    for number in 0..1000 {
        let mut stream = TcpStream::connect(shard.address)?;
        stream.write_all(if number % 2 == 0 { &hello[..1] } else { &hello })?;
        half_open.push(stream);
    }
    for number in 0..20 {
        let (mut secure, mut plain) = (tunnel.client()?, shard.plain()?);
        let begun = Instant::now();
        secure.add_node("g", &number.to_string(), b"\x80")?;
        ensure!(plain.call("g", "NodeCount", None)? == (number + 1).into());
        ensure!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    }
    Ok(())
}

/// One host may have so many connections that have not authenticated, whatever they begin with.
#[test]
fn handshakes_count_for_their_address() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let flags = ["--max-connections", "40", "--max-unauthenticated", "8"];
    let shard = Shard::start_with(ServerProcess::ours().in_memory().metrics(), &pair, &flags)?;
    let mut oldest = TcpStream::connect(shard.address)?;
    let hello = client_hello()?;
    oldest.write_all(&hello)?;
    let mut others = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(shard.address)?;
        stream.write_all(&hello[..5])?;
        others.push(stream);
    }
    let took = until_the_end(&mut oldest)?;
    ensure!(took < Duration::from_secs(9), "it made room after {took:?}, with its deadline");
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &authority.ca_text()?])?;
    tunnel.client()?.call("", "Ping", None)?;
    Ok(())
}
