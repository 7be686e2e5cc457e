//! A Prometheus as a child process, on a free port, with its data in a temporary directory.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::ports::free_loopback_addr;
use epistemic_tests::wait::poll;
use serde_json::Value;

/// Long enough for a machine that compiles beside it.
const LIMIT: Duration = Duration::from_secs(120);
const INTERVAL: Duration = Duration::from_millis(100);
const ANSWER: Duration = Duration::from_secs(20);

/// Killed when dropped, by its process handle.
pub(super) struct Prometheus {
    child: Child,
    addr: SocketAddr,
    log: std::path::PathBuf,
}

impl Prometheus {
    /// Starts it on `folder/prometheus.yml` and waits until it is ready.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let addr = free_loopback_addr()?;
        let log = folder.join("prometheus.log");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={addr}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs_err::File::create(&log)?.into_file())
            .spawn()
            .context("start prometheus; install it with: scripts/setup")?;
        let mut prometheus = Self { child, addr, log };
        let ready = poll(LIMIT, INTERVAL, || {
            if let Some(status) = prometheus.child.try_wait()? {
                bail!("prometheus ended: {status}\n{}", prometheus.log());
            }
            Ok(get(addr, "/-/ready").ok())
        })?;
        ready.with_context(|| format!("not ready after {LIMIT:?}\n{}", prometheus.log()))?;
        Ok(prometheus)
    }

    /// The result of a query, now: a list of series with `metric` and `value`.
    pub(super) fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let data = self.data(&format!("/api/v1/query?query={}", percent_encoded(expression)))?;
        data["result"].as_array().cloned().with_context(|| format!("{expression}: {data}"))
    }

    /// The alerts that fire or are about to.
    pub(super) fn alerts(&self) -> Result<Vec<Value>> {
        let data = self.data("/api/v1/alerts")?;
        data["alerts"].as_array().cloned().with_context(|| format!("alerts: {data}"))
    }

    /// Asks until `look` finds something.
    pub(super) fn wait_for<T>(&self, what: &str, look: impl Fn(&Self) -> Result<Option<T>>) -> Result<T> {
        let found = poll(LIMIT, INTERVAL, || look(self))?;
        found.with_context(|| format!("{what}: not after {LIMIT:?}\n{}", self.log()))
    }

    fn data(&self, path: &str) -> Result<Value> {
        let body = get(self.addr, path)?;
        let answer: Value = serde_json::from_str(&body).with_context(|| body.clone())?;
        ensure!(answer["status"] == "success", "{path}: {body}");
        Ok(answer["data"].clone())
    }

    fn log(&self) -> String {
        fs_err::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of an answer with status 200. HTTP/1.0, so that it does not come in chunks.
fn get(addr: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {addr}\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer without the end of its headers")?;
    ensure!(head.split(' ').nth(1) == Some("200"), "{path}: {text}");
    Ok(body.to_owned())
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
