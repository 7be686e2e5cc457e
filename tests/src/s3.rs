//! An S3-compatible server: moto, from the environment `s3` that `scripts/setup` makes, with `tests/python/moto_server.py`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::http::{exchange, get};
use crate::ports::free_loopback_addr;
use crate::{binaries, wait};

const LIMIT: Duration = Duration::from_secs(60);

/// A running server with one bucket, all in memory. Dropping it kills the process.
#[derive(Debug)]
pub struct S3Server {
    child: Child,
    addr: SocketAddr,
}

impl S3Server {
    /// The only bucket.
    pub const BUCKET: &'static str = "backups";

    /// Starts one on a free loopback port and waits until it has its bucket.
    pub fn start() -> Result<S3Server> {
        let addr = free_loopback_addr()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/moto_server.py");
        let child = Command::new(binaries::s3_python()?)
            .arg(script)
            .args(["-H", &addr.ip().to_string(), "-p", &addr.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = S3Server { child, addr };
        let ready = wait::poll(LIMIT, Duration::from_millis(20), || {
            ensure!(server.child.try_wait()?.is_none(), "the S3 server exited");
            Ok(get(addr, "/").ok())
        })?;
        ready.context("the S3 server does not answer")?;
        let bucket = Self::BUCKET;
        // Only the region is read from it; nothing is checked.
        let signature = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request";
        let request = format!(
            "PUT /{bucket} HTTP/1.1\r\nhost: {addr}\r\nauthorization: {signature}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let answer = exchange(addr, &request)?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(server)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The variables by which `egctl` finds a server at `addr`, this one or a proxy before it.
    pub fn env(addr: SocketAddr) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT", format!("http://{addr}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test-key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test-secret-key".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
