//! A shard in the process of a test.

#[cfg(test)]
pub(crate) mod remote_store;
#[cfg(test)]
mod remote_tests;

use std::{ffi::OsStr, sync::mpsc, thread::JoinHandle};

use anyhow::{Context, anyhow};
use rustix::fs::Mode;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::{
    config::{AuthChoice, Config},
    descriptors::Shares,
    expected_store::Expected,
    memory::Budget,
    open_store::{self, Opened},
    server::{self, Phase, Start},
};

/// A shard for one test: in memory, on a unix socket in a temporary directory, with a secret of its own. Variables of the
/// environment mean nothing to it. Tests that run at the same time each have theirs.
///
/// Dropping it stops it and forgets what was written; that blocks until it has ended.
///
/// ```
/// use epistemic_engine::testing::TestShard;
/// use epistemic_router::{Bin, ConnectOptions, EndpointList, Secret, ShardRouter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shard = TestShard::start()?;
/// let endpoints = EndpointList::parse(shard.endpoint())?;
/// let router = ShardRouter::new(endpoints, Secret::new(shard.secret()), ConnectOptions::default());
///
/// let notes = router.graph("notes");
/// notes.create("Agent").await?;
/// notes.add_node("a", Bin(b"\x80")).await?;
/// assert_eq!(notes.node_count().await?, 1);
/// # Ok(())
/// # }
/// ```
pub struct TestShard {
    endpoint: String,
    secret: String,
    /// Dropped to stop it.
    running: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
    _folder: TempDir,
}

impl TestShard {
    /// Starts a shard. Blocks until it listens, some milliseconds.
    ///
    /// # Errors
    /// It cannot listen in the directory for temporary files, or the process is out of threads or descriptors.
    pub fn start() -> anyhow::Result<Self> {
        Self::over(open_store::open, &[])
    }

    /// Starts a shard with these flags over what `open` opens.
    pub(crate) fn over(
        open: impl FnOnce(&Config, &Budget, Shares, &Expected) -> anyhow::Result<Opened> + Send + 'static,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("test-shard-").tempdir()?;
        let socket = folder.path().join("shard.sock");
        let flags = flags.iter().map(OsStr::new).chain([OsStr::new("--socket-path"), socket.as_os_str()]);
        let secret = hex::encode(rand::random::<[u8; 16]>());
        let start = Start::of(Config::of_flags(flags)?, AuthChoice::Secret(secret.clone().into()));
        let start = start.map_err(anyhow::Error::msg)?;

        let (running, stopped) = oneshot::channel::<()>();
        let (ready, listening) = mpsc::channel();
        let serve = move || {
            let until = || {
                Ok(async {
                    // Nothing is ever sent.
                    let _ = stopped.await;
                    "the test ends"
                })
            };
            let enters = |phase| {
                if let Phase::Serving = phase {
                    // Who started it waits for this.
                    let _ = ready.send(());
                }
            };
            server::run(open, start, Mode::RWXG | Mode::RWXO, None, until, enters)
        };
        let thread = std::thread::Builder::new().name("test-shard".into()).spawn(serve)?;
        let mut shard = Self {
            endpoint: format!("unix://{}", socket.display()),
            secret,
            running: Some(running),
            thread: Some(thread),
            _folder: folder,
        };
        match listening.recv() {
            Ok(()) => Ok(shard),
            Err(_) => Err(shard.end().err().context("the shard ended at its start")?),
        }
    }

    /// Where it listens: `unix://` and a path.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The secret of its clients.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Stops it, as dropping does, and tells what went wrong.
    ///
    /// # Errors
    /// It had ended already, or did not end in order.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    /// Waits until it has ended of itself.
    #[cfg(test)]
    pub(crate) fn ended(mut self) -> anyhow::Result<()> {
        self.join()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        drop(self.running.take());
        self.join()
    }

    fn join(&mut self) -> anyhow::Result<()> {
        self.thread.take().map_or(Ok(()), |thread| {
            thread.join().map_err(|_| anyhow!("the thread of the shard panicked")).flatten()
        })
    }
}

impl Drop for TestShard {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!("a shard of a test: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, path::Path};

    use super::*;

    fn connects(endpoint: &str) -> bool {
        UnixStream::connect(Path::new(endpoint.trim_start_matches("unix://"))).is_ok()
    }

    #[test]
    fn shards_of_tests_are_apart_and_leave_nothing() {
        let (one, other) = (TestShard::start().unwrap(), TestShard::start().unwrap());
        assert!(one.endpoint() != other.endpoint() && one.secret() != other.secret());
        let (first, second) = (one.endpoint().to_owned(), other.endpoint().to_owned());
        assert!(connects(&first) && connects(&second));
        one.stop().unwrap();
        assert!(!connects(&first) && connects(&second));
        drop(other);
        assert!(!connects(&second));
        let folder = Path::new(second.trim_start_matches("unix://")).parent().unwrap();
        assert!(!folder.exists(), "{}", folder.display());
    }
}
