//! How fast a client takes its responses.

use std::io;

use tokio::{
    io::AsyncWriteExt,
    time::{Duration, Instant, timeout_at},
};

use crate::stream::Stream;

/// A client that takes nothing for this long is dropped.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);
/// So many bytes a second it takes on average at least, after that.
const SLOWEST: usize = 64 << 10;
/// A client that takes less than [`FAST`] in this time is slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes a second of a client that is not slow.
const FAST: usize = 32 << 20;

/// The pace of a client since it has responses to take.
pub(super) struct Pace {
    begun: Instant,
    /// When it last took something.
    took: Instant,
    written: usize,
}

impl Pace {
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Self { begun: now, took: now, written: 0 }
    }

    pub(super) fn is_slow(&self) -> bool {
        let elapsed = self.begun.elapsed();
        elapsed >= PATIENCE && (self.written as f64) < elapsed.as_secs_f64() * FAST as f64
    }

    /// When the client is dropped unless it takes more.
    fn deadline(&self) -> Instant {
        let on_average = Duration::from_secs((self.written / SLOWEST) as u64);
        self.took.min(self.begun + on_average) + WRITE_DEADLINE
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// The connection failed, or its client is dropped.
    pub(super) async fn write_all(&mut self, stream: &mut impl Stream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = &bytes[self.write(stream, bytes, None).await?..];
        }
        Ok(())
    }

    /// Sends a part of `bytes`, which are some, and returns how many; 0 when `patience` is over before the client took any.
    ///
    /// # Errors
    /// The connection failed, or its client is dropped.
    pub(super) async fn write(
        &mut self,
        stream: &mut impl Stream,
        bytes: &[u8],
        patience: Option<Duration>,
    ) -> io::Result<usize> {
        let deadline = self.deadline();
        let until = patience.map_or(deadline, |patience| deadline.min(Instant::now() + patience));
        match timeout_at(until, stream.write(bytes)).await {
            Ok(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                let count = count?;
                self.written += count;
                self.took = Instant::now();
                Ok(count)
            }
            Err(_) if until < deadline => Ok(0),
            Err(_) => Err(takes_nothing()),
        }
    }

    /// Sends what TLS has taken and not sent yet.
    ///
    /// # Errors
    /// The connection failed, or its client is dropped.
    pub(super) async fn flush(&self, stream: &mut impl Stream) -> io::Result<()> {
        timeout_at(self.deadline(), stream.flush()).await.map_err(|_| takes_nothing())?
    }
}

fn takes_nothing() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client reads no answers")
}
