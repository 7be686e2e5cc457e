//! A proxy before an HTTP server that lets one request go wrong.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before the server sees the request.
    Cut,
    /// It is answered with 503.
    Unavailable,
    /// The server carries it out, and the connection ends before the answer.
    Lost,
    /// The server does not see it and nobody answers.
    Stall,
    /// It is refused for want of room.
    Full,
}

#[derive(Debug, Default)]
struct Plan {
    /// The fault, and the number of requests before it.
    fault: Option<(Fault, usize)>,
    /// Requests since the fault was set.
    seen: usize,
    /// What every request meets; a full server those with an object alone.
    always: Option<Fault>,
    /// Connections that stay open without an answer.
    stalled: Vec<TcpStream>,
}

/// Forwards to one server. Each request has a connection of its own. Threads and port live as long as the process.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    met: Receiver<()>,
}

impl Proxy {
    /// Listens on a free loopback port.
    pub fn before(server: SocketAddr) -> Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let plan = Arc::new(Mutex::new(Plan::default()));
        let (sender, met) = channel();
        let shared = Arc::clone(&plan);
        std::thread::Builder::new().name("proxy".into()).spawn(move || {
            for client in listener.incoming().flatten() {
                let (plan, met) = (Arc::clone(&shared), sender.clone());
                let forward = move || {
                    // What goes wrong with one connection is seen by the client.
                    let _ = forward(client, server, &plan, &met);
                };
                if std::thread::Builder::new().name("proxied".into()).spawn(forward).is_err() {
                    return;
                }
            }
        })?;
        Ok(Proxy { addr, plan, met })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The request behind `after` further ones meets `fault`; one set before and not met is forgotten.
    pub fn set(&self, fault: Fault, after: usize) {
        let mut plan = lock(&self.plan);
        plan.fault = Some((fault, after));
        plan.seen = 0;
    }

    /// Every request stalls from now on, as when the network is gone, until [`Proxy::clear`].
    pub fn cut_off(&self) {
        lock(&self.plan).always = Some(Fault::Stall);
    }

    /// Every object is refused for want of room from now on, until [`Proxy::clear`].
    pub fn fill_up(&self) {
        lock(&self.plan).always = Some(Fault::Full);
    }

    /// No request goes wrong any more. Tells whether the fault was still to come.
    pub fn clear(&self) -> bool {
        while self.met.try_recv().is_ok() {}
        let mut plan = lock(&self.plan);
        plan.stalled.clear();
        plan.always = None;
        plan.fault.take().is_some()
    }

    /// Waits until a request has met the fault.
    pub fn wait_until_met(&self, limit: Duration) -> Result<()> {
        self.met.recv_timeout(limit).context("no request met the fault")
    }
}

fn lock(plan: &Mutex<Plan>) -> std::sync::MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

fn forward(
    mut client: TcpStream,
    server: SocketAddr,
    plan: &Mutex<Plan>,
    met: &Sender<()>,
) -> io::Result<()> {
    let Some((head, begun)) = read_head(&mut client)? else { return Ok(()) };
    let length: u64 = header(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let fault = due(plan, &head);
    if fault.is_some() {
        // The test that set it may have ended.
        let _ = met.send(());
    }
    match fault {
        Some(Fault::Cut) => return client.shutdown(Shutdown::Both),
        Some(Fault::Stall) => {
            lock(plan).stalled.push(client);
            return Ok(());
        }
        Some(fault @ (Fault::Unavailable | Fault::Full)) => {
            io::copy(&mut (&mut client).take(length - begun.len() as u64), &mut io::sink())?;
            let status = if fault == Fault::Full { "507 Insufficient Storage" } else { "503 Slow Down" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            return client.write_all(answer.as_bytes());
        }
        Some(Fault::Lost) | None => {}
    }
    let mut upstream = TcpStream::connect(server)?;
    let (line, rest) = head.split_once("\r\n").ok_or(io::ErrorKind::InvalidData)?;
    upstream.write_all(format!("{line}\r\nconnection: close\r\n{rest}\r\n\r\n").as_bytes())?;
    upstream.write_all(&begun)?;
    io::copy(&mut (&mut client).take(length - begun.len() as u64), &mut upstream)?;
    match fault {
        Some(_) => io::copy(&mut upstream, &mut io::sink())?,
        None => io::copy(&mut upstream, &mut client)?,
    };
    client.shutdown(Shutdown::Both)
}

/// The fault of the request that has come, if any.
fn due(plan: &Mutex<Plan>, head: &str) -> Option<Fault> {
    let mut plan = lock(plan);
    match plan.always {
        Some(Fault::Full) if !head.starts_with("PUT ") => {}
        Some(always) => return Some(always),
        None => {}
    }
    let (_, after) = plan.fault?;
    plan.seen += 1;
    (plan.seen > after).then(|| plan.fault.take().map(|(fault, _)| fault)).flatten()
}

/// The head of a request without its end, and what came of its body.
fn read_head(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            bytes.truncate(end);
            let head = String::from_utf8(bytes).map_err(io::Error::other)?;
            return Ok(Some((head, body)));
        }
        match client.read(&mut piece)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
