//! The dashboard's files over made-up answers: `tests/python/fake_gateway`, as a child process.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::http::get;

/// A running fake. Dropping it kills the process.
#[derive(Debug)]
pub struct FakeGateway {
    child: Child,
    addr: SocketAddr,
}

impl FakeGateway {
    /// Starts one on a free loopback port; it serves `tools/gateway/src/page` as it is in this repository.
    pub fn start() -> Result<FakeGateway> {
        Self::start_at(0)
    }

    /// The same at a port that is known already, so that an open page finds it again.
    pub fn start_at(port: u16) -> Result<FakeGateway> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new("python3")
            .arg(tests.join("python/fake_gateway"))
            .arg(tests.join("../tools/gateway/src/page"))
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start python3")?;
        let output = child.stdout.take().context("no output of the fake gateway")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port: u16 = line.trim().parse().with_context(|| format!("not a port: {line:?}"))?;
        Ok(FakeGateway { child, addr: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address of a page, which begins with `/`.
    pub fn url(&self, page: &str) -> String {
        format!("http://{}{page}", self.addr)
    }

    /// What it says from now on, such as `down=9&role=operator`; empty for all well. Returns the addresses of the API that were
    /// asked since it started, oldest first.
    pub fn say(&self, what: &str) -> Result<Vec<String>> {
        let answer = get(self.addr, &format!("/fake?{what}"))?;
        ensure!(answer.status == 200, "/fake answers {}", answer.status);
        let asked: Value = serde_json::from_str(&answer.body)?;
        let asked = asked.as_array().context("no list")?;
        Ok(asked.iter().filter_map(|path| path.as_str().map(str::to_owned)).collect())
    }
}

impl Drop for FakeGateway {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            eprintln!("could not stop the fake gateway {}: {error}", self.child.id());
        }
    }
}
